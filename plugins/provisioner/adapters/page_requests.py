"""Requests as the pages show them: filtered, a page at a time, open, hot and archived as one; errors by likeness."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from provisioner.adapters import sql
from provisioner.adapters.page_batches import as_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilter:
    """Which requests are meant; None is no filter. *subscription* is a number or an account."""

    state: str | None = None
    command: str | None = None
    distributor: str | None = None
    error: str | None = None
    signature: str | None = None
    subscription: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRow:
    """One request, without its body. *position* is the place in the list, from which the next page goes on."""

    position: int
    request_number: str
    batch_id: int
    subscription_number: str
    account: str
    command: str
    distributor: str | None
    parameters: dict[str, Any]
    state: str
    error_code: str | None
    error_description: str | None
    reference_number: str | None
    planned_at: datetime
    sent_at: datetime | None
    closed_at: datetime | None
    attempts: int
    tier: str

    @property
    def shown_state(self) -> str:
        """Return the state, in which a request that was never sent is told from one that was refused."""
        return "NOT_SENT" if self.state == "REJECTED" and self.sent_at is None else self.state


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroup:
    """Requests of a batch that failed alike: the same command, code and words, whatever box or number these name."""

    signature: str
    state: str
    command: str
    error_code: str | None
    error_description: str | None
    requests: int
    subscriptions: int
    first_at: datetime
    last_at: datetime
    example: str


def list_requests(
    db: sql.Connection,
    wanted: RequestFilter,
    *,
    row_limit: int,
    batch_id: int | None = None,
    before: int | None = None,
) -> list[RequestRow]:
    """Return requests of a batch, or of all, newest first, those before position *before*."""
    parameters = asdict(wanted) | {"batch_id": batch_id, "before": before, "row_limit": row_limit}
    # Planned for these very values each time: with none of them known, an index for a rare one is not thought of.
    cursor = db.execute(sql.statement("pages/list_requests"), parameters, prepare=False)
    return as_rows(RequestRow, cursor.fetchall())


def list_error_groups(db: sql.Connection, batch_id: int, *, row_limit: int) -> list[ErrorGroup]:
    """Return what went wrong in a batch, the most frequent first."""
    return as_rows(
        ErrorGroup, sql.rows(db, "pages/list_error_groups", batch_id=batch_id, row_limit=row_limit)
    )


def list_failed_subscriptions(
    db: sql.Connection, batch_id: int, signature: str, *, row_limit: int
) -> list[str]:
    """Return the subscriptions whose requests in a batch are of the error group *signature*."""
    found = sql.rows(
        db,
        "pages/list_failed_subscriptions",
        batch_id=batch_id,
        signature=signature,
        row_limit=row_limit,
    )
    return [number for (number,) in found]
