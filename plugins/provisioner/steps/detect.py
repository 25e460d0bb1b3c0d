"""Find the accounts whose known state differs from what the CRM wants, in one join."""

from __future__ import annotations

from provisioner.adapters import batches, sql
from provisioner.adapters.connections import Connections
from provisioner.core.errors import SourceError
from provisioner.failpoint import failpoint
from provisioner.steps import distrust


def run(connections: Connections, batch_id: int, *, by_fingerprint: bool = True) -> int:
    """Make an item of the batch for each account out of sync; return how many there are.

    With distrust_since, what Tucano acknowledged after that time counts as not known: see steps/distrust.py.
    *by_fingerprint* False compares rows everywhere; it is slower and finds the same accounts.
    """
    with connections.provisioning() as db:
        batch = batches.read(db, batch_id)
        (landed,) = sql.one(db, "desired_state/count_landed", batch_id=batch_id)
        if landed != batch.landed_accounts:
            raise SourceError(
                f"batch {batch_id} landed {batch.landed_accounts} accounts but {landed} are there: the database "
                "restarted or another run extracted in between; trigger a new run"
            )
        distrust.run(db, batch)
        failpoint("detect.distrusted")
        sql.run(db, "desired_state/insert_out_of_sync", batch_id=batch_id, by_fingerprint=by_fingerprint)
        (out_of_sync,) = sql.one(db, "batch/set_detected", batch_id=batch_id)
        failpoint("detect.written")
    failpoint("detect.committed")
    return int(out_of_sync)
