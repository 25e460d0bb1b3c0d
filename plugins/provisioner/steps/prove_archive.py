"""Fold everything once more after the moves of a run, as it is now, and compare with known state."""

from __future__ import annotations

from provisioner.adapters import archive
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core.retention import NotProven
from provisioner.steps import archivist, return_month, transactions
from provisioner.steps.reset_run import Run


def run(connection: ArchiveConnection, run: Run | None = None) -> dict[str, int]:
    """Return how many accounts, options and boxes the closed requests add up to, and accounts out of sync.

    Raises NotProven unless known_state has the same; the months that *run* moved are given back first.
    """
    with archivist.alone(connection) as db:
        try:
            with transactions.snapshot(db):
                proof = archivist.proof_of(db, when="after the moves,")
        except NotProven as error:
            moved = archive.moved_by(db, run.run_id) if run else []
            for one in moved:
                return_month.run(db, one, str(error))
            given_back = ", ".join(str(one.month) for one in moved)
            raise NotProven(f"{error}. Given back to the hot log: {given_back or 'nothing'}") from error
    return {
        "accounts": proof.folded.accounts,
        "things": proof.folded.things,
        "out_of_sync": proof.out_of_sync.accounts,
    }
