"""Decide whether the extract is whole. One that is not may give, never take away."""

from __future__ import annotations

from provisioner.adapters import batches, sql
from provisioner.adapters.connections import Connections
from provisioner.core import guard
from provisioner.core.errors import SourceError
from provisioner.failpoint import failpoint
from provisioner.steps.load_provider import of_batch


def run(connections: Connections, batch_id: int) -> list[str]:
    """Record whether the extract of a batch is whole; return the reasons why it is not."""
    with connections.provisioning() as db:
        batch = batches.read(db, batch_id)
        if batch.extracted_rows is None or batch.landed_accounts is None:
            raise SourceError(f"batch {batch_id} has no extract: run the extract task first")
        # Without a filter, whom Tucano serves and the CRM does not show is gone.
        newly_gone = 0
        if not batch.filtered:
            sql.run(db, "desired_state/insert_gone", batch_id=batch_id)
            (newly_gone,) = sql.one(db, "batch/count_newly_gone", batch_id=batch_id)
        newest_version, last_newest_version = sql.one(db, "batch/read_newest_version", batch_id=batch_id)
        # No version of its own: an attempt before this one found that it counts otherwise.
        measured = not batch.filtered and newest_version is not None
        last = sql.run(db, "batch/read_last_whole", batch_id=batch_id).fetchone()
        proof = guard.Proof(
            filtered=batch.filtered,
            extracted_rows=batch.extracted_rows,
            counted_rows=batch.counted_rows,
            rejected_rows=batch.rejected_rows or 0,
            landed_accounts=batch.landed_accounts,
            duplicate_keys=batch.duplicate_keys,
            last_whole_accounts=None if batch.filtered or last is None else last[1],
            newly_gone=newly_gone,
            newest_version=newest_version or 0,
            last_newest_version=(last_newest_version or 0) if measured else 0,
        )
        # What the reading saw, and what an attempt before this one found, once.
        found = guard.not_whole_because(proof, of_batch(batch).settings)
        reasons = list(dict.fromkeys((*batch.not_whole_because, *found)))
        sql.run(
            db,
            "batch/set_proof",
            batch_id=batch_id,
            extract_whole=not reasons,
            not_whole_because=reasons,
            version_counts=not guard.counts_otherwise(proof.newest_version, proof.last_newest_version),
        )
        failpoint("proof.written")
    failpoint("proof.committed")
    return reasons
