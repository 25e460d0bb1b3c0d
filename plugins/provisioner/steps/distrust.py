"""Tucano was put back to a backup: what it acknowledged after a time is not known any more, and is asked for again.

Part of the detection, in its transaction: what is distrusted and what follows from it are there together or not at all.
"""

from __future__ import annotations

from datetime import datetime

from provisioner.adapters import distrust, sql
from provisioner.adapters.batches import Batch
from provisioner.core.errors import ConfigurationError


def since_of(given: str) -> datetime:
    """Return the parameter distrust_since as a time; raises ConfigurationError where it is none with a zone."""
    try:
        since = datetime.fromisoformat(given)
    except ValueError as error:
        raise ConfigurationError(
            f"distrust_since {given!r} is no time: write it as 2026-01-31T02:00:00+00:00"
        ) from error
    if since.tzinfo is None:
        raise ConfigurationError(f"distrust_since {given!r} has no zone: write it as {given}+00:00, for UTC")
    return since


def run(db: sql.Connection, batch: Batch) -> int:
    """Distrust as the batch's distrust_since says, once a batch; return how many accounts that is.

    A dry run counts them and writes nothing. Raises ConfigurationError where the requests of that time are no longer
    in the database.
    """
    given = batch.parameters.get("distrust_since")
    if not given:
        return 0
    since = since_of(given)
    (done,) = sql.one(db, "batch/read_distrusted_accounts", batch_id=batch.batch_id)
    if done is not None:
        return int(done)
    if months := distrust.deleted_months(db, since=since):
        raise ConfigurationError(
            f"the requests of {', '.join(months)} were deleted from the database, so that nobody knows what Tucano "
            f"acknowledged after {since.isoformat()}: bring them back with tucano_import_requests, then run again"
        )
    if batch.dry_run:
        accounts = distrust.count_acknowledged(db, batch_id=batch.batch_id, since=since)
    else:
        accounts = distrust.begin(db, batch_id=batch.batch_id, since=since)
    sql.run(db, "batch/set_distrusted_accounts", batch_id=batch.batch_id, accounts=accounts)
    return accounts
