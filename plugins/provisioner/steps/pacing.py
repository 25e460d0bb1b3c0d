"""Paces sending: queues of all doors in the database, a gate and a brake in this process.

There are two queues. The common one leaves real_time_share of the rate free; the other one has that share and is the
real-time lane's alone, so that it never waits behind a night. The lane takes its next places where they come first, so
that alone it has the whole rate. What is learned of the platform is written to both.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from provisioner.adapters import request_log, sending_rate, sql
from provisioner.adapters.batches import REAL_TIME
from provisioner.adapters.sending_rate import Reserved
from provisioner.core import pacing
from provisioner.core.pacing import Learned, Width

# Places are reserved for this long at once: a round trip to the database for each request would cost more than it.
WINDOW_SECONDS = 0.1
# Places nearer than this are not waited for: a timer is no finer, and fast platforms would only be slowed down.
NEAR_SECONDS = 0.001
# A platform that asks for a longer pause is left to the next run.
LONGEST_PAUSE_SECONDS = 60.0


@dataclass(slots=True)
class _Queue:
    """A queue of the database. *free_at*: when our last place in it was over, by the event loop's clock."""

    name: str
    share: float
    free_at: float = 0.0


class Pace:
    """Lets requests go at the rate all doors share, and stops them when asked to wait.

    `rate` is the requests a second that may leave now: the setting, or what the platform was found to allow.
    `blocked_seconds` is set where the platform asked for a pause too long to be waited for.
    """

    def __init__(
        self,
        db: sql.Connection,
        *,
        provider: str,
        requests_per_second: float,
        stop: asyncio.Event,
        real_time_share: float = 0.0,
        door: str = "",
    ) -> None:
        self._db = db
        common = _Queue(provider, 1 - real_time_share)
        # No provider's code holds a colon, so this is nobody else's queue.
        lane = _Queue(f"{provider}:{REAL_TIME}", real_time_share)
        self._all_queues = (common, lane) if real_time_share else (common,)
        self._queues = (lane, common) if door == REAL_TIME and real_time_share else (common,)
        self._most = requests_per_second
        self._stop = stop
        self._places = 0
        self._turn = asyncio.Lock()
        # One connection serves one thread at a time.
        self._database = asyncio.Lock()
        self._not_before = 0.0
        # The refused rate and the moment of the refusal, by the loop's clock.
        self._refused: tuple[float, float] | None = None
        self._asked = False
        self._answered = self._revived = False
        self.known_dead = False
        self.blocked_seconds: float | None = None

    @property
    def rate(self) -> float:
        """Return the requests a second that may leave now."""
        return pacing.rate_of(self._learned(), most=self._most)

    async def turn(self) -> bool:
        """Wait for a place; return False when sending has stopped meanwhile, or the pause asked for is too long."""
        async with self._turn:
            while not self._stop.is_set():
                if self._places == 0:
                    # Before the last place is due, so that the question costs no time between two of them.
                    await self._reserve()
                wait = self._not_before - asyncio.get_running_loop().time()
                if wait > LONGEST_PAUSE_SECONDS:
                    self.blocked_seconds = wait
                    return False
                if wait > NEAR_SECONDS:
                    await pause(self._stop, wait)
                    continue
                self._places -= 1
                # One after the other over the window: all at once would be refused by a platform without patience.
                self._not_before += 1 / self.rate
                return True
        return False

    def answered(self) -> None:
        """Note that the platform lives; other doors learn it with the next places."""
        self._answered = True
        if self.known_dead:
            self.known_dead, self._revived = False, True

    async def wait_for_platform(self, seconds: float, *, left_at: float | None = None) -> None:
        """Make this and every other door wait, as the platform asked.

        *left_at* is given where it refused for the number of requests: when the refused one left, by the loop's clock.
        All doors then go on more slowly.
        """
        now = asyncio.get_running_loop().time()
        refused_rate = None
        if left_at is not None and (self._refused is None or left_at > self._refused[1]):
            refused_rate = pacing.refused(self._learned(), most=self._most)
            self._refused = (refused_rate, now)
        self._places = 0
        self._not_before = max(self._not_before, now + seconds)
        await self._run(self._slow_down, seconds, refused_rate, now - (now if left_at is None else left_at))

    async def silences_of(self, batch_id: int) -> int:
        """Return how often in a row requests of a batch got no answer, whichever task sent them."""
        found: int = await self._run(self._count_silences, batch_id)
        return found

    async def found_dead(self) -> None:
        """Tell all doors that the platform is dead."""
        await self._run(self._mark_silent)

    def _learned(self) -> Learned | None:
        if self._refused is None:
            return None
        rate, at = self._refused
        return Learned(refused_rate=rate, seconds_ago=max(0.0, asyncio.get_running_loop().time() - at))

    async def _reserve(self) -> None:
        # The first place is asked for alone: how fast it may go on is known only with the answer.
        queue = min(self._queues, key=lambda one: one.free_at)
        rate = self.rate * queue.share
        count = max(1, math.floor(rate * WINDOW_SECONDS)) if self._asked else 1
        answered, self._answered, self._asked = self._answered, False, True
        reserved: Reserved = await self._run(self._reserve_places, queue.name, count, rate, answered)
        now = asyncio.get_running_loop().time()
        queue.free_at = now + reserved.wait + count / rate
        self._places = count
        self._not_before = max(self._not_before, now + reserved.wait)
        self.known_dead = reserved.known_dead
        if reserved.learned is not None:
            self._refused = (reserved.learned.refused_rate, now - reserved.learned.seconds_ago)

    async def _run(self, do: Callable[..., Any], *arguments: Any) -> Any:
        async with self._database:
            return await asyncio.to_thread(do, *arguments)

    def _reserve_places(self, queue: str, count: int, rate: float, answered: bool) -> Reserved:
        with self._db.transaction():
            if self._revived:
                self._revived = False
                sending_rate.mark_answering(self._db, queues=[one.name for one in self._all_queues])
            return request_log.reserve(
                self._db,
                provider=queue,
                count=count,
                requests_per_second=rate,
                answered=answered,
            )

    def _slow_down(self, seconds: float, refused_rate: float | None, left_seconds_ago: float) -> None:
        with self._db.transaction():
            for queue in self._all_queues:
                request_log.pause(self._db, provider=queue.name, seconds=seconds)
                if refused_rate is not None:
                    sending_rate.slow_down(
                        self._db,
                        provider=queue.name,
                        refused_rate=refused_rate,
                        left_seconds_ago=left_seconds_ago,
                    )

    def _count_silences(self, batch_id: int) -> int:
        with self._db.transaction():
            (silences,) = sql.one(self._db, "batch/count_silences", batch_id=batch_id)
        return int(silences)

    def _mark_silent(self) -> None:
        with self._db.transaction():
            for queue in self._all_queues:
                sending_rate.mark_silent(self._db, provider=queue.name)


class Gate:
    """Lets so many requests be unanswered at once as the platform was found to bear: `async with gate`."""

    def __init__(self, most: int) -> None:
        # One, until the first place tells whether the platform is known dead.
        self.width = Width.at_first(most, known_dead=True)
        self._inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def set(self, width: Width) -> None:
        """Open or close the gate to *width*; who is inside already stays."""
        self.width = width
        self._let_in()

    async def __aenter__(self) -> None:
        """Wait to be let in, in order of arrival."""
        if self._inside < int(self.width.now) and not self._waiting:
            self._inside += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Make room for the next one."""
        self._leave()

    def _leave(self) -> None:
        self._inside -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._inside < int(self.width.now):
            turn = self._waiting.popleft()
            if not turn.done():
                self._inside += 1
                turn.set_result(None)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but wake at once when sending stops."""
    if seconds <= 0:
        return  # between two requests of an account, as a rule: a task and a timer would cost more than its answer
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
