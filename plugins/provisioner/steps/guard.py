"""Let planned removals go, or hold them for a person. Activations are never held here."""

from __future__ import annotations

from provisioner.adapters import batches, sql
from provisioner.adapters.batches import Chunk
from provisioner.adapters.connections import Connections
from provisioner.core import guard
from provisioner.steps.load_provider import of_batch


def run(connections: Connections, batch_id: int) -> list[Chunk]:
    """Judge the plan of a batch and return the chunks to be sent; a dry run has none."""
    with connections.provisioning() as db:
        batch = batches.read(db, batch_id)
        pure, replacements, changed = sql.one(db, "batch/count_removals", batch_id=batch_id)
        verdict = guard.judge(
            guard.PlannedChange(
                base=batch.landed_accounts or 0,
                pure_removals=pure,
                replacements=replacements,
                changed=changed,
            ),
            whole=bool(batch.extract_whole),
            allow_removals=bool(batch.parameters.get("allow_removals")),
            settings=of_batch(batch).settings,
        )
        sql.run(
            db,
            "batch/allow_removals",
            batch_id=batch_id,
            pure=verdict.pure,
            replacements=verdict.replacements,
        )
        if not batch.dry_run:
            sql.run(db, "batch/hold_removals", batch_id=batch_id)
        sql.run(
            db,
            "batch/set_guarded",
            batch_id=batch_id,
            held_because="; ".join(verdict.held_because) or None,
        )
        return [] if batch.dry_run else batches.list_chunks(db, batch_id)
