"""The real-time lane: actions of the CRM reach Tucano as soon as they are committed there.

Two hands that do not wait for each other: one copies actions from the CRM's feed to the inbox, the other drains the
inbox. Each goes on by itself after a failure, later each time, so that actions are kept while Tucano is down and
nothing spins. What only a person can mend (a password, the provider file) is tried again in the same way, and ends the
run as a failed one when it has lasted for minutes. It ends within five seconds when told to; what it had in hand is
free for the next one at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import uvloop

from provisioner.adapters import claims, sql
from provisioner.adapters.connections import Connections
from provisioner.core import policy
from provisioner.core.errors import ConfigurationError, ProvisioningError
from provisioner.steps import load_provider
from provisioner.steps.real_time_drain import Drain
from provisioner.steps.real_time_feed import Feed

log = logging.getLogger(__name__)

ShouldEnd = Callable[[], str | None]


def run(
    connections: Connections,
    run_id: str,
    *,
    should_end: ShouldEnd = lambda: None,
    lasts_seconds: float | None = policy.LANE_ROTATION_SECONDS,
    provider_file: Path = load_provider.PROVIDER_FILE,
    connect_again: Callable[[], Connections] | None = None,
    mistake_seconds: float = policy.LANE_MISTAKE_SECONDS,
) -> dict[str, Any]:
    """Work until *should_end* (asked each second) gives a reason, SIGTERM comes or *lasts_seconds* are over.

    Returns why it ended and how many actions came and went through. Troubles of Tucano and of the databases do not end
    it: they are told in real_time_lane.last_error and tried again, with what *connect_again* gives then: a password
    that was changed counts at once. Raises ConfigurationError where something is set up wrong for *mistake_seconds*.
    """
    lane = _Lane(
        connections, run_id, should_end, lasts_seconds, provider_file, connect_again, mistake_seconds
    )
    return uvloop.run(lane.run())


def rotation_seconds(given: str | None) -> float:
    """Return the seconds that PROVISIONING_ROTATION_SECONDS asks for, an hour where it asks for none.

    Raises ConfigurationError for what is no time that a run may last.
    """
    shortest, longest = policy.LANE_SHORTEST_SECONDS, policy.LANE_ROTATION_SECONDS
    if not given:
        return longest
    if not given.isdecimal() or not shortest <= int(given) <= longest:
        raise ConfigurationError(
            f"PROVISIONING_ROTATION_SECONDS is {given!r}: give whole seconds, {shortest:.0f} to {longest:.0f}"
        )
    return float(given)


class _Lane:
    def __init__(
        self,
        connections: Connections,
        run_id: str,
        should_end: ShouldEnd,
        lasts_seconds: float | None,
        provider_file: Path,
        connect_again: Callable[[], Connections] | None,
        mistake_seconds: float,
    ) -> None:
        self._connections = connections
        self._run_id = run_id
        self._should_end = should_end
        self._lasts_seconds = lasts_seconds
        self._provider_file = provider_file
        self._connect_again = connect_again
        self._mistake_seconds = mistake_seconds
        self._mistake: ConfigurationError | None = None
        self._owner = claims.new_owner()
        self._started_at = datetime.now(UTC)
        self._ending = asyncio.Event()
        self._why_ended = "stopped"
        self._work = asyncio.Event()
        self._errors: dict[str, str] = {}
        self._came = self._went_through = 0
        self._came_before = 0
        self._feed = Feed(self._ending, self._on_new)

    async def run(self) -> dict[str, Any]:
        """Run both hands and the watch; return what came of it."""
        with _signals(self._end):
            hands = [
                asyncio.create_task(self._again_and_again("feed", self._read)),
                asyncio.create_task(self._again_and_again("drain", self._drain)),
                asyncio.create_task(self._watch()),
            ]
            ended = asyncio.create_task(self._ending.wait())
            try:
                await asyncio.wait([ended, *hands], return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._ending.set()
                await asyncio.gather(*hands)
        if self._mistake is not None:
            raise self._mistake
        return {"ended": self._why_ended, "actions": self._came, "done": self._went_through}

    def _end(self, why: str) -> None:
        if not self._ending.is_set():
            self._why_ended = why
            self._ending.set()

    def _on_new(self, count: int) -> None:
        self._came += count
        self._work.set()

    async def _read(self) -> None:
        await self._feed.run(self._connections, self._on_look)

    def _on_look(self) -> None:
        self._errors.pop("feed", None)

    async def _drain(self) -> None:
        drain = Drain(
            self._connections,
            run_id=self._run_id,
            provider_file=self._provider_file,
            ending=self._ending,
            work=self._work,
            on_settled=self._settled,
        )
        await drain.run()

    def _settled(self, count: int) -> None:
        self._went_through += count
        self._errors.pop("drain", None)

    async def _again_and_again(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do *work* until the end; after a failure again, later each time, until it has gone well for a while."""
        failures = 0
        mistaken_since: float | None = None
        while not self._ending.is_set():
            try:
                await work()
                failures = 0
            except (ProvisioningError, psycopg.Error) as error:
                if name not in self._errors:
                    failures, mistaken_since = 0, None
                failures += 1
                text = (
                    str(error) if isinstance(error, ProvisioningError) else f"{type(error).__name__}: {error}"
                )
                self._errors[name] = " ".join(text.split())
                if not isinstance(error, ConfigurationError):
                    mistaken_since = None
                elif mistaken_since is None:
                    mistaken_since = time.monotonic()
                elif time.monotonic() - mistaken_since >= self._mistake_seconds:
                    self._mistake = error
                    self._end("something is set up wrong")
                    return
                seconds = min(
                    policy.LANE_BACK_OFF_FIRST_SECONDS * 2 ** (failures - 1),
                    policy.LANE_BACK_OFF_LONGEST_SECONDS,
                )
                log.warning("%s: %s; tried again in %.0f s", name, self._errors[name], seconds)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), seconds)
                await self._take_up_connections()

    async def _take_up_connections(self) -> None:
        """Ask for the connections anew: whoever mended one does not have to start the lane again."""
        if self._connect_again is None or self._ending.is_set():
            return
        try:
            self._connections = await asyncio.to_thread(self._connect_again)
        except Exception as error:
            # Whatever Airflow says: those of before may still serve.
            log.warning("the connections cannot be asked for: %s", type(error).__name__)

    async def _watch(self) -> None:
        """Tell each second that the lane is alive, and end it when it should."""
        began = time.monotonic()
        with ExitStack() as opened:
            db: sql.Connection | None = None
            while True:
                if self._lasts_seconds is not None and time.monotonic() - began >= self._lasts_seconds:
                    self._end("rotation")
                elif not self._ending.is_set() and (why := await asyncio.to_thread(self._should_end)):
                    self._end(why)
                try:
                    if db is None or db.closed:
                        db = await asyncio.to_thread(opened.enter_context, self._connections.provisioning())
                        db.autocommit = True
                    await asyncio.to_thread(self._beat, db)
                except (ProvisioningError, psycopg.Error) as error:
                    log.warning("the lane cannot tell that it is alive: %s", type(error).__name__)
                if self._ending.is_set():
                    return
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), 1.0)

    def _beat(self, db: sql.Connection) -> None:
        came, self._came_before = self._came - self._came_before, self._came
        sql.run(
            db,
            "real_time/write_sign_of_life",
            owner=self._owner,
            started_at=self._started_at,
            mode=self._feed.mode,
            acted=came > 0,
            last_error="; ".join(self._errors.values()) or None,
            ended=self._ending.is_set(),
        )


@contextlib.contextmanager
def _signals(end: Callable[[str], None]) -> Iterator[None]:
    """Let SIGTERM and SIGINT end the lane in good order, where this is the main thread; as before afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    for one in before:
        loop.add_signal_handler(one, end, one.name)
    try:
        yield
    finally:
        for one, handler in before.items():
            loop.remove_signal_handler(one)
            if handler is not None:
                signal.signal(one, handler)
