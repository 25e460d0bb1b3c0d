"""Fold everything once more after the moves of a run, as it is now, and compare with known state."""

from __future__ import annotations

from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.steps import archivist


def run(connection: ArchiveConnection) -> dict[str, int]:
    """Return how many accounts, options and boxes the closed requests add up to, and accounts out of sync.

    Raises NotProven unless known_state has the same.
    """
    with archivist.alone(connection) as db, archivist.snapshot(db):
        proof = archivist.proof_of(db, when="after the moves,")
    return {
        "accounts": proof.folded.accounts,
        "things": proof.folded.things,
        "out_of_sync": proof.out_of_sync.accounts,
    }
