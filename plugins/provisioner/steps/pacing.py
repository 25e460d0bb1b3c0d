"""Paces sending: queues of all doors in the database, a semaphore and a brake in this process.

There are two queues. The common one leaves real_time_share of the rate free; the other one has that share and is the
real-time lane's alone, so that it never waits behind a night. The lane takes its next places where they come first, so
that alone it has the whole rate.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from provisioner.adapters import request_log, sql
from provisioner.adapters.batches import REAL_TIME

# Places are reserved for this long at once: a round trip to the database for each request would cost more than it.
WINDOW_SECONDS = 0.1


@dataclass(slots=True)
class _Queue:
    """A queue of the database. *free_at*: when our last place in it was over, by the event loop's clock."""

    name: str
    rate: float
    free_at: float = 0.0


class Pace:
    """Lets requests go at the rate all doors share, and stops them when asked to wait."""

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
        common = _Queue(provider, requests_per_second * (1 - real_time_share))
        # No provider's code holds a colon, so this is nobody else's queue.
        lane = _Queue(f"{provider}:{REAL_TIME}", requests_per_second * real_time_share)
        self._all_queues = (common, lane) if real_time_share else (common,)
        self._queues = (lane, common) if door == REAL_TIME and real_time_share else (common,)
        self._stop = stop
        self._places = 0
        self._turn = asyncio.Lock()
        # One connection serves one thread at a time.
        self._database = asyncio.Lock()
        self._not_before = 0.0

    async def turn(self) -> bool:
        """Wait for a place; return False when sending has stopped meanwhile."""
        async with self._turn:
            while not self._stop.is_set():
                wait = self._not_before - asyncio.get_running_loop().time()
                if wait > 0:
                    await pause(self._stop, wait)
                    continue
                if self._places == 0:
                    await self._reserve()
                    continue
                self._places -= 1
                return True
        return False

    async def wait_for_platform(self, seconds: float) -> None:
        """Make this and every other door wait, as the platform asked."""
        self._places = 0
        self._not_before = max(self._not_before, asyncio.get_running_loop().time() + seconds)
        async with self._database:
            await asyncio.to_thread(self._pause_in_transaction, seconds)

    async def _reserve(self) -> None:
        queue = min(self._queues, key=lambda one: one.free_at)
        count = max(1, math.floor(queue.rate * WINDOW_SECONDS))
        async with self._database:
            wait = await asyncio.to_thread(self._reserve_in_transaction, queue, count)
        now = asyncio.get_running_loop().time()
        queue.free_at = now + wait + count / queue.rate
        self._places = count
        self._not_before = max(self._not_before, now + wait)

    def _reserve_in_transaction(self, queue: _Queue, count: int) -> float:
        with self._db.transaction():
            return request_log.reserve(
                self._db, provider=queue.name, count=count, requests_per_second=queue.rate
            )

    def _pause_in_transaction(self, seconds: float) -> None:
        with self._db.transaction():
            for queue in self._all_queues:
                request_log.pause(self._db, provider=queue.name, seconds=seconds)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but wake at once when sending stops."""
    if seconds <= 0:
        return  # between two requests of an account, as a rule: a task and a timer would cost more than its answer
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
