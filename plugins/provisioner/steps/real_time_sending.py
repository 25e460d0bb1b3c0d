"""The sender of the real-time lane: a dispatch that stays warm and is given accounts as their actions come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import psycopg

from provisioner.adapters import batches, claims, sql
from provisioner.adapters.batches import Item
from provisioner.core.errors import ProvisioningError
from provisioner.core.model import AccountId
from provisioner.steps.dispatch import ACCOUNTS_A_WINDOW, Dispatch
from provisioner.steps.drafting import Task
from provisioner.steps.prepare import Prepared, prepare
from provisioner.steps.sending import Sender
from provisioner.steps.work import Candidate, Work

# A batch may be asked for after its last account has ended: by the old account of a box that had to leave it first.
TASKS_KEPT = 10_000


class RealTimeDispatch(Dispatch):
    """Sends for accounts of many batches until it is stopped; *on_ended* hears of each account that left its hands."""

    def __init__(
        self,
        task: Task,
        *,
        planning: sql.Connection,
        recording: sql.Connection,
        renewing: sql.Connection,
        pacing: sql.Connection,
        source: sql.Connection,
        on_ended: Callable[[Item], None],
    ) -> None:
        super().__init__(
            task,
            [],
            planning=planning,
            recording=recording,
            renewing=renewing,
            pacing=pacing,
            source=source,
        )
        self._on_ended = on_ended
        self._tasks: dict[int, Task] = {}

    def offer(self, task: Task, items: Sequence[Item]) -> None:
        """Take the accounts of a batch in hand."""
        self._tasks[task.batch.batch_id] = task
        if len(self._tasks) > TASKS_KEPT:
            del self._tasks[next(iter(self._tasks))]
        self._queue.extend(Candidate(item=item) for item in items)
        self._changed.set()

    @property
    def in_hand(self) -> int:
        """Return how many accounts wait or are being sent."""
        return len(self._queue) + len(self._works) + self._postponed

    async def _feed(self, sender: Sender, sending: asyncio.TaskGroup) -> None:
        while not self.stop.event.is_set():
            room = self._most - len(self._works)
            if self._queue and room >= min(self._most, ACCOUNTS_A_WINDOW, len(self._queue)) // 2 + 1:
                window = self._next_window(min(room, ACCOUNTS_A_WINDOW))
                try:
                    works = await self._prepare_one_by_one_if_need_be(window)
                except Exception as error:
                    # What is on its way is answered and recorded before the failure is told.
                    self._failure = error
                    self.stop.event.set()
                    return
                for work in works:
                    sending.create_task(self._send(sender, work))
                continue
            self._changed.clear()
            stopped = asyncio.ensure_future(self.stop.event.wait())
            changed = asyncio.ensure_future(self._changed.wait())
            await asyncio.wait((stopped, changed), return_when=asyncio.FIRST_COMPLETED)
            for waiting in (stopped, changed):
                waiting.cancel()

    def _next_window(self, most: int) -> list[Candidate]:
        """Take candidates of one batch from the front: a plan is written for one batch at a time."""
        window = [self._queue.popleft()]
        while self._queue and len(window) < most and self._queue[0].item.batch_id == window[0].item.batch_id:
            window.append(self._queue.popleft())
        return window

    async def _prepare_one_by_one_if_need_be(self, window: list[Candidate]) -> list[Work]:
        """Prepare a window; where it fails for another reason than a database, find the account that is to blame."""
        try:
            return await self._prepare(window)
        except (
            psycopg.OperationalError,
            psycopg.InterfaceError,
            psycopg.ProgrammingError,
            ProvisioningError,
        ):
            raise  # a database that is away or set up wrong is no account's fault
        except Exception as error:
            await asyncio.to_thread(self._let_go, [candidate.item.account for candidate in window])
            alone = [replace(candidate, token=None, lease_ends=0.0) for candidate in window]
            if len(alone) == 1:
                await asyncio.to_thread(self._refuse, alone[0].item, error)
                self._ended(alone[0].item)
                return []
        works: list[Work] = []
        for candidate in alone:
            works += await self._prepare_one_by_one_if_need_be([candidate])
        return works

    async def _prepare(self, window: list[Candidate]) -> list[Work]:
        task = self._tasks[window[0].item.batch_id or 0]
        prepared: Prepared = await asyncio.to_thread(prepare, self._planning, self._source, task, window)
        return self._accept(window, prepared)

    def _ended(self, item: Item) -> None:
        self._busy_turns.pop(item.account, None)
        self._on_ended(item)

    def _let_go(self, accounts: Sequence[AccountId]) -> None:
        with self._planning.transaction():
            claims.release_owned(self._planning, accounts, owner=self._task.owner)

    def _refuse(self, item: Item, error: Exception) -> None:
        """End an account that cannot be planned; told by its kind, since its text may be personal."""
        explanation = f"it cannot be planned: {type(error).__name__}: look at its row in the CRM"
        with self._planning.transaction():
            batches.finish_items(
                self._planning, item.batch_id or 0, [(item.account, "ROW_REJECTED", explanation)]
            )
