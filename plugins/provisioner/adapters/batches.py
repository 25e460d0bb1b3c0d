"""Batches and their items: what a run set out to do, how far it came, how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provisioner.adapters import sql
from provisioner.core.faults import SHOWN_CHARACTERS
from provisioner.core.model import AccountId, RejectedRow, SubscriptionNumber

# The doors that open batches.
RESET_RUN = "RESET_RUN"
RESET_SUBSCRIPTION = "RESET_SUBSCRIPTION"
RELEASE_REMOVALS = "RELEASE_REMOVALS"
IMPORT = "IMPORT"
REAL_TIME = "REAL_TIME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One run of one door as the database has it."""

    batch_id: int
    cause: str
    run_id: str
    parameters: dict[str, Any]
    filtered: bool
    dry_run: bool
    provider_hash: str | None
    stage: str
    extracted_rows: int | None
    rejected_rows: int | None
    counted_rows: int | None
    landed_accounts: int | None
    duplicate_keys: tuple[str, ...]
    extract_whole: bool | None
    not_whole_because: tuple[str, ...]
    out_of_sync: int | None
    plan_hash: str | None
    held_because: str | None
    platform_down: str | None
    failures: tuple[str, ...]
    document: dict[str, Any] | None

    @property
    def caused_by(self) -> str:
        """Return what each request of this batch is said to be caused by."""
        return f"{self.cause} {self.run_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One account of a batch. *allowed_removals*: what the guard let go, as core.packing.removal_keys writes it.

    None: nobody has judged it yet, the door's own gate does when the account is planned. *batch_id*: set where one
    worker has accounts of several batches in hand.
    """

    account: AccountId
    subscription_numbers: tuple[SubscriptionNumber, ...]
    allowed_removals: frozenset[str] | None
    batch_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """An account out of sync: what is wanted and what is known, packed as they are kept."""

    account: AccountId
    subscription_numbers: tuple[SubscriptionNumber, ...]
    understood: bool
    active: bool
    options: Sequence[str]
    materials: Sequence[str]
    kept: Sequence[str]
    withheld_because: Sequence[str]
    known_exists: bool | None
    known_options: Sequence[str] | None
    known_materials: Sequence[str] | None
    account_asked: bool = False
    distrusted_options: Sequence[str] = ()
    distrusted_materials: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedItem:
    """The plan of one account, for people and for the guard; *planned* holds no personal data."""

    account: AccountId
    chunk_number: int
    planned: list[dict[str, Any]]
    removals: list[str]
    replacement: bool
    withheld_because: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A part of a batch for one task. *label* is what the task is called in the UI."""

    chunk_number: int
    accounts: int
    label: str


def open_batch(
    db: sql.Connection,
    *,
    cause: str,
    run_id: str,
    requested_by: str,
    parameters: dict[str, Any],
    filtered: bool,
    dry_run: bool,
) -> int:
    """Open the batch of a run, or find the one its first attempt opened; close older ones left open."""
    (batch_id,) = sql.one(
        db,
        "batch/open_batch",
        cause=cause,
        run_id=run_id,
        requested_by=requested_by,
        parameters=json.dumps(parameters),
        filtered=filtered,
        dry_run=dry_run,
    )
    sql.run(db, "batch/close_abandoned", cause=cause, batch_id=batch_id)
    return int(batch_id)


def read(db: sql.Connection, batch_id: int) -> Batch:
    """Return the batch."""
    row = sql.one(db, "batch/read_batch", batch_id=batch_id)
    return Batch(
        batch_id=batch_id,
        cause=row[0],
        run_id=row[1],
        parameters=row[2],
        filtered=row[3],
        dry_run=row[4],
        provider_hash=row[5],
        stage=row[6],
        extracted_rows=row[7],
        rejected_rows=row[8],
        counted_rows=row[9],
        landed_accounts=row[10],
        duplicate_keys=tuple(row[11]),
        extract_whole=row[12],
        not_whole_because=tuple(row[13]),
        out_of_sync=row[14],
        plan_hash=row[15],
        held_because=row[16],
        platform_down=row[17],
        failures=tuple(row[18]),
        document=row[19],
    )


def insert_rejected_rows(db: sql.Connection, batch_id: int, rows: Iterable[RejectedRow]) -> None:
    """Keep rows that could not be used."""
    with db.cursor() as cursor, cursor.copy(sql.statement("batch/copy_rejected_rows")) as copy:
        for row in rows:
            copy.write_row(
                (batch_id, cut(row.account), cut(row.subscription_number), row.reason.value, row.explanation)
            )


def cut(number: str | None) -> str | None:
    """Return so much of a number that is none as a person needs to find its row."""
    return number and number[:SHOWN_CHARACTERS]


def read_landed(db: sql.Connection, batch_id: int) -> Iterator[Landed]:
    """Yield the accounts of a batch in the order of account, by a server-side cursor."""
    with db.cursor(name="landed_items") as cursor:
        cursor.itersize = 5_000
        cursor.execute(sql.statement("desired_state/read_items"), {"batch_id": batch_id})
        for row in cursor:
            yield Landed(
                account=row[0],
                subscription_numbers=tuple(row[1]),
                understood=row[2],
                active=row[3],
                options=row[4],
                materials=row[5],
                kept=row[6],
                withheld_because=row[7],
                known_exists=row[8],
                known_options=row[9],
                known_materials=row[10],
                account_asked=row[11],
                distrusted_options=row[12],
                distrusted_materials=row[13],
            )


def write_plans(db: sql.Connection, batch_id: int, items: Iterable[PlannedItem]) -> None:
    """Write the plans of a batch, all in this transaction."""
    sql.run(db, "batch/create_planned_item")
    with db.cursor() as cursor, cursor.copy(sql.statement("batch/copy_planned_items")) as copy:
        for item in items:
            copy.write_row(
                (
                    item.account,
                    item.chunk_number,
                    json.dumps(item.planned),
                    item.removals,
                    item.replacement,
                    item.withheld_because,
                )
            )
    sql.run(db, "batch/join_planned_items", batch_id=batch_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An account whose plan, or whose removals, wait for a person."""

    account: AccountId
    subscription_numbers: tuple[SubscriptionNumber, ...]
    removals: list[str]
    planned: list[dict[str, Any]]


def read_held(db: sql.Connection, batch_id: int) -> list[Held]:
    """Return what a batch holds and nobody has released or replaced."""
    return [
        Held(account=account, subscription_numbers=tuple(numbers), removals=removals, planned=planned)
        for account, numbers, removals, planned in sql.rows(db, "batch/read_held", batch_id=batch_id)
    ]


def list_chunks(db: sql.Connection, batch_id: int) -> list[Chunk]:
    """Return the chunks that still have work; a chunk of one account bears its subscription number."""
    return [
        Chunk(
            chunk_number=number,
            accounts=accounts,
            label=first if accounts == 1 else f"chunk {number} ({accounts} accounts)",
        )
        for number, accounts, first in sql.rows(db, "batch/list_chunks", batch_id=batch_id)
    ]


def read_chunk(db: sql.Connection, batch_id: int, chunk_number: int) -> list[Item]:
    """Return the unfinished accounts of one chunk."""
    return [
        Item(account=account, subscription_numbers=tuple(numbers), allowed_removals=frozenset(allowed))
        for account, numbers, allowed in sql.rows(
            db, "batch/read_chunk", batch_id=batch_id, chunk_number=chunk_number
        )
    ]


def read_items_of(db: sql.Connection, batch_id: int, accounts: Sequence[AccountId]) -> list[Item]:
    """Return the items of those *accounts* that are of the batch; the others may have nothing taken away by it."""
    found = {
        account: Item(
            account=account, subscription_numbers=tuple(numbers), allowed_removals=frozenset(allowed)
        )
        for account, numbers, allowed in sql.rows(
            db, "batch/read_items_of", batch_id=batch_id, accounts=list(accounts)
        )
    }
    return [found[account] for account in accounts if account in found]


def read_known_numbers(
    db: sql.Connection, batch_id: int, accounts: Sequence[AccountId]
) -> dict[AccountId, set[SubscriptionNumber]]:
    """Return by which subscriptions *accounts* were known before a batch."""
    known: dict[AccountId, set[SubscriptionNumber]] = {}
    for account, number in sql.rows(
        db, "batch/list_known_numbers", batch_id=batch_id, accounts=list(accounts)
    ):
        known.setdefault(account, set()).add(number)
    return known


def withhold_items(db: sql.Connection, batch_id: int, reason_by_account: Mapping[AccountId, str]) -> None:
    """Note why nothing may be taken from accounts of a batch."""
    sql.run(
        db,
        "batch/withhold_items",
        batch_id=batch_id,
        accounts=list(reason_by_account),
        reasons=list(reason_by_account.values()),
    )


def finish_items(
    db: sql.Connection, batch_id: int, ended: Sequence[tuple[AccountId, str, str | None]]
) -> None:
    """Record how accounts ended: (account, outcome, explanation)."""
    sql.run(
        db,
        "batch/finish_items",
        batch_id=batch_id,
        accounts=[account for account, _, _ in ended],
        outcomes=[outcome for _, outcome, _ in ended],
        explanations=[explanation for _, _, explanation in ended],
    )
