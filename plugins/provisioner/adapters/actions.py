"""The CRM's feed of actions, read through include/sql/crm/read_actions.sql. Never written, nothing locked there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from provisioner.adapters import session, sql
from provisioner.core.errors import SourceError
from provisioner.core.model import AccountId, SubscriptionNumber

FEED = "crm/read_actions"
# Rows of one statement: large enough that a backlog is read in few, small enough to be held in memory.
PAGE = 5_000

_TEXT = ("text", "varchar")
CONTRACT = (
    ("action_id", ("int8", "int4")),
    ("transaction_reference", _TEXT),
    ("transaction_id", _TEXT),
    ("behaviour", _TEXT),
    ("classification", _TEXT),
    ("subscription_number", _TEXT),
    ("performed_by", _TEXT),
    ("performed_at", ("timestamptz",)),
    ("state", _TEXT),
    ("related_subscription_number", _TEXT),
)
_NUMBER = re.compile(r"[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One executed action of the CRM. *problem*: why nothing can be done for it, if its row breaks the contract."""

    action_id: int
    transaction_reference: str
    has_transaction_id: bool
    behaviour: str
    subscription_number: SubscriptionNumber
    related_subscription_number: SubscriptionNumber | None
    performed_by: str
    performed_at: datetime
    executed: bool
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """The CRM's clock, and its oldest transaction open at that moment."""

    now: datetime
    oldest_transaction: str


def moment(db: sql.Connection) -> Moment:
    """Return the CRM's present moment; what a later statement does not see is of its transaction or a later one."""
    return Moment(*sql.one(db, "real_time/read_snapshot"))


def begins_at_transactions() -> bool:
    """Tell whether the operator's statement can begin at a transaction."""
    return "%(from_transaction)s" in sql.statement(FEED)


def check_contract(db: sql.Connection) -> None:
    """Raise SourceError unless the feed has the contract's columns, in its order and types."""
    try:
        cursor = sql.run(db, FEED, after=0, limit=0, from_transaction=None)
    except psycopg.Error as error:
        raise SourceError(
            f"include/sql/crm/read_actions.sql does not run on crm_db: {error}: see docs/crm-contract.md"
        ) from error
    types = db.adapters.types
    found = [
        (column.name, kind.name if (kind := types.get(column.type_code)) else str(column.type_code))
        for column in cursor.description or ()
    ]
    if len(found) == len(CONTRACT) and all(
        name == wanted and kind in kinds
        for (name, kind), (wanted, kinds) in zip(found, CONTRACT, strict=True)
    ):
        return
    raise SourceError(
        "include/sql/crm/read_actions.sql breaks docs/crm-contract.md: it should give "
        + ", ".join(f"{name} {' or '.join(kinds)}" for name, kinds in CONTRACT)
        + "; it gives "
        + ", ".join(" ".join(column) for column in found)
    )


def read(db: sql.Connection, *, after: int, from_transaction: str | None) -> Iterator[list[Action]]:
    """Yield the actions after an id, and of a transaction or a later one, in pages in the order of their ids."""
    while True:
        rows = sql.rows(db, FEED, after=after, limit=PAGE, from_transaction=from_transaction)
        if rows:
            yield [_parse(row) for row in rows]
        if len(rows) < PAGE:
            return
        after = rows[-1][0]


def find_accounts(
    db: sql.Connection, subscription_numbers: Iterable[SubscriptionNumber]
) -> dict[SubscriptionNumber, AccountId]:
    """Return the account of each of *subscription_numbers* that the CRM knows, and of its neighbours."""
    found = db.execute(
        sql.around("SELECT subscription_number, account_id FROM ({}) AS extract", "crm/extract_by_number"),
        {"subscription_numbers": list(subscription_numbers)},
    )
    return {number: account for number, account in found if number and account}


@asynccontextmanager
async def listening(dsn: str) -> AsyncIterator[AsyncIterator[psycopg.Notify]]:
    """Listen for the CRM's wake-ups; yields them as they come. Raises psycopg.Error where nobody may listen."""
    async with await psycopg.AsyncConnection.connect(session.conninfo(dsn), autocommit=True) as db:
        await db.execute("LISTEN subscription_actions")
        yield db.notifies()


def _parse(row: sql.Row) -> Action:
    action_id, reference, transaction_id, behaviour, _, number, by, at, state, related = row
    problem = None
    if not reference:
        problem = f"action {action_id} has no transaction_reference"
    elif not number or not _NUMBER.fullmatch(number):
        problem = f"action {reference} names the subscription {number!r}, which is no subscription number"
    elif related and not _NUMBER.fullmatch(related):
        problem = (
            f"action {reference} names the second subscription {related!r}, which is no subscription number"
        )
    elif at is None:
        problem = f"action {reference} has no performed_at"
    return Action(
        action_id=action_id,
        transaction_reference=reference or f"action {action_id}",
        has_transaction_id=transaction_id is not None,
        behaviour=behaviour or "",
        subscription_number=SubscriptionNumber(number or ""),
        related_subscription_number=SubscriptionNumber(related) if related else None,
        performed_by=by or "",
        performed_at=at or datetime.fromisoformat("1970-01-01T00:00:00+00:00"),
        executed=state == "EXECUTED",
        problem=f"{problem}: mend it in the CRM, or in include/sql/crm/read_actions.sql" if problem else None,
    )
