"""Delete the attempts to authenticate that are older than they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from provisioner.adapters import sql
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import retention


def run(connection: ArchiveConnection, parameters: Mapping[str, Any]) -> int:
    """Return how many attempts were deleted; with `dry_run`, how many would be.

    *parameters*: keep_attempts_days, dry_run. Raises ConfigurationError for too few days.
    """
    before = retention.attempts_cutoff(keep_days=parameters.get("keep_attempts_days"), now=datetime.now(UTC))
    with connection.open() as db:
        (attempts,) = sql.one(
            db,
            "authentication/delete_attempts",
            before=before,
            dry_run=bool(parameters.get("dry_run")),
        )
    return int(attempts)
