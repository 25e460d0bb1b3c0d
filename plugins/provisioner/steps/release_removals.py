"""Release what the guard held: show it to a person, and send only what was shown and is still wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provisioner.adapters import batches, sql
from provisioner.adapters.batches import Chunk
from provisioner.adapters.connections import Connections
from provisioner.core.errors import ConfigurationError
from provisioner.core.packing import gift_keys
from provisioner.failpoint import failpoint
from provisioner.steps import close_batch, load_provider, open_batch
from provisioner.steps.guard import hash_of
from provisioner.steps.plan import commands_of
from provisioner.steps.reset_run import Run

SAMPLES = 20


def show(connections: Connections, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a batch holds: its number, hash, share of the base, why, and samples as Markdown.

    *parameters*: batch_id, or None for the newest batch that holds something unanswered. Raises ConfigurationError
    where there is nothing to be answered, saying why.
    """
    with connections.provisioning() as db:
        batch_id = parameters.get("batch_id")
        if batch_id is None:
            found = sql.run(db, "batch/find_held_batch").fetchone()
            if found is None:
                raise ConfigurationError(
                    "no batch holds anything that waits for an answer: nothing to release"
                )
            (batch_id,) = found
        because, plan_held, held_hash, base = _held_batch(db, batch_id)
        held = batches.read_held(db, batch_id)
    things = Counter(key.split(" ")[0] for one in held for key in one.removals)
    share = len(held) / max(base, 1)
    lines = [
        f"**Batch {batch_id} holds {len(held)} of {base} accounts ({share:.2%}).** {because}.",
        f"Would be taken away: {things['option']} options, {things['box']} boxes."
        + (" The whole plan is held, so what would be given waits too." if plan_held else ""),
        "Approve sends what of this the CRM still wants by then, and nothing else. Reject sends nothing, and the next "
        "night plans anew.",
        "",
        "| subscription | would lose |" + (" would gain |" if plan_held else ""),
        "|---|---|" + ("---|" if plan_held else ""),
        *(_sample(one, plan_held=plan_held) for one in held[:SAMPLES]),
    ]
    if len(held) > SAMPLES:
        lines.append(
            f"\n... and {len(held) - SAMPLES} more: see batch {batch_id} under Browse, Provisioning."
        )
    lines.append(f"\nHeld set: `{held_hash}`.")
    return {
        "batch_id": batch_id,
        "accounts": len(held),
        "base": base,
        "share": share,
        "held_hash": held_hash,
        "held_because": because,
        "shown": "\n".join(lines),
    }


def _sample(one: batches.Held, *, plan_held: bool) -> str:
    """Return a line of the table: whom it concerns, what he would lose and, of a whole plan, what he would gain."""
    cells = [", ".join(one.subscription_numbers), ", ".join(one.removals) or "-"]
    if plan_held:
        cells.append(", ".join(gift_keys(commands_of(one.account, one.planned or ()))) or "-")
    return f"| {' | '.join(cells)} |"


def _held_batch(db: sql.Connection, batch_id: int) -> tuple[str, bool, str, int]:
    row = sql.run(db, "batch/read_held_batch", batch_id=batch_id).fetchone()
    if row is None:
        raise ConfigurationError(f"there is no batch {batch_id}: look at batch_overview")
    because, plan_held, held_hash, base, _, replaced, decided_by = row
    if held_hash is None:
        raise ConfigurationError(f"batch {batch_id} holds nothing: nothing to release")
    if decided_by is not None:
        raise ConfigurationError(
            f"{decided_by} has already answered for batch {batch_id}: the first answer counts"
        )
    if replaced:
        raise ConfigurationError(
            f"a later run looked at the accounts of batch {batch_id} again: release what the later batch holds"
        )
    return because, plan_held, held_hash, base or 0


def decide(
    connections: Connections, run: Run, shown: Mapping[str, Any], *, approved: bool, decided_by: str
) -> dict[str, int]:
    """Record a person's answer; return the batch that sends what was *shown*, or nothing after a no."""
    if approved:
        return release(connections, run, shown, decided_by=decided_by)
    refuse(connections, shown, decided_by=decided_by)
    return {}


def release(
    connections: Connections,
    run: Run,
    shown: Mapping[str, Any],
    *,
    decided_by: str,
    provider_file: Path = load_provider.PROVIDER_FILE,
) -> dict[str, int]:
    """Record a person's yes and open the batch that sends what was *shown*; return its number.

    The answer and what it releases are one commit: a task that dies before it is begun again, one that dies after it
    finds its batch. Raises ConfigurationError where the world has changed since it was shown: another answer, a later
    run, another held set, another provider file.
    """
    held_batch_id, held_hash = shown["batch_id"], shown["held_hash"]
    with connections.provisioning() as db:
        found = sql.run(db, "batch/find_releasing", run_id=run.run_id, held_batch_id=held_batch_id).fetchone()
        if found is not None:
            return {"batch_id": int(found[0])}
        held = _still_as_shown(db, held_batch_id, held_hash)
    batch_id = open_batch.run(
        connections,
        cause=batches.RELEASE_REMOVALS,
        run_id=run.run_id,
        requested_by=decided_by,
        parameters={"held_batch_id": held_batch_id, "held_hash": held_hash},
        filtered=True,
        dry_run=False,
    )
    try:
        if load_provider.run(connections, batch_id, provider_file) != held.provider_hash:
            raise ConfigurationError(
                f"the provider file changed since batch {held_batch_id} was shown: the next reset run shows the new "
                "plan"
            )
        with connections.provisioning() as db:
            _decide(db, held_batch_id, held_hash, approved=True, decided_by=decided_by)
            sql.run(
                db,
                "batch/release_held",
                batch_id=batch_id,
                held_batch_id=held_batch_id,
                chunk_size=load_provider.of_batch(held).settings.chunk_size,
            )
            sql.run(db, "batch/mark_released", held_batch_id=held_batch_id, released_by=decided_by)
            sql.run(db, "batch/set_releasing", batch_id=batch_id)
            failpoint("release.written")
    except ConfigurationError as error:
        close_batch.refuse(connections, batch_id, error)
        raise
    failpoint("release.committed")
    return {"batch_id": batch_id}


def refuse(connections: Connections, shown: Mapping[str, Any], *, decided_by: str) -> None:
    """Record a person's no, or that nobody answered in time; what is held stays until a later run looks again."""
    with connections.provisioning() as db:
        _decide(db, shown["batch_id"], shown["held_hash"], approved=False, decided_by=decided_by)


def chunks_of(connections: Connections, batch_id: int) -> list[Chunk]:
    """Return the chunks of a releasing batch that still have work."""
    with connections.provisioning() as db:
        return batches.list_chunks(db, batch_id)


def _still_as_shown(db: sql.Connection, held_batch_id: int, held_hash: str) -> batches.Batch:
    """Return the batch that holds what was shown; raises ConfigurationError where it is no longer that."""
    _, _, now_hash, _ = _held_batch(db, held_batch_id)
    # Both: what the guard named, and what is still there of it.
    if {now_hash, hash_of(batches.read_held(db, held_batch_id))} != {held_hash}:
        raise ConfigurationError(f"what batch {held_batch_id} holds is not what was shown: trigger again")
    return batches.read(db, held_batch_id)


def _decide(
    db: sql.Connection, held_batch_id: int, held_hash: str, *, approved: bool, decided_by: str
) -> None:
    _still_as_shown(db, held_batch_id, held_hash)
    answered = sql.run(
        db,
        "batch/insert_decision",
        batch_id=held_batch_id,
        held_hash=held_hash,
        approved=approved,
        decided_by=decided_by,
    ).fetchone()
    if answered is None:
        raise ConfigurationError(
            f"somebody else has answered for batch {held_batch_id}: the first answer counts"
        )
