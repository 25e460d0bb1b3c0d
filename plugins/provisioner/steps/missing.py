"""Subscriptions that an account was served for and the CRM does not show: never taken for terminated.

Where an account has several, the rows of the others alone would read as if the missing one had given up what it wants.
So nothing is taken from such an account until the CRM shows the subscription again, ended or not, here or elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from provisioner.adapters import actions, batches, sql
from provisioner.core import plan as planning, wire
from provisioner.core.model import AccountId, Command, SubscriptionNumber
from provisioner.steps.drafting import Draft, Task, plan_draft

NumbersByAccount = Mapping[AccountId, frozenset[SubscriptionNumber]]


def withhold(db: sql.Connection, source: sql.Connection, task: Task, drafts: Iterable[Draft]) -> None:
    """Plan those accounts again without removals whose plan takes something away while a subscription is missing."""
    takers = {
        draft.account: draft for draft in drafts if draft.ending is None and _takes_away(draft.commands)
    }
    if not takers:
        return
    numbers = {
        account: frozenset(row.subscription_number for row in draft.rows) for account, draft in takers.items()
    }
    with db.transaction():
        found = find(db, source, task.batch.batch_id, numbers)
        if found:
            batches.withhold_items(db, task.batch.batch_id, found)
    for account, reason in found.items():
        plan_draft(takers[account], task, [reason])


def find(
    db: sql.Connection, source: sql.Connection, batch_id: int, numbers: NumbersByAccount
) -> dict[AccountId, str]:
    """Say of which accounts a subscription is missing; *numbers* are those that the CRM shows of each.

    Where none is left of those that were known, the account was numbered anew: what it has now is all.
    """
    missing: dict[AccountId, set[SubscriptionNumber]] = {}
    for account, known in batches.read_known_numbers(db, batch_id, list(numbers)).items():
        if known & numbers[account]:
            # A number that is none was a row's mistake, and is mended.
            missing[account] = {one for one in known - numbers[account] if wire.ACCOUNT.fullmatch(one)}
    asked = set().union(*missing.values())
    # One that belongs to another account now is not missing.
    there = actions.find_accounts(source, sorted(asked)) if asked else {}
    return {
        account: f"subscription {', '.join(gone)} of account {account} is no longer in the CRM's extract: nothing is "
        "taken from the account; end the subscription in the CRM, or find out why it is not extracted"
        for account, known in missing.items()
        if (gone := sorted(known - there.keys()))
    }


def _takes_away(commands: Iterable[Command]) -> bool:
    removals = planning.removals(commands)
    return bool(removals.pure or removals.replacement)
