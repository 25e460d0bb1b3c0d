"""What the tests of the gate do again and again: subscribers who leave, and a person who releases what is held."""

from __future__ import annotations

from provisioner.steps import close_batch, dispatch, release_removals
from tests.integration.stage import Stage


def ten_served(stage: Stage) -> list[str]:
    """Return ten subscribers whom Tucano serves, behind a gate that two removals pass and three do not.

    A plan under a new provider version is held where it changes more than one in twenty of them.
    """
    stage.set(removals_count=2, removals_share=0.1, replacements_share=0.1, provider_change_share=0.05)
    numbers = [stage.subscriber("GEOLOGICAL", "ENTERTAIN") for _ in range(10)]
    stage.run()
    stage.forget_sent()
    return numbers


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
