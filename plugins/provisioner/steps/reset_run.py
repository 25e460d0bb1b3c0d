"""The nightly reset run: how its parameters are read, and all its steps in one process, without Airflow.

The second is used where a scheduler would only be in the way: to bring a platform in step on day one, in tests and
benchmarks. It runs the steps that the DAG runs, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioner.adapters import batches
from provisioner.adapters.batches import Batch
from provisioner.adapters.connections import Connections
from provisioner.adapters.crm import filters_of
from provisioner.core.errors import ConfigurationError
from provisioner.steps import (
    close_batch,
    detect,
    dispatch,
    distrust,
    extract,
    guard,
    load_provider,
    open_batch,
    plan,
    prove_extract,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of a scheduler: its id there, and who asked for it."""

    run_id: str
    requested_by: str


def open_batch_of_run(connections: Connections, run: Run, parameters: Mapping[str, Any]) -> int:
    """Open the batch of a reset run with its *parameters*, which later steps read from the batch.

    Raises ConfigurationError for parameters that contradict each other.
    """
    given = {key: value for key, value in parameters.items() if value not in (None, [], "")}
    if given.get("allow_removals") and not given.get("allow_removals_reason"):
        raise ConfigurationError(
            "allow_removals is true but allow_removals_reason is empty: say why removals beyond the gate may go"
        )
    filters = filters_of(given)
    if filters.created_from and filters.created_to and filters.created_from >= filters.created_to:
        raise ConfigurationError(
            f"created_from {filters.created_from} is not before created_to {filters.created_to} (exclusive)"
        )
    if "distrust_since" in given:
        distrust.since_of(given["distrust_since"])
    if filters.contradict:
        raise ConfigurationError(
            "subscription_numbers stands alone: leave created_from, created_to and subscription_types empty"
        )
    return open_batch.run(
        connections,
        cause=batches.RESET_RUN,
        run_id=run.run_id,
        requested_by=run.requested_by,
        parameters=given,
        filtered=filters.any,
        dry_run=bool(given.get("dry_run")),
    )


def run_all(
    connections: Connections,
    run: Run,
    parameters: Mapping[str, Any] | None = None,
    *,
    provider_file: Path = load_provider.PROVIDER_FILE,
) -> dict[str, int]:
    """Run every step of a reset run and return the counts it closes with; raises RunFailed like the last task."""
    batch_id = open_batch_of_run(connections, run, parameters or {})
    with _recorded(connections, batch_id):
        load_provider.run(connections, batch_id, provider_file)
        extract.run(connections, batch_id)
        prove_extract.run(connections, batch_id)
        detect.run(connections, batch_id)
        plan.run(connections, batch_id)
        for chunk in guard.run(connections, batch_id):
            dispatch.run(connections, batch_id, chunk.chunk_number)
    return close_batch.run(connections, batch_id)


@contextmanager
def _recorded(connections: Connections, batch_id: int) -> Iterator[None]:
    """Let the batch be closed after a failure, which its summary then tells: as the DAG's last task does."""
    try:
        yield
    except Exception as error:
        with connections.provisioning() as db:
            batch: Batch = batches.read(db, batch_id)
        close_batch.record_failure(connections, batch_id, f"after {batch.stage}", error)
