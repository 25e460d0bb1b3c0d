"""Batches as the pages show them: how each went, what was planned for whom, what the CRM's rows were refused for."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, TypeVar

from provisioner.adapters import sql

# Which door each DAG is.
CAUSES = {
    "tucano_reset_run": "RESET_RUN",
    "tucano_reset_subscription": "RESET_SUBSCRIPTION",
    "tucano_real_time": "REAL_TIME",
    "tucano_release_removals": "RELEASE_REMOVALS",
    "tucano_import_requests": "IMPORT",
}
DAGS = {cause: dag for dag, cause in CAUSES.items()}
# More than a minute of sending at the highest rate that a provider file may ask for.
NEWEST_REQUESTS = 30_000

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One run of one door, with its counts: those it closed with, or those of this moment."""

    batch_id: int
    cause: str
    run_id: str
    requested_by: str
    parameters: dict[str, Any]
    filtered: bool
    dry_run: bool
    provider_hash: str | None
    stage: str
    opened_at: datetime
    closed_at: datetime | None
    subscriptions: int | None
    rejected_rows: int | None
    extract_whole: bool | None
    not_whole_because: list[str]
    out_of_sync: int | None
    out_of_sync_after: int | None
    plan_hash: str | None
    held_because: str | None
    platform_down: str | None
    failures: list[str]
    summary: str | None
    accounts: int
    accounts_finished: int
    accounts_parked: int
    accounts_held: int
    requests_completed: int
    requests_rejected: int
    requests_not_sent: int
    requests_pending: int
    requests_unknown: int

    @property
    def dag_id(self) -> str:
        """Return the DAG whose run this is."""
        return DAGS[self.cause]

    @property
    def failed(self) -> bool:
        """Tell whether something went wrong that the run itself names."""
        return bool(self.failures or self.platform_down or "FAILED" in (self.summary or ""))

    @property
    def is_single(self) -> bool:
        """Tell whether it is of one subscription."""
        return self.cause == "RESET_SUBSCRIPTION"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """One account of a batch: its plan, and how it ended."""

    account: str
    subscription_numbers: list[str]
    planned: list[dict[str, Any]] | None
    removals: list[str]
    replacement: bool
    allowed_removals: list[str]
    withheld_because: list[str]
    outcome: str | None
    explanation: str | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """How many accounts a plan has one command for, at one distributor."""

    command: str
    distributor: str | None
    accounts: int
    commands: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row of the CRM that could not be used, or an account that is gone from it."""

    row_number: int
    account: str | None
    subscription_number: str | None
    reason: str
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What the last minute brought: requests answered, accounts of the batch finished."""

    requests: int
    accounts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """A day (UTC) in the counts of the batches that closed in it."""

    day: date
    out_of_sync: int | None
    completed: int
    rejected: int
    not_sent: int
    unknown: int


def as_rows(kind: type[Shown], rows: list[sql.Row]) -> list[Shown]:
    """Return *rows*, whose columns are the fields of the dataclass *kind* in their order, as such."""
    names = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    return [kind(**dict(zip(names, row, strict=True))) for row in rows]


def list_batches(
    db: sql.Connection,
    *,
    row_limit: int,
    batch_id: int | None = None,
    cause: str | None = None,
    run_id: str | None = None,
    before: int | None = None,
) -> list[BatchRow]:
    """Return the newest batches that fit, before batch *before*."""
    found = sql.rows(
        db,
        "pages/list_batches",
        batch_id=batch_id,
        cause=cause,
        run_id=run_id,
        before=before,
        row_limit=row_limit,
    )
    return as_rows(BatchRow, found)


def read_batch(db: sql.Connection, batch_id: int) -> BatchRow | None:
    """Return one batch."""
    return next(iter(list_batches(db, batch_id=batch_id, row_limit=1)), None)


def find_batch_of_run(db: sql.Connection, dag_id: str, run_id: str) -> BatchRow | None:
    """Return the newest batch of a run of Airflow; a run that was cleared has several."""
    cause = CAUSES.get(dag_id)
    if cause is None:
        return None
    return next(iter(list_batches(db, cause=cause, run_id=run_id, row_limit=1)), None)


def last_whole(db: sql.Connection) -> BatchRow | None:
    """Return the last closed run over all subscriptions that came as far as finding what is out of sync."""
    row = sql.run(db, "pages/read_last_whole").fetchone()
    return None if row is None else read_batch(db, row[0])


def list_items(
    db: sql.Connection,
    batch_id: int,
    *,
    row_limit: int,
    after: str | None = None,
    outcome: str | None = None,
    subscription: str | None = None,
    command: str | None = None,
    distributor: str | None = None,
) -> list[ItemRow]:
    """Return accounts of a batch in their order, those after *after*."""
    wanted = {"command": command, "distributor": distributor}
    part = {name: value for name, value in wanted.items() if value is not None}
    found = sql.rows(
        db,
        "pages/list_items",
        batch_id=batch_id,
        after=after,
        outcome=outcome,
        subscription=subscription,
        planned=json.dumps([part]) if part else None,
        row_limit=row_limit,
    )
    return as_rows(ItemRow, found)


def count_outcomes(db: sql.Connection, batch_id: int) -> dict[str, int]:
    """Return how many accounts of a batch ended how; UNFINISHED are those that have not."""
    return dict(sql.rows(db, "pages/count_outcomes", batch_id=batch_id))


def count_plan(db: sql.Connection, batch_id: int) -> list[PlanRow]:
    """Return the plan of a batch in a few lines. Reads all of it: a tenth of a second for 20,000 accounts."""
    return as_rows(PlanRow, sql.rows(db, "pages/count_plan", batch_id=batch_id))


def list_rejected_rows(
    db: sql.Connection, batch_id: int, *, row_limit: int, after: int | None = None, reason: str | None = None
) -> list[RefusedRow]:
    """Return rows of the CRM that a batch could not use, those after row *after*."""
    found = sql.rows(
        db, "pages/list_rejected_rows", batch_id=batch_id, after=after, reason=reason, row_limit=row_limit
    )
    return as_rows(RefusedRow, found)


def count_rejected_rows(db: sql.Connection, batch_id: int) -> dict[str, int]:
    """Return how many rows of a batch were refused for which reason."""
    return dict(sql.rows(db, "pages/count_rejected_rows", batch_id=batch_id))


def read_speed(db: sql.Connection, batch_id: int) -> Speed:
    """Return what the last minute brought."""
    (found,) = as_rows(Speed, sql.rows(db, "pages/read_speed", batch_id=batch_id, newest=NEWEST_REQUESTS))
    return found


def read_attention(db: sql.Connection) -> dict[str, Any]:
    """Return what needs a person and the signs of life, as pages/read_attention.sql names them."""
    (found,) = sql.one(db, "pages/read_attention")
    return dict(found)


def list_days(db: sql.Connection, days: int) -> list[DayRow]:
    """Return the last *days* days, those in which a batch closed."""
    return as_rows(DayRow, sql.rows(db, "pages/list_days", days=days))
