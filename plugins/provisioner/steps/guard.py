"""Let planned removals go, or hold them for a person. Activations go on, unless a new mapping changes too much."""

from __future__ import annotations

import hashlib
import json

from provisioner.adapters import batches, sql
from provisioner.adapters.batches import Chunk
from provisioner.adapters.connections import Connections
from provisioner.core import guard
from provisioner.failpoint import failpoint
from provisioner.steps.load_provider import of_batch


def run(connections: Connections, batch_id: int) -> list[Chunk]:
    """Judge the plan of a batch and return the chunks to be sent; a dry run and a held plan have none.

    What is held is named by its hash, so that a person releases what was shown and nothing else. It replaces what
    earlier batches held for the same accounts.
    """
    with connections.provisioning() as db:
        batch = batches.read(db, batch_id)
        pure, replacements, changed = sql.one(db, "batch/count_removals", batch_id=batch_id)
        applied = sql.run(db, "batch/read_applied_provider", batch_id=batch_id).fetchone()
        whole = bool(batch.extract_whole)
        verdict = guard.judge(
            guard.PlannedChange(
                base=batch.landed_accounts or 0,
                pure_removals=pure,
                replacements=replacements,
                changed=changed,
                new_provider_version=applied is not None and applied[0] != batch.provider_hash,
            ),
            whole=whole,
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
            sql.run(db, "batch/replace_held", batch_id=batch_id, filtered=batch.filtered)
            # An extract that is not whole has nothing that a person could release: its removals may be mistakes.
            if whole:
                sql.run(db, "batch/hold_removals", batch_id=batch_id)
            if verdict.whole_plan:
                sql.run(db, "batch/hold_plan", batch_id=batch_id)
        sql.run(
            db,
            "batch/set_guarded",
            batch_id=batch_id,
            held_because="; ".join(verdict.held_because) or None,
            plan_held=verdict.whole_plan,
        )
        # What has no name cannot be released: a plan held whole may have been made of an extract that is not.
        if whole and not batch.dry_run and (held := batches.read_held(db, batch_id)):
            sql.run(db, "batch/set_held_hash", batch_id=batch_id, held_hash=hash_of(held))
        chunks = [] if batch.dry_run or verdict.whole_plan else batches.list_chunks(db, batch_id)
        failpoint("guard.written")
    failpoint("guard.committed")
    return chunks


def hash_of(held: list[batches.Held]) -> str:
    """Return the name of a held set: equal sets, equal names."""
    shown = [[one.account, one.removals, one.planned] for one in held]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
