"""What every task does with an exported month: trust no file before it was read back and compared with the manifest."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from provisioner.adapters import archive, archive_file, archive_landing, sql
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core.errors import ConfigurationError
from provisioner.core.retention import Content, Month, NotProven
from provisioner.steps.reset_run import Run


def kept_month(db: sql.Connection, month: Month, *, tier: str, to_do: str) -> archive.KeptMonth:
    """Return what the manifest says of *month*. Raises ConfigurationError unless it is in *tier*."""
    kept = archive.kept(db, month)
    if kept is None or kept.tier != tier:
        found = "hot: archive it first with tucano_archive_requests" if kept is None else kept.tier
        raise ConfigurationError(f"month {month} is {found}; to {to_do} it, it must be {tier}")
    return kept


def land(db: sql.Connection, connection: ArchiveConnection, month: Month, kept: archive.KeptMonth) -> Content:
    """Read the month's file back into this transaction's landing; return its content.

    Raises ConfigurationError where there is no file, NotProven where it is not the one that the manifest names.
    """
    if kept.file is None or kept.file_rows is None or kept.file_checksum is None:
        raise ConfigurationError(f"month {month} was never exported: run tucano_export_requests for it first")
    path = connection.files() / kept.file
    if archive_file.sha256(path) != kept.file_sha256:
        raise NotProven(
            f"{path} is not the file that archive_manifest names: sha256 differs. Take it from your backup"
        )
    archive_landing.create(db)
    archive_landing.copy(db, archive_file.read(path))
    found = archive_landing.content(db)
    if (found.rows, found.checksum) != (kept.file_rows, kept.file_checksum):
        raise NotProven(
            f"{path} reads back as {found.rows} rows with checksum {found.checksum}, exported were {kept.file_rows} "
            f"with {kept.file_checksum}: nothing was changed"
        )
    return found


def write(
    db: sql.Connection,
    connection: ArchiveConnection,
    month: Month,
    rows: Iterable[tuple[Any, ...]],
    content: Content,
    run: Run,
) -> tuple[Path, str]:
    """Write a new edition of the month's file, read it back and compare; return its path and sha256.

    Raises NotProven where what was read back is not *content*; the file is removed then.
    """
    folder = connection.files()
    path = folder / archive_file.name_of(month, archive_file.editions(folder, month) + 1)
    digest = archive_file.write(path, rows)
    with db.transaction(force_rollback=True):
        archive_landing.set_aside(db)
        archive_landing.create(db)
        archive_landing.copy(db, archive_file.read(path))
        found = archive_landing.content(db)
    if found != content or archive_file.sha256(path) != digest:
        path.unlink()
        raise NotProven(
            f"{path} did not read back as it was written ({found} instead of {content}): is the disk full?"
        )
    archive_file.write_manifest(
        path,
        {
            "file": path.name,
            "sha256": digest,
            "month": str(month),
            "closed_from": month.begins_at.isoformat(),
            "closed_to": month.ends_at.isoformat(),
            "rows": content.rows,
            "checksum": str(content.checksum),
            "first_log_number": content.first_log_number,
            "last_log_number": content.last_log_number,
            "columns": archive_file.SCHEMA.names,
            "exported_by": run.requested_by,
            "run_id": run.run_id,
        },
    )
    return path, digest
