"""Take a month from one tier to the other, as metadata: what a move and its way back have in common."""

from __future__ import annotations

from provisioner.adapters import archive, archive_tables, sql
from provisioner.core import retention
from provisioner.core.retention import Month
from provisioner.failpoint import failpoint
from provisioner.steps import transactions


def check_bounds(db: sql.Connection, month: Month, *, tier: str = "hot") -> None:
    """Give the table that the month has in *tier* a validated check of its bounds.

    Only those who read the month are waited for.
    """
    table = archive_tables.table_of(month, tier)
    if archive_tables.has_valid_check(db, table) is None:
        transactions.with_patience(db, lambda: archive_tables.add_check(db, table, month))
    failpoint("archive.after_check")
    if not archive_tables.has_valid_check(db, table):
        archive_tables.validate_check(db, table)
    failpoint("archive.after_validate")


def exchange(db: sql.Connection, month: Month, *, to: str = "cold") -> None:
    """Take the month to the tier *to*, in a transaction that ends soon: writers of the log wait for it.

    Raises NotProven unless hot and cold together are, row by row, what they were.
    """
    source = "hot" if to == "cold" else "cold"
    table, name = archive_tables.table_of(month, source), archive_tables.table_of(month, to)
    moved = archive_tables.exists(db, table)
    archive_tables.lock_for_move(db, table)
    before = archive.partitions(db)
    archive_tables.detach(db, archive_tables.PARENTS[source], table)
    failpoint("archive.after_detach")
    archive_tables.attach(db, archive_tables.PARENTS[to], table, month)
    failpoint("archive.after_attach")
    archive_tables.drop_check(db, table)
    archive_tables.rename(db, table, name)
    retention.refuse_other_partitions(
        before, archive.partitions(db), moved=moved or 0, to=archive_tables.PARENTS[to]
    )
