"""The groups of the real-time lane: waiting actions leased together, and the batch of the accounts they concern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from provisioner.adapters import actions, inbox, sql
from provisioner.adapters.batches import REAL_TIME, Batch, Item
from provisioner.adapters.inbox import Taken
from provisioner.core import policy
from provisioner.core.model import AccountId, Provider, SubscriptionNumber
from provisioner.failpoint import failpoint
from provisioner.steps.drafting import Task

LEASE = timedelta(seconds=policy.ACTION_LEASE_SECONDS)


class Groups:
    """Opens one group after the other for one lane."""

    def __init__(self, *, owner: str, run_id: str) -> None:
        self._owner = owner
        self._run_id = run_id
        self._opened = 0

    def nothing_yet(self, provider: Provider) -> Batch:
        """Return a batch that stands for none, for what belongs to the lane itself."""
        return _batch(0, self._run_id, provider)

    def open(
        self,
        task: Task,
        db: sql.Connection,
        naming: sql.Connection,
        limit: int,
        in_hand: tuple[SubscriptionNumber, ...],
    ) -> tuple[int, tuple[Task, list[Item]] | None]:
        """Lease waiting actions and open the batch of their accounts; all actions of an account are one item."""
        with db.transaction():
            # Lost in a crash of the server, a lease is no loss; what follows is flushed with the requests.
            db.execute("SET LOCAL synchronous_commit = off")
            taken = inbox.take(db, owner=self._owner, lease=LEASE, limit=limit, in_hand=in_hand)
            if not taken:
                return 0, None
            asked = sorted({number for one in taken for number in one.subscription_numbers})
            account_by_number = actions.find_accounts(naming, asked)
            wanted = {one.transaction_reference: _accounts(one, account_by_number) for one in taken}
            if unknown := [one for one in taken if not wanted[one.transaction_reference]]:
                inbox.park(db, {one.transaction_reference: _not_there(one) for one in unknown})
            known = {reference: accounts for reference, accounts in wanted.items() if accounts}
            if not known:
                return len(taken), None
            numbers: dict[AccountId, list[SubscriptionNumber]] = {}
            touched = {account for accounts in known.values() for account in accounts}
            for number, account in sorted(account_by_number.items()):
                if account in touched:
                    numbers.setdefault(account, []).append(number)
            self._opened += 1
            run_id = f"{self._run_id} {self._owner.rpartition(':')[2]}-{self._opened}"
            batch_id = inbox.open_group(
                db,
                run_id=run_id,
                requested_by=taken[0].performed_by if len(taken) == 1 else "real time",
                parameters=_told(taken),
                provider_hash=task.provider.hash,
                numbers_by_account=numbers,
                accounts_by_reference=known,
            )
            failpoint("group.written")
        failpoint("group.committed")
        items = [
            Item(
                account=account,
                subscription_numbers=tuple(of_account),
                allowed_removals=None,
                batch_id=batch_id,
            )
            for account, of_account in numbers.items()
        ]
        return len(taken), (replace(task, batch=_batch(batch_id, run_id, task.provider)), items)


def _accounts(one: Taken, account_by_number: Mapping[SubscriptionNumber, AccountId]) -> list[AccountId]:
    """Return the accounts that an action concerns; none where the CRM's extract does not have its subscription."""
    if one.subscription_number not in account_by_number:
        return []
    return sorted(
        {account_by_number[number] for number in one.subscription_numbers if number in account_by_number}
    )


def _not_there(one: Taken) -> str:
    return (
        f"subscription {one.subscription_number} is not in the CRM's extract: nothing is sent; find out why it is not "
        "extracted, or why the action names it"
    )


def _told(taken: Iterable[Taken]) -> dict[str, Any]:
    """Return what a batch says about the actions that caused it."""
    all_of_them = list(taken)
    if len(all_of_them) == 1:
        (one,) = all_of_them
        return {
            "actions": 1,
            "transaction_reference": one.transaction_reference,
            "behaviour": one.behaviour,
            "subscription_number": one.subscription_number,
        }
    return {
        "actions": len(all_of_them),
        "first": all_of_them[0].transaction_reference,
        "last": all_of_them[-1].transaction_reference,
    }


def _batch(batch_id: int, run_id: str, provider: Provider) -> Batch:
    """Return a batch of the lane as it was written, without asking for it."""
    return Batch(
        batch_id=batch_id,
        cause=REAL_TIME,
        run_id=run_id,
        parameters={},
        filtered=True,
        dry_run=False,
        provider_hash=provider.hash,
        stage="GUARDED",
        extracted_rows=None,
        rejected_rows=None,
        counted_rows=None,
        landed_accounts=None,
        duplicate_keys=(),
        extract_whole=None,
        not_whole_because=(),
        out_of_sync=None,
        plan_hash=None,
        held_because=None,
        platform_down=None,
        failures=(),
        document=None,
    )
