"""Paces sending: one queue of all doors in the database, a semaphore and a brake in this process."""

from __future__ import annotations

import asyncio
import math

from provisioner.adapters import request_log, sql

# Places are reserved for this long at once: a round trip to the database for each request would cost more than it.
WINDOW_SECONDS = 0.1


class Pace:
    """Lets requests go at the rate all doors share, and stops them when asked to wait."""

    def __init__(
        self, db: sql.Connection, *, provider: str, requests_per_second: float, stop: asyncio.Event
    ) -> None:
        self._db = db
        self._provider = provider
        self._rate = requests_per_second
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
        count = max(1, math.floor(self._rate * WINDOW_SECONDS))
        async with self._database:
            wait = await asyncio.to_thread(self._reserve_in_transaction, count)
        self._places = count
        self._not_before = max(self._not_before, asyncio.get_running_loop().time() + wait)

    def _reserve_in_transaction(self, count: int) -> float:
        with self._db.transaction():
            return request_log.reserve(
                self._db, provider=self._provider, count=count, requests_per_second=self._rate
            )

    def _pause_in_transaction(self, seconds: float) -> None:
        with self._db.transaction():
            request_log.pause(self._db, provider=self._provider, seconds=seconds)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but wake at once when sending stops."""
    if seconds <= 0:
        return  # between two requests of an account, as a rule: a task and a timer would cost more than its answer
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
