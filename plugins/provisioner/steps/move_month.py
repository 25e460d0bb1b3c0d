"""Move one whole month from the hot log to the archive: as metadata, in one transaction, with proof."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from provisioner.adapters import archive, archive_tables, sql
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import retention
from provisioner.core.errors import SourceError
from provisioner.core.retention import Content, Month
from provisioner.failpoint import failpoint
from provisioner.steps import archivist, return_month, swap_month, transactions
from provisioner.steps.reset_run import Run


def run(connection: ArchiveConnection, month_text: str, run: Run) -> dict[str, int]:
    """Move the month written as 2026-08; return {"rows", "seconds"}.

    A month that has moved already is left as it is: rows 0. Killed anywhere, the month is whole in one tier, and the
    same call finishes what is left to do. Raises NotProven where the proof fails: before the commit nothing is moved
    then, after it the month is given back. Raises SourceError where the month is not whole.
    """
    began = time.monotonic()
    month = retention.parse_month(month_text)
    with archivist.alone(connection) as db:
        if archive_tables.exists(db, archive_tables.cold_table(month)) is not None:
            return {"rows": 0, "seconds": 0}
        position = archive.log_position(db)
        _refuse_unless_whole(db, month)
        swap_month.check_bounds(db, month)
        gently = archivist.is_written_since(db, position)
        if gently:
            archive.use_one_core(db)
        with _witness(connection, gently=gently) as witness:
            moved, proof = _swap(db, witness, month, run, gently=gently)
            failpoint("archive.after_commit")
            with return_month.unless_proven(db, moved):
                after, again = _look_again(db, witness, moved, proof)
        seconds = time.monotonic() - began
        archive.complete(db, moved.manifest_number, after=after, proof=again, seconds=seconds)
        failpoint("archive.after_look_back")
    return {"rows": moved.rows, "seconds": round(seconds)}


def _refuse_unless_whole(db: sql.Connection, month: Month) -> None:
    hot = {one.month: one for one in archive.hot_months(db)}
    if month not in hot:
        raise SourceError(f"month {month} has no table in the log: there is nothing to archive")
    if hot[month].strays:
        raise SourceError(
            f"requests of {month} lie in the default partition, so that the month is not whole: "
            "docs/archive.md says how to bring them home"
        )


@contextmanager
def _witness(connection: ArchiveConnection, *, gently: bool) -> Iterator[sql.Connection]:
    """Open a second session, which will see the snapshot of the swap also after the swap's commit."""
    with connection.open() as db:
        if gently:
            archive.use_one_core(db)
        with transactions.snapshot(db):
            yield db


def _swap(
    db: sql.Connection, witness: sql.Connection, month: Month, run: Run, *, gently: bool
) -> tuple[archive.Moved, archive.Proof]:
    """Swap the month between the tiers; return what moved, and the proof of before.

    The fold is computed before the log is locked. Under the lock, which writers wait for, it is proved that hot and
    cold are the same files with the same rows as before: in one snapshot their fold then is the same too.
    """
    began = time.monotonic()
    with transactions.snapshot(db):
        archive.see_snapshot_of(witness, db)
        proof, before = archivist.proof_and_content(
            db, witness, month, gently=gently, when=f"before {month} moved,"
        )
        failpoint("archive.after_proof")
        transactions.with_patience(db, lambda: swap_month.exchange(db, month))
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
    moved = archive.Moved(
        manifest_number=number,
        month=month,
        rows=before.rows,
        checksum=before.checksum,
        performed_by=run.requested_by,
        run_id=run.run_id,
    )
    return moved, proof


def _look_again(
    db: sql.Connection, witness: sql.Connection, moved: archive.Moved, proof: archive.Proof
) -> tuple[Content, archive.Proof]:
    """Look where the rows are now; return the month's content, and the proof with who is out of sync now.

    Nothing is locked here. What the log adds up to is not folded again: in the swap's snapshot no row and no file of it
    has changed (`swap_month.exchange`), and prove_archive folds all of it once after all moves. The content is read as
    it is by now, so that what the swap's transaction itself changed at its commit is seen, which its snapshot hides.
    """
    after = archive.content(db, moved.month, tier="cold")
    retention.refuse_other_content(moved.rows, moved.checksum, after, month=moved.month)
    found = archive.out_of_sync(witness)
    if found.landing != proof.out_of_sync.landing:
        # A night has landed meanwhile, and what it landed shows in older snapshots too: nothing to be compared with.
        found = proof.out_of_sync
    if found != proof.out_of_sync:
        raise retention.NotProven(
            f"month {moved.month} moved and in the very same snapshot other accounts are out of sync: {found}, before "
            f"{proof.out_of_sync}"
        )
    return after, replace(proof, out_of_sync=found)
