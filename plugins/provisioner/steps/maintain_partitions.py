"""Make the log's partitions ahead of time, and raise the alarm for requests that found none."""

from __future__ import annotations

from provisioner.adapters import sql
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core.errors import SourceError


def run(connection: ArchiveConnection) -> list[str]:
    """Return the names of the partitions that were missing and are there now."""
    with connection.open() as db:
        return [name for (name,) in sql.rows(db, "batch/make_partitions")]


def refuse_strays(connection: ArchiveConnection) -> int:
    """Return 0. Raises SourceError where closed requests lie in the default partition, with the cure."""
    with connection.open() as db:
        count, first, last = sql.one(db, "archive/count_strays")
    if count:
        raise SourceError(
            f"{count} closed requests of {first:%Y-%m-%d} to {last:%Y-%m-%d} lie outside all monthly partitions: "
            "rehome_stray_requests() brings them home (docs/archive.md)"
        )
    return 0
