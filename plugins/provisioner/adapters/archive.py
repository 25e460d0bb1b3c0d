"""The archive in the database: months hot and cold, what proves a move, and the manifest."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import sql as compose

from provisioner.adapters import sql
from provisioner.core.retention import Content, Fold, HotMonth, Month, OutOfSync, Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is the same before and after a month moves."""

    folded: Fold
    known: Fold
    out_of_sync: OutOfSync

    def as_json(self) -> str:
        """Return it as the manifest keeps it."""
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A move that was committed, as its manifest row tells it, and whose look back is still to come."""

    manifest_number: int
    month: Month
    rows: int
    checksum: int
    performed_by: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMonth:
    """What the manifest says last of a month; *file* is the newest export, if there is one."""

    tier: str
    rows: int
    checksum: int
    file: str | None
    file_sha256: str | None
    file_rows: int | None
    file_checksum: int | None


def take_lock(db: sql.Connection) -> bool:
    """Become the only archivist until the session ends; False where another one is at work."""
    (taken,) = sql.one(db, "archive/try_lock")
    return bool(taken)


def give_lock_back(db: sql.Connection) -> None:
    """Let the next archivist in."""
    sql.run(db, "archive/give_lock_back")


def spend_memory(db: sql.Connection) -> None:
    """Let this transaction fold in memory, in one process."""
    sql.run(db, "archive/spend_memory")


def use_one_core(db: sql.Connection) -> None:
    """Let this session read with no process but its own."""
    sql.run(db, "archive/use_one_core")


def log_position(db: sql.Connection) -> int:
    """Return the last number of the log by now, whatever this transaction sees."""
    (number,) = sql.one(db, "archive/read_log_position")
    return int(number)


def hot_months(db: sql.Connection) -> list[HotMonth]:
    """Return the months of the hot log, oldest first."""
    return [
        HotMonth(month=Month(first_day=month), bytes=size, strays=strays)
        for month, size, strays in sql.rows(db, "archive/list_hot_months")
    ]


def count_hot(db: sql.Connection, month: Month) -> int:
    """Return the number of hot requests of *month*."""
    (requests,) = sql.one(db, "archive/count_month", **_bounds(month))
    return int(requests)


def content(db: sql.Connection, month: Month, *, tier: str) -> Content:
    """Return what names the rows that *month* has in a tier, 'hot' or 'cold'."""
    found = sql.one(db, f"archive/checksum_{tier}_month", **_bounds(month))
    return Content(rows=found[0], checksum=int(found[1]), first_log_number=found[2], last_log_number=found[3])


def folded_accounts(db: sql.Connection) -> tuple[int, int]:
    """Return how many accounts the closed requests, hot and cold, add up to, and their digest."""
    accounts, digest = sql.one(db, "archive/digest_folded_accounts")
    return accounts, int(digest)


def folded_things(db: sql.Connection) -> tuple[int, int]:
    """Return how many options and boxes the closed requests, hot and cold, add up to, and their digest."""
    things, digest = sql.one(db, "archive/digest_folded_things")
    return things, int(digest)


def known(db: sql.Connection) -> Fold:
    """Return known state in the same numbers."""
    accounts, accounts_digest, things, things_digest = sql.one(db, "archive/digest_known_state")
    return Fold(
        accounts=accounts,
        accounts_digest=int(accounts_digest),
        things=things,
        things_digest=int(things_digest),
    )


def differences(db: sql.Connection) -> list[str]:
    """Return in words, for at most 20 accounts, where the log and known state differ; compared by rows."""
    return [
        f"{account}: only the log has {more or []}, only known_state has {less or []}"
        for account, more, less in sql.rows(db, "archive/list_fold_differences")
    ]


def out_of_sync(db: sql.Connection) -> OutOfSync:
    """Return the accounts out of sync with the CRM as last landed."""
    accounts, digest, landing = sql.one(db, "archive/digest_out_of_sync")
    return OutOfSync(accounts=accounts, digest=int(digest), landing=landing)


def see_snapshot_of(witness: sql.Connection, db: sql.Connection) -> None:
    """Let *witness*, whose transaction has read nothing yet, see exactly what the transaction of *db* sees."""
    (name,) = sql.one(db, "archive/export_snapshot")
    witness.execute(compose.SQL("SET TRANSACTION SNAPSHOT {}").format(compose.Literal(name)))
    # The snapshot is taken over with the first statement, and must be before the other session ends.
    sql.run(witness, "archive/read_log_position")


def size(db: sql.Connection, table: str) -> int:
    """Return the bytes of a table with its indexes."""
    (found,) = sql.one(db, "archive/measure_table", table_name=table)
    return int(found)


def partitions(db: sql.Connection) -> list[Partition]:
    """Return the tables of the log, hot and cold, and how many of their rows this session has touched lately."""
    return [
        Partition(parent=parent, table=table, file=file, touched=touched)
        for parent, table, file, touched in sql.rows(db, "archive/read_partitions")
    ]


def record(
    db: sql.Connection,
    *,
    month: Month,
    operation: str,
    tier: str,
    before: Content,
    after: Content | None,
    performed_by: str,
    run_id: str,
    **more: Any,
) -> int:
    """Write a manifest row in the transaction of what it tells; without *after* it awaits `complete`."""
    optional = dict.fromkeys(
        (
            "proof_before",
            "proof_after",
            "file",
            "file_sha256",
            "file_rows",
            "file_checksum",
            "reason",
            "seconds",
        )
    )
    (number,) = sql.one(
        db,
        "archive/insert_manifest",
        month=month.first_day,
        operation=operation,
        tier=tier,
        **_bounds(month),
        first_log_number=before.first_log_number,
        last_log_number=before.last_log_number,
        rows_before=before.rows,
        checksum_before=before.checksum,
        rows_after=None if after is None else after.rows,
        checksum_after=None if after is None else after.checksum,
        performed_by=performed_by,
        run_id=run_id,
        **(optional | {"bytes": 0} | more),
    )
    return int(number)


def complete(
    db: sql.Connection, manifest_number: int, *, after: Content, proof: Proof | None, seconds: float
) -> None:
    """Complete a manifest row with the look back."""
    sql.run(
        db,
        "archive/complete_manifest",
        manifest_number=manifest_number,
        rows_after=after.rows,
        checksum_after=after.checksum,
        proof_after=None if proof is None else proof.as_json(),
        seconds=seconds,
    )


def unverified(db: sql.Connection) -> list[Moved]:
    """Return the moves that await their look back."""
    return [_moved(row) for row in sql.rows(db, "archive/list_unverified")]


def moved_by(db: sql.Connection, run_id: str) -> list[Moved]:
    """Return the moves of a run after which nothing else was done to the month."""
    return [_moved(row) for row in sql.rows(db, "archive/list_moved", run_id=run_id)]


def kept(db: sql.Connection, month: Month) -> KeptMonth | None:
    """Return what the manifest says last of *month*; None where it never moved."""
    found = sql.rows(db, "archive/read_month", month=month.first_day)
    if not found:
        return None
    tier, rows, checksum, file, sha256, file_rows, file_checksum = found[0]
    return KeptMonth(
        tier=tier,
        rows=rows,
        checksum=int(checksum),
        file=file,
        file_sha256=sha256,
        file_rows=file_rows,
        file_checksum=None if file_checksum is None else int(file_checksum),
    )


def kept_months(db: sql.Connection) -> list[Month]:
    """Return every month that ever left the hot log, oldest first."""
    return [Month(first_day=month) for (month,) in sql.rows(db, "archive/list_kept_months")]


def _bounds(month: Month) -> dict[str, Any]:
    return {"closed_from": month.begins_at, "closed_to": month.ends_at}


def _moved(row: sql.Row) -> Moved:
    number, month, rows, checksum, performed_by, run_id = row
    return Moved(
        manifest_number=number,
        month=Month(first_day=month),
        rows=rows,
        checksum=int(checksum),
        performed_by=performed_by,
        run_id=run_id,
    )
