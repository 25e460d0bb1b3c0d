"""Drains the inbox: leases waiting actions, opens a batch for each group of them, and closes them with its outcome."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from provisioner.adapters import claims, inbox, sql
from provisioner.adapters.batches import Item
from provisioner.adapters.connections import Connections
from provisioner.core import policy
from provisioner.core.errors import ConfigurationError, PlatformUnavailable
from provisioner.core.model import AccountId, Provider, SubscriptionNumber
from provisioner.steps import load_provider
from provisioner.steps.drafting import Task
from provisioner.steps.real_time_gate import HOUR, SlidingGate
from provisioner.steps.real_time_group import LEASE, Groups
from provisioner.steps.real_time_sending import RealTimeDispatch
from provisioner.steps.sending import Stop

PARKED_AGAIN = timedelta(seconds=policy.PARKED_AGAIN_SECONDS)
# What an account left unfinished (somebody else held it for a minute) is taken up again after this long.
UNFINISHED_AGAIN = timedelta(seconds=1)
ABANDONED = timedelta(minutes=15)
# While one action tries a platform alone, another one joins it after each of these: an account that gets no answer must
# not keep all others waiting, and a platform that is dead is asked by few.
PROBE_SECONDS = 5.0
# Actions are closed so long after their accounts, many in one statement where there are many.
SETTLE_SECONDS = 0.02
SETTLE_MANY_SECONDS = 0.25
MANY = 32


class Drain:
    """One session of draining, from open connections to closed ones. *work* is set when actions may be waiting."""

    def __init__(
        self,
        connections: Connections,
        *,
        run_id: str,
        provider_file: Path,
        ending: asyncio.Event,
        work: asyncio.Event,
        on_settled: Callable[[int], None],
    ) -> None:
        self._on_settled = on_settled
        self._connections = connections
        # A name of this session's own: under the lane's, claims that an earlier one lost with its connections would be
        # renewed for good, and its groups would have the names of ours.
        self._owner = claims.new_owner()
        self._groups = Groups(owner=self._owner, run_id=run_id)
        self._provider_file = provider_file
        self._ending = ending
        self._work = work
        # One action is tried alone at first: a platform that is down, or that locks a user out after some wrong
        # passwords, is not asked by hundreds.
        self._probing_since: float | None = time.monotonic()
        self._in_hand: dict[SubscriptionNumber, int] = {}
        self._open: dict[int, set[AccountId]] = {}
        self._touched: set[int] = set()
        self._something_ended = asyncio.Event()
        self._over = asyncio.Event()
        # One connection serves one thread at a time.
        self._settling = asyncio.Lock()

    async def run(self) -> None:
        """Drain until the end; raises what stopped it: a platform or a database that is away, wrong settings."""
        with ExitStack() as opened:
            names = ("planning", "recording", "renewing", "pacing", "taking", "settling")
            db: dict[str, sql.Connection] = {}
            for name in names:
                db[name] = await asyncio.to_thread(opened.enter_context, self._connections.under_claims())
            source = await asyncio.to_thread(opened.enter_context, self._connections.crm())
            naming = await asyncio.to_thread(opened.enter_context, self._connections.crm())
            source.autocommit = naming.autocommit = True
            provider, base, versions_are_actions = await asyncio.to_thread(self._begin, db["settling"])
            task = Task(
                batch=self._groups.nothing_yet(provider),
                provider=provider,
                owner=self._owner,
                gate=SlidingGate(provider, base),
                versions_are_actions=versions_are_actions,
            )
            dispatch = RealTimeDispatch(
                task,
                planning=db["planning"],
                recording=db["recording"],
                renewing=db["renewing"],
                pacing=db["pacing"],
                source=source,
                on_ended=self._ended,
            )
            await self._work_together(dispatch, task, db["taking"], db["settling"], naming)

    async def _work_together(
        self,
        dispatch: RealTimeDispatch,
        task: Task,
        taking: sql.Connection,
        settling: sql.Connection,
        naming: sql.Connection,
    ) -> None:
        sending = asyncio.create_task(dispatch.run(self._connections.tucano))
        told = asyncio.create_task(self._ending.wait())
        hands = [
            asyncio.create_task(self._take_on(dispatch, task, taking, naming)),
            asyncio.create_task(self._settle_on(settling, dispatch.stop)),
            asyncio.create_task(self._keep(settling)),
        ]
        try:
            await asyncio.wait([sending, told, *hands], return_when=asyncio.FIRST_COMPLETED)
        finally:
            dispatch.stop.event.set()
            # The hands end by themselves: what a thread of theirs is just taking would be given back by nobody.
            self._over.set()
            self._work.set()
            self._something_ended.set()
            # An answer that does not come in time is asked for by whoever comes next, under the request's number.
            await asyncio.wait([sending], timeout=policy.LANE_LAST_ANSWERS_SECONDS)
            sending.cancel()
            told.cancel()
            results = await asyncio.gather(sending, told, *hands, return_exceptions=True)
            reason = dispatch.stop.reason
            await asyncio.to_thread(self._give_up, settling, reason)
        if reason:
            mistaken = dispatch.stop.credentials or dispatch.stop.numbers
            raise (ConfigurationError if mistaken else PlatformUnavailable)(reason)
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _begin(self, db: sql.Connection) -> tuple[Provider, int, bool]:
        """Settle what a killed lane left, and read what everything is measured with."""
        with db.transaction():
            sql.run(db, "batch/make_partitions")
            provider = load_provider.record(db, self._provider_file)
            left = [batch_id for (batch_id,) in sql.rows(db, "real_time/list_unsettled")]
            inbox.settle(db, left, again_after=PARKED_AGAIN)
            self._close_abandoned(db)
            (base,) = sql.one(db, "real_time/read_base")
            versions_are_actions = inbox.versions_are_actions(db)
        load_provider.refuse_unless_effective(provider)
        return provider, int(base), versions_are_actions

    # -- taking ---------------------------------------------------------------------------------

    async def _take_on(
        self, dispatch: RealTimeDispatch, task: Task, taking: sql.Connection, naming: sql.Connection
    ) -> None:
        while not self._over.is_set():
            self._work.clear()
            limit = self._most_at_once(dispatch.in_hand)
            if limit:
                found, group = await asyncio.to_thread(
                    self._groups.open, task, taking, naming, limit, tuple(self._in_hand)
                )
                if group is not None:
                    self._take_in_hand(*group)
                    dispatch.offer(*group)
                if found == policy.ACTIONS_A_GROUP:
                    continue
            if not self._over.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._work.wait(), policy.POLL_SECONDS)

    def _most_at_once(self, in_hand: int) -> int:
        """Return how many actions may be taken now, with so many accounts *in_hand*."""
        if self._probing_since is not None:
            joined = int((time.monotonic() - self._probing_since) / PROBE_SECONDS)
            return 1 if in_hand <= joined else 0
        return policy.ACTIONS_A_GROUP if in_hand <= policy.ACTIONS_A_GROUP // 2 else 0

    def _take_in_hand(self, task: Task, items: list[Item]) -> None:
        self._open[task.batch.batch_id] = {item.account for item in items}
        for item in items:
            for number in item.subscription_numbers:
                self._in_hand[number] = self._in_hand.get(number, 0) + 1

    def _ended(self, item: Item) -> None:
        """Note that an account left the sender's hands, so that what came for it meanwhile is taken."""
        accounts = self._open.get(item.batch_id or 0, set())
        if item.account not in accounts:
            return  # the old account of a box, which no action named
        accounts.discard(item.account)
        for number in item.subscription_numbers:
            left = self._in_hand.pop(number) - 1
            if left:
                self._in_hand[number] = left
        self._touched.add(item.batch_id or 0)
        self._something_ended.set()
        self._work.set()

    # -- settling -------------------------------------------------------------------------------

    async def _settle_on(self, db: sql.Connection, stop: Stop) -> None:
        while not self._over.is_set():
            await self._something_ended.wait()
            many = sum(len(accounts) for accounts in self._open.values()) > MANY
            await asyncio.sleep(SETTLE_MANY_SECONDS if many else SETTLE_SECONDS)
            self._something_ended.clear()
            touched, self._touched = self._touched, set()
            over = [batch_id for batch_id in touched if not self._open.get(batch_id)]
            async with self._settling:
                settled = await asyncio.to_thread(self._settle, db, sorted(touched), over, stop.reason)
            for batch_id in over:
                self._open.pop(batch_id, None)
            if settled:
                self._on_settled(settled)
                self._probing_since = None
                self._work.set()

    def _settle(self, db: sql.Connection, touched: list[int], over: list[int], reason: str | None) -> int:
        with db.transaction():
            settled = inbox.settle(db, touched, again_after=PARKED_AGAIN)
            if over:
                inbox.put_back(db, owner=self._owner, batch_ids=over, after=UNFINISHED_AGAIN, reason=reason)
                sql.run(db, "real_time/close_groups", batch_ids=over)
        return settled

    def _give_up(self, db: sql.Connection, reason: str | None) -> None:
        """Close what has ended and let the rest wait again, at once: whoever comes next may begin."""
        if db.closed:
            return
        ours = sorted(self._open)
        with db.transaction():
            inbox.settle(db, ours, again_after=PARKED_AGAIN)
            inbox.put_back(db, owner=self._owner, batch_ids=ours, after=timedelta(), reason=reason)
            sql.run(db, "real_time/close_groups", batch_ids=ours)

    # -- keeping --------------------------------------------------------------------------------

    async def _keep(self, db: sql.Connection) -> None:
        """Keep leases alive, wake what was parked, forget what is old; end when the provider file changes."""
        changed_at = self._provider_file.stat().st_mtime_ns
        turn = 0
        while not self._over.is_set() and self._provider_file.stat().st_mtime_ns == changed_at:
            async with self._settling:
                await asyncio.to_thread(self._tidy, db, turn, sorted(self._open))
            turn += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), 1.0)

    def _tidy(self, db: sql.Connection, turn: int, ours: list[int]) -> None:
        with db.transaction():
            db.execute("SET LOCAL synchronous_commit = off")
            sql.run(db, "real_time/wake_parked")
            if turn % int(policy.CLAIM_RENEWAL_SECONDS) == 0 and ours:
                inbox.renew(db, owner=self._owner, batch_ids=ours, lease=LEASE)
            if turn % 60 == 0:
                self._close_abandoned(db)
                sql.run(db, "real_time/forget_removals", hour=HOUR)
                sql.run(db, "real_time/forget_actions", keep=timedelta(days=policy.ACTIONS_KEPT_DAYS))

    def _close_abandoned(self, db: sql.Connection) -> None:
        abandoned = [batch_id for (batch_id,) in sql.rows(db, "real_time/list_abandoned", after=ABANDONED)]
        if abandoned:
            sql.run(db, "real_time/close_groups", batch_ids=abandoned)
