"""Delete the attempts to authenticate that are older than they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg

from provisioner.adapters import sql
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import retention
from provisioner.core.errors import ConfigurationError


def run(connection: ArchiveConnection, parameters: Mapping[str, Any]) -> int:
    """Return how many attempts were deleted; with `dry_run`, how many would be.

    *parameters*: keep_attempts_days, dry_run. Raises ConfigurationError for too few days or a missing right.
    """
    before = retention.attempts_cutoff(keep_days=parameters.get("keep_attempts_days"), now=datetime.now(UTC))
    with connection.open() as db:
        try:
            (attempts,) = sql.one(
                db,
                "authentication/delete_attempts",
                before=before,
                dry_run=bool(parameters.get("dry_run")),
            )
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigurationError(
                "role archivist may not call delete_attempts(): migrate the database, or grant it again"
            ) from error
    return int(attempts)
