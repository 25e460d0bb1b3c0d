"""Move one whole month from the hot log to the archive: as metadata, in one transaction, with proof."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from provisioner.adapters import archive, archive_tables, sql
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import retention
from provisioner.core.errors import SourceError
from provisioner.core.retention import Content, Month
from provisioner.failpoint import failpoint
from provisioner.steps import archivist
from provisioner.steps.reset_run import Run


def run(connection: ArchiveConnection, month_text: str, run: Run) -> dict[str, int]:
    """Move the month written as 2026-08; return {"rows", "seconds"}.

    A month that has moved already is left as it is: rows 0. Killed anywhere, the month is whole in one tier, and the
    same call finishes what is left to do. Raises NotProven where the proof fails (nothing is moved then), SourceError
    where the month is not whole.
    """
    began = time.monotonic()
    month = retention.parse_month(month_text)
    with archivist.alone(connection) as db:
        if archive_tables.exists(db, archive_tables.cold_table(month)) is not None:
            return {"rows": 0, "seconds": 0}
        _refuse_unless_whole(db, month)
        check_bounds(db, month)
        with _witness(connection) as witness:
            number, before, proof = _swap(db, witness, month, run)
            failpoint("archive.after_commit")
            after = archive.content(witness, month, tier="cold")
            retention.refuse_other_content(before, after, month=month)
            looked = archive.Proof(
                folded=proof.folded, known=proof.known, out_of_sync=archive.out_of_sync(witness)
            )
            if looked != proof:
                raise retention.NotProven(
                    f"month {month} moved and in the very same snapshot other accounts are out of sync: "
                    f"{proof.out_of_sync} before, {looked.out_of_sync} after"
                )
        seconds = time.monotonic() - began
        archive.complete(db, number, after=after, proof=looked, seconds=seconds)
        failpoint("archive.after_look_back")
    return {"rows": before.rows, "seconds": round(seconds)}


def _refuse_unless_whole(db: sql.Connection, month: Month) -> None:
    hot = {one.month: one for one in archive.hot_months(db)}
    if month not in hot:
        raise SourceError(f"month {month} has no table in the log: there is nothing to archive")
    if hot[month].strays:
        raise SourceError(
            f"requests of {month} lie in the default partition, so that the month is not whole: "
            "docs/archive.md says how to bring them home"
        )


def check_bounds(db: sql.Connection, month: Month) -> None:
    """Give the month's table a validated check of its bounds; only those who read the month are waited for."""
    table = archive_tables.hot_table(month)
    if archive_tables.has_valid_check(db, table) is None:
        archivist.with_patience(db, lambda: archive_tables.add_check(db, table, month))
    failpoint("archive.after_check")
    if not archive_tables.has_valid_check(db, table):
        archive_tables.validate_check(db, table)
    failpoint("archive.after_validate")


@contextmanager
def _witness(connection: ArchiveConnection) -> Iterator[sql.Connection]:
    """Open a second session, which will see the snapshot of the swap also after the swap's commit."""
    with connection.open() as db, archivist.snapshot(db):
        yield db


def _swap(
    db: sql.Connection, witness: sql.Connection, month: Month, run: Run
) -> tuple[int, Content, archive.Proof]:
    """Swap the month between the tiers; return the manifest's number, the content and the proof.

    The fold is computed before the log is locked. Under the lock, which writers wait for, it is proved that hot and
    cold are the same files with the same rows as before: in one snapshot their fold then is the same too.
    """
    began = time.monotonic()
    with archivist.snapshot(db):
        archive.see_snapshot_of(witness, db)
        proof = archivist.proof_of(db, when=f"before {month} moved,", witness=witness)
        before = archive.content(db, month, tier="hot")
        failpoint("archive.after_proof")
        archivist.with_patience(db, lambda: exchange(db, month))
        number = archive.record(
            db,
            month=month,
            operation="ARCHIVE",
            tier="cold",
            before=before,
            after=None,
            performed_by=run.requested_by,
            run_id=run.run_id,
            bytes=archive.size(db, archive_tables.cold_table(month)),
            proof_before=proof.as_json(),
            seconds=time.monotonic() - began,
        )
        failpoint("archive.before_commit")
    return number, before, proof


def exchange(db: sql.Connection, month: Month) -> None:
    """Take the month from one tier to the other, in a transaction that ends soon: writers of the log wait for it.

    Raises NotProven unless hot and cold together are, row by row, what they were.
    """
    hot, cold = archive_tables.hot_table(month), archive_tables.cold_table(month)
    moved = archive_tables.exists(db, hot)
    archive_tables.lock_for_move(db, month)
    before = archive.partitions(db)
    archive_tables.detach(db, archive_tables.HOT, hot)
    failpoint("archive.after_detach")
    archive_tables.attach(db, archive_tables.COLD, hot, month)
    failpoint("archive.after_attach")
    archive_tables.drop_check(db, hot)
    archive_tables.rename(db, hot, cold)
    retention.refuse_other_partitions(before, archive.partitions(db), moved=moved or 0)
