"""Send the accounts of one chunk: claim, plan, send in order, record; many accounts at once.

Three hands work together: a thread claims and plans the next accounts while the event loop sends, and another thread
writes outcomes. A request leaves only after the commit that says so; the next one of its account leaves only after
the commit of its outcome. So a crash leaves at most one request of an account in doubt, and the next run knows which.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import uvloop

from provisioner.adapters import batches, claims, inbox, sql, tucano
from provisioner.adapters.batches import Item
from provisioner.adapters.connections import Connections
from provisioner.core import policy
from provisioner.core.errors import ConfigurationError, PlatformUnavailable
from provisioner.core.model import AccountId, AccountState
from provisioner.steps.drafting import Task
from provisioner.steps.load_provider import of_batch
from provisioner.steps.pacing import Pace
from provisioner.steps.prepare import LEASE, Prepared, prepare
from provisioner.steps.recorder import Recorder
from provisioner.steps.sending import Sender, Stop
from provisioner.steps.work import Candidate, Work

# Accounts planned together: enough to make one query of many, few enough to be sent within the half second for
# which an account may be claimed ahead.
ACCOUNTS_A_WINDOW = 64
# An account that somebody else holds is asked for again after this long, for two leases at most: by then its holder
# has finished or is dead.
BUSY_SECONDS = 0.5
BUSY_TURNS = int(2 * policy.CLAIM_SECONDS / BUSY_SECONDS)
# Objects made before the garbage collector looks at the young ones, not Python's 700: those of a few hundred accounts
# in hand are alive, and looking at them again and again took a sixth of a dispatch.
COLLECT_AFTER_OBJECTS = 20_000


def run(
    connections: Connections, batch_id: int, chunk_number: int, *, ever: AccountState | None = None
) -> dict[str, int]:
    """Send a chunk of a batch; return how many accounts were finished and how many are left.

    *ever* forces the chunk's one account: see core.plan.plan_everything.

    Raises PlatformUnavailable when the platform is dead and ConfigurationError when it refuses our credentials
    or has seen our new request numbers before;
    what was sent is recorded, what was not stays open for the next run.
    """
    with (
        connections.under_claims() as planning,
        connections.under_claims() as recording,
        connections.under_claims() as renewing,
        connections.under_claims() as pacing,
        connections.crm() as source,
    ):
        source.autocommit = True
        with planning.transaction():
            batch = batches.read(planning, batch_id)
            items = batches.read_chunk(planning, batch_id, chunk_number)
            versions_are_actions = inbox.versions_are_actions(planning)
        task = Task(
            batch=batch,
            provider=of_batch(batch),
            owner=claims.new_owner(),
            ever=ever,
            versions_are_actions=versions_are_actions,
        )
        dispatch = Dispatch(
            task,
            items,
            planning=planning,
            recording=recording,
            renewing=renewing,
            pacing=pacing,
            source=source,
        )
        with seldom_collecting():
            uvloop.run(dispatch.run(connections.tucano))
        if dispatch.stop.reason:
            with planning.transaction():
                sql.run(planning, "batch/set_platform_down", batch_id=batch_id, reason=dispatch.stop.reason)
            if dispatch.stop.credentials or dispatch.stop.numbers:
                raise ConfigurationError(dispatch.stop.reason)
            raise PlatformUnavailable(dispatch.stop.reason)
    return {"finished": dispatch.finished, "left": len(items) - dispatch.finished}


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Let the garbage collector look seldom, and not at what was there before; afterwards all is as it was.

    For the whole process, in which one dispatch runs, as in a task.
    """
    young, middle, old = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, middle, old)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)
        gc.unfreeze()


class Dispatch:
    """One worker on one chunk."""

    def __init__(
        self,
        task: Task,
        items: list[Item],
        *,
        planning: sql.Connection,
        recording: sql.Connection,
        renewing: sql.Connection,
        pacing: sql.Connection,
        source: sql.Connection,
    ) -> None:
        settings = task.provider.settings
        self.finished = 0
        self.stop = Stop()
        self._task = task
        self._queue = deque(Candidate(item=item) for item in items)
        self._busy_turns: dict[AccountId, int] = {}
        self._works: dict[AccountId, Work] = {}
        self._postponed = 0
        self._failure: Exception | None = None
        self._changed = asyncio.Event()
        self._planning, self._renewing, self._source = planning, renewing, source
        self._recorder = Recorder(recording, task.batch.batch_id)
        self._pace = Pace(
            pacing,
            provider=task.provider.alternative_code,
            requests_per_second=settings.requests_per_second,
            stop=self.stop.event,
            real_time_share=settings.real_time_share,
            door=task.batch.cause,
        )

    async def run(self, endpoint: tucano.Endpoint) -> None:
        """Work until the chunk is done or the platform is found dead."""
        settings = self._task.provider.settings
        recording = asyncio.create_task(self._recorder.run())
        renewing = asyncio.create_task(self._renew())
        try:
            async with tucano.connect(endpoint, in_flight=settings.in_flight) as client:
                sender = Sender(client, self._recorder, self._pace, self.stop, settings)
                async with asyncio.TaskGroup() as sending:
                    await self._feed(sender, sending)
                self.finished += sender.finished
        except BaseExceptionGroup as several:
            # One account's failure (of the database) ends all; the first says why.
            raise several.exceptions[0] from several
        finally:
            self._recorder.close()
            renewing.cancel()
            await asyncio.gather(recording, renewing, return_exceptions=True)
            await asyncio.to_thread(self._give_back)
        if self._failure is not None:
            raise self._failure

    @property
    def _most(self) -> int:
        """Return how many accounts may be in hand at once.

        While one account's answer is being written another one may be sent, hence twice; and never more than half a
        second of the allowed rate, so that no account is held for long before its turn.
        """
        allowed = round(self._pace.rate * policy.CLAIM_AHEAD_SECONDS)
        return max(1, min(2 * self._task.provider.settings.in_flight, allowed))

    async def _feed(self, sender: Sender, sending: asyncio.TaskGroup) -> None:
        while not self.stop.event.is_set():
            room = self._most - len(self._works)
            if self._queue and room >= min(self._most, ACCOUNTS_A_WINDOW, len(self._queue)) // 2 + 1:
                window = [
                    self._queue.popleft() for _ in range(min(room, ACCOUNTS_A_WINDOW, len(self._queue)))
                ]
                try:
                    works = await self._prepare(window)
                except Exception as error:
                    # What is on its way is answered and recorded before the failure is told.
                    self._failure = error
                    self.stop.event.set()
                    return
                for work in works:
                    sending.create_task(self._send(sender, work))
            elif self._works or self._queue or self._postponed:
                self._changed.clear()
                await self._changed.wait()
            else:
                return

    async def _prepare(self, window: list[Candidate]) -> list[Work]:
        prepared: Prepared = await asyncio.to_thread(
            prepare, self._planning, self._source, self._task, window
        )
        if reason := await asyncio.to_thread(self._stopped_elsewhere):
            self.stop.now(reason)
        return self._accept(window, prepared)

    def _accept(self, window: list[Candidate], prepared: Prepared) -> list[Work]:
        """Take over what was prepared; return the work to be sent."""
        self.finished += prepared.finished
        for candidate in prepared.busy:
            self._postponed += 1
            asyncio.get_running_loop().call_later(BUSY_SECONDS, self._ask_again, candidate)
        for work in prepared.work:
            self._works[work.account] = work
        kept = self._works.keys() | {candidate.item.account for candidate in prepared.busy}
        for candidate in window:
            if candidate.item.account not in kept:
                self._ended(candidate.item)
        return prepared.work

    def _ask_again(self, candidate: Candidate) -> None:
        self._postponed -= 1
        turns = self._busy_turns[candidate.item.account] = self._busy_turns.get(candidate.item.account, 0) + 1
        if turns <= BUSY_TURNS:
            self._queue.append(candidate)
        else:
            self._ended(candidate.item)
        self._changed.set()

    async def _send(self, sender: Sender, work: Work) -> None:
        again = None
        try:
            again = await sender.send(work)
        finally:
            del self._works[work.account]
            if again is not None:
                self._queue.appendleft(again)
            else:
                self._ended(work.item)
            self._changed.set()

    def _ended(self, item: Item) -> None:
        """Be told when an account leaves this worker's hands, finished or not."""

    def _give_back(self) -> None:
        """Free what is claimed and was not begun again, so that nobody waits for a lease to end."""
        ours = {one.item.account: one.token for one in self._queue if one.token is not None}
        if ours and not self._planning.closed:
            with self._planning.transaction():
                claims.release(self._planning, ours)

    def _stopped_elsewhere(self) -> str | None:
        with self._planning.transaction():
            (reason,) = sql.one(
                self._planning, "batch/read_platform_down", batch_id=self._task.batch.batch_id
            )
        return reason  # type: ignore[no-any-return]

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(policy.CLAIM_RENEWAL_SECONDS)
            asked_at = time.monotonic()
            # What is claimed while the question is under way is in no answer, and is not lost.
            asked_for = list(self._works.values())
            try:
                renewed = await asyncio.to_thread(self._renew_in_transaction)
            except psycopg.Error:
                continue  # sending stops by itself when the leases end
            for work in asked_for:
                # Lost before its time, as when the database's clock is set: its end is not waited for.
                if renewed.get(work.account) != work.token:
                    work.lease_ends = 0.0
            for work in self._works.values():
                if renewed.get(work.account) == work.token:
                    work.lease_ends = asked_at + policy.CLAIM_SECONDS

    def _renew_in_transaction(self) -> dict[AccountId, int]:
        with self._renewing.transaction():
            return claims.renew(self._renewing, owner=self._task.owner, lease=LEASE)
