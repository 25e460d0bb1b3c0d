"""The inbox of the CRM's actions: each once, leased to be drained, closed with what became of its accounts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from provisioner.adapters import sql
from provisioner.adapters.actions import Action
from provisioner.core import policy
from provisioner.core.model import AccountId, SubscriptionNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far the feed was read. *from_transaction* None: the feed is read again over an overlap."""

    action_id: int
    from_transaction: str | None
    began_at_action: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A waiting action that was leased."""

    transaction_reference: str
    action_id: int
    subscription_number: SubscriptionNumber
    related_subscription_number: SubscriptionNumber | None
    behaviour: str
    performed_by: str

    @property
    def subscription_numbers(self) -> tuple[SubscriptionNumber, ...]:
        """Return the one or two subscriptions it names."""
        related = self.related_subscription_number
        return (self.subscription_number, related) if related else (self.subscription_number,)


def read_cursor(db: sql.Connection) -> Cursor | None:
    """Return how far the feed was read; None before the first look."""
    row = sql.run(db, "real_time/read_cursor").fetchone()
    return Cursor(action_id=row[0], from_transaction=row[1], began_at_action=row[2]) if row else None


def write_cursor(
    db: sql.Connection, *, action_id: int, from_transaction: str | None, began_at_action: int
) -> None:
    """Record how far the feed was read, in the transaction that keeps what was read."""
    sql.run(
        db,
        "real_time/write_cursor",
        action_id=action_id,
        from_transaction=from_transaction,
        began_at_action=began_at_action,
    )


def overlap_begins_after(db: sql.Connection, overlap: timedelta) -> int | None:
    """Return the action after which a feed without transaction ids is read again; None: from where the lane began."""
    row = sql.run(db, "real_time/find_overlap", overlap=overlap).fetchone()
    return row[0] if row else None


def insert(db: sql.Connection, found: Sequence[Action]) -> int:
    """Copy *found* to the inbox, those that are there stay as they are; return how many are new."""
    return len(
        sql.rows(
            db,
            "real_time/insert_actions",
            transaction_references=[one.transaction_reference for one in found],
            action_ids=[one.action_id for one in found],
            behaviours=[one.behaviour for one in found],
            subscription_numbers=[one.subscription_number for one in found],
            related_numbers=[one.related_subscription_number for one in found],
            performed_by=[one.performed_by for one in found],
            performed_at=[one.performed_at for one in found],
            problems=[one.problem for one in found],
        )
    )


def take(
    db: sql.Connection, *, owner: str, lease: timedelta, limit: int, in_hand: Iterable[SubscriptionNumber]
) -> list[Taken]:
    """Lease the oldest waiting actions of subscriptions that are not *in_hand*, in the order of their ids."""
    found = sql.rows(
        db, "real_time/take_actions", owner=owner, lease=lease, limit=limit, in_hand=list(in_hand)
    )
    taken = [
        Taken(
            transaction_reference=row[0],
            action_id=row[1],
            subscription_number=row[2],
            related_subscription_number=row[3],
            behaviour=row[4],
            performed_by=row[5],
        )
        for row in found
    ]
    return sorted(taken, key=lambda one: one.action_id)


def newest_actions(db: sql.Connection, batch_id: int) -> dict[str, int]:
    """Return by subscription the newest action that the lane was told of before a batch; those of the last days.

    Empty unless the last whole extract shows that this CRM's versions are ids of actions.
    """
    return dict(sql.rows(db, "real_time/list_newest_actions", batch_id=batch_id))


def versions_are_actions(db: sql.Connection) -> bool:
    """Tell whether the last whole extract shows that this CRM's versions are ids of actions."""
    (are,) = sql.one(db, "real_time/are_versions_actions")
    return bool(are)


def newest_actions_of(
    db: sql.Connection, subscription_numbers: Iterable[SubscriptionNumber], batch_id: int
) -> dict[SubscriptionNumber, int]:
    """Return the newest action that the lane was told of each of these subscriptions; *batch_id*: who asks."""
    return dict(
        sql.rows(
            db,
            "real_time/list_newest_actions_of",
            subscription_numbers=list(subscription_numbers),
            batch_id=batch_id,
        )
    )


def open_group(
    db: sql.Connection,
    *,
    run_id: str,
    requested_by: str,
    parameters: Mapping[str, Any],
    provider_hash: str,
    numbers_by_account: Mapping[AccountId, Sequence[SubscriptionNumber]],
    accounts_by_reference: Mapping[str, Sequence[AccountId]],
) -> int:
    """Open the batch of a group of actions with its items; return its number."""
    (batch_id,) = sql.one(
        db,
        "real_time/open_group",
        run_id=run_id,
        requested_by=requested_by,
        parameters=json.dumps(parameters),
        provider_hash=provider_hash,
        extracted_rows=sum(len(numbers) for numbers in numbers_by_account.values()),
        out_of_sync=len(numbers_by_account),
    )
    sql.run(
        db,
        "real_time/insert_items",
        batch_id=batch_id,
        accounts=list(numbers_by_account),
        subscription_numbers=[",".join(numbers) for numbers in numbers_by_account.values()],
    )
    sql.run(
        db,
        "real_time/join_group",
        batch_id=batch_id,
        transaction_references=list(accounts_by_reference),
        accounts=[",".join(accounts) for accounts in accounts_by_reference.values()],
    )
    return int(batch_id)


def park(db: sql.Connection, reason_by_reference: Mapping[str, str]) -> None:
    """Park actions that nothing can be done for, and look at them again a few times."""
    sql.run(
        db,
        "real_time/park_actions",
        transaction_references=list(reason_by_reference),
        reasons=list(reason_by_reference.values()),
        attempts=policy.NOT_THERE_ATTEMPTS,
    )


def settle(db: sql.Connection, batch_ids: Sequence[int], *, again_after: timedelta) -> int:
    """Close the actions whose accounts have all ended in these batches; return how many went through."""
    done = [
        number
        for (number,) in sql.rows(
            db, "real_time/settle_actions", batch_ids=list(batch_ids), again_after=again_after
        )
    ]
    if done:
        sql.run(db, "real_time/settle_parked", subscription_numbers=sorted(set(done)))
    return len(done)


def put_back(
    db: sql.Connection, *, owner: str, batch_ids: Sequence[int], after: timedelta, reason: str | None
) -> None:
    """Let the actions of these batches that are not finished wait again, for *after* at least."""
    sql.run(db, "real_time/put_back", owner=owner, batch_ids=list(batch_ids), after=after, reason=reason)


def renew(db: sql.Connection, *, owner: str, batch_ids: Sequence[int], lease: timedelta) -> None:
    """Keep the actions of these batches that this owner has in hand."""
    sql.run(db, "real_time/renew_actions", owner=owner, batch_ids=list(batch_ids), lease=lease)
