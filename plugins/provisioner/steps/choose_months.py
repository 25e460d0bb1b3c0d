"""Which months leave the hot log: by a time or by days to keep, with their rows and bytes for a person to see."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provisioner.adapters import archive, provider_file
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import retention
from provisioner.steps import load_provider


def run(
    connection: ArchiveConnection,
    parameters: Mapping[str, Any],
    provider: Path = load_provider.PROVIDER_FILE,
) -> dict[str, Any]:
    """Return the months to move, oldest first, each with its rows and bytes, and how many rows they are together.

    *parameters*: `before` (ISO, wins) or `keep_days`; without either, settings.keep_days of the *provider* file. Raises
    ConfigurationError where they make no sense.
    """
    now = datetime.now(UTC)
    before = parameters.get("before")
    keep_days = parameters.get("keep_days")
    if keep_days is None:
        keep_days = provider_file.read(provider).provider.settings.keep_days
    cutoff = retention.cutoff(
        before=None if before in (None, "") else datetime.fromisoformat(str(before)),
        keep_days=keep_days,
        now=now,
    )
    with connection.open() as db:
        chosen = retention.months_to_move(archive.hot_months(db), cutoff=cutoff, now=now)
        months = [
            {"month": str(one.month), "rows": archive.count_hot(db, one.month), "bytes": one.bytes}
            for one in chosen
        ]
    return {"months": months, "rows": sum(one["rows"] for one in months)}


def to_move(chosen: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[str]:
    """Return the months that this run moves: none in a dry run."""
    return [] if parameters.get("dry_run") else [str(one["month"]) for one in chosen["months"]]
