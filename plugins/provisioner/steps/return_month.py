"""Give a month back to the hot log when the look back at its move does not find what it must."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from provisioner.adapters import archive, sql
from provisioner.core.retention import NotProven
from provisioner.failpoint import failpoint
from provisioner.steps import swap_month, transactions


@contextmanager
def unless_proven(db: sql.Connection, moved: archive.Moved) -> Iterator[None]:
    """Look back at a move within: a NotProven undoes the move, and is raised again with what was done.

    What else is raised proves nothing and changes nothing: the next archive task looks back once more.
    """
    try:
        yield
    except NotProven as error:
        run(db, moved, str(error))
        raise NotProven(
            f"{error}. So {moved.month} is back in the hot log, as it was found: see RETURN in archive_manifest"
        ) from error


def run(db: sql.Connection, moved: archive.Moved, why: str) -> None:
    """Take the month back to the hot log, in one transaction with the manifest's RETURN row, which says *why*."""
    began = time.monotonic()
    swap_month.check_bounds(db, moved.month, tier="cold")
    with transactions.snapshot(db):
        found = archive.content(db, moved.month, tier="cold")
        transactions.with_patience(db, lambda: swap_month.exchange(db, moved.month, to="hot"))
        archive.complete(db, moved.manifest_number, after=found, proof=None, seconds=time.monotonic() - began)
        archive.record(
            db,
            month=moved.month,
            operation="RETURN",
            tier="hot",
            before=found,
            after=found,
            performed_by=moved.performed_by,
            run_id=moved.run_id,
            reason=why,
            seconds=time.monotonic() - began,
        )
        failpoint("return.before_commit")
    failpoint("return.after_commit")
