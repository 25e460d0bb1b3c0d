"""What our database knows of one account, for a person who asks: read only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from provisioner.adapters import sql
from provisioner.core import blotting
from provisioner.core.explain import Refusal
from provisioner.core.model import AccountId, AccountState
from provisioner.core.packing import unpack_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in the timeline: the last row of a page."""

    at: datetime
    kind: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One thing that happened. *request* and *response* as they were sent and received, personal data blotted out."""

    at: datetime
    kind: str
    id: str
    told: dict[str, Any]
    request: str | None
    response: str | None


def known(db: sql.Connection, account: AccountId) -> tuple[AccountState, datetime | None]:
    """Return what Tucano is known to have for *account*, and since when."""
    row = sql.run(db, "pages/read_known", account=account).fetchone()
    return (AccountState(), None) if row is None else (unpack_state(*row[:3]), row[3])


def account_of(db: sql.Connection, number: str) -> AccountId | None:
    """Return the account that a subscription was served for, though the CRM does not have it any more."""
    row = sql.run(db, "pages/find_account", subscription_number=number).fetchone()
    return None if row is None else AccountId(row[0])


def refusals(db: sql.Connection, account: AccountId) -> list[Refusal]:
    """Return what Tucano refused when something was last sent for *account*."""
    return [
        Refusal(request_number=number, command=command, error_code=code or "", error_description=description)
        for number, command, _, _, code, description, _ in sql.rows(
            db, "pages/list_refusals", account=account
        )
    ]


def as_dicts(
    db: sql.Connection, statement: str, columns: Sequence[str], **given: Any
) -> list[dict[str, Any]]:
    """Return the rows of a statement of pages/ by the names of its *columns*."""
    return [dict(zip(columns, row, strict=True)) for row in sql.rows(db, statement, **given)]


def timeline(
    db: sql.Connection,
    account: AccountId,
    numbers: Sequence[str],
    *,
    kinds: Sequence[str] | None = None,
    before: Position | None = None,
    limit: int,
) -> list[Happened]:
    """Return the *limit* newest things that happened, or the newest *before* a position."""
    found = sql.rows(
        db,
        "pages/list_timeline",
        account=account,
        subscription_numbers=list(numbers),
        kinds=None if kinds is None else list(kinds),
        before_at=None if before is None else before.at,
        before_kind=None if before is None else before.kind,
        before_id=None if before is None else before.id,
        limit=limit,
    )
    return [
        Happened(
            at=at,
            kind=kind,
            id=name,
            told=told,
            request=blotting.request(body),
            response=blotting.answer(response, told.get("command")),
        )
        for at, kind, name, told, body, response in found
    ]
