"""What the tests of the gate do again and again: subscribers who leave, and a person who releases what is held."""

from __future__ import annotations

from provisioner.steps import close_batch, dispatch, release_removals
from tests.integration.stage import Stage


def terminate(stage: Stage, numbers: list[str]) -> None:
    """End subscriptions in the CRM."""
    for number in numbers:
        stage.act("TERMINATE_SUBSCRIPTION", number)


def released(stage: Stage, shown: dict[str, object]) -> dict[str, int]:
    """Release what was shown, as the DAG does, and return what the releasing batch closes with."""
    batch = release_removals.release(
        stage.connections, stage.next_run(), shown, decided_by="nora", provider_file=stage.provider_file
    )
    for chunk in release_removals.chunks_of(stage.connections, batch["batch_id"]):
        dispatch.run(stage.connections, batch["batch_id"], chunk.chunk_number)
    return close_batch.run(stage.connections, batch["batch_id"])
