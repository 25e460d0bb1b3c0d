"""Open the batch of a run and make sure that the log has partitions for it."""

from __future__ import annotations

from typing import Any

from provisioner.adapters import batches, sql
from provisioner.adapters.connections import Connections
from provisioner.failpoint import failpoint


def run(
    connections: Connections,
    *,
    cause: str,
    run_id: str,
    requested_by: str,
    parameters: dict[str, Any],
    filtered: bool,
    dry_run: bool,
) -> int:
    """Return the number of the run's batch; a second attempt of the same run gets the same one."""
    with connections.provisioning() as db:
        sql.run(db, "batch/make_partitions")
        batch_id = batches.open_batch(
            db,
            cause=cause,
            run_id=run_id,
            requested_by=requested_by,
            parameters=parameters,
            filtered=filtered,
            dry_run=dry_run,
        )
        failpoint("batch.written")
    failpoint("batch.committed")
    return batch_id
