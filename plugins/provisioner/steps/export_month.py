"""Export an archived month to a Parquet file, and read it back before anybody relies on it."""

from __future__ import annotations

import time
from typing import Any

from provisioner.adapters import archive, archive_file, archive_landing, archive_tables
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import retention
from provisioner.core.retention import Content
from provisioner.failpoint import failpoint
from provisioner.steps import archivist, exported_file, transactions
from provisioner.steps.reset_run import Run


def run(connection: ArchiveConnection, month_text: str, run: Run) -> dict[str, Any]:
    """Export the month written as 2026-08; return its file, rows and sha256. An export that is still true is kept.

    Raises NotProven where the month is not what the manifest says, or the file does not read back.
    """
    began = time.monotonic()
    month = retention.parse_month(month_text)
    with archivist.alone(connection) as db:
        kept = exported_file.kept_month(db, month, tier="cold", to_do="export")
        with transactions.snapshot(db):
            content = archive.content(db, month, tier="cold")
            _refuse_unless_as_kept(content, kept, month_text)
            if kept.file_checksum == kept.checksum and (connection.files() / str(kept.file)).exists():
                exported_file.land(db, connection, month, kept)
                return {
                    "month": month_text,
                    "file": kept.file,
                    "rows": content.rows,
                    "sha256": kept.file_sha256,
                }
            rows = archive_landing.rows_of_month(db, month)
            path, digest = exported_file.write(db, connection, month, rows, content, run)
            failpoint("export.after_file")
            archive.record(
                db,
                month=month,
                operation="EXPORT",
                tier="cold",
                before=content,
                after=content,
                performed_by=run.requested_by,
                run_id=run.run_id,
                bytes=archive.size(db, archive_tables.cold_table(month)),
                file=path.name,
                file_sha256=digest,
                file_rows=content.rows,
                file_checksum=content.checksum,
                seconds=time.monotonic() - began,
            )
            failpoint("export.before_commit")
        failpoint("export.after_commit")
        archive_file.remove_others(connection.files(), month, keep=path.name)
    return {"month": month_text, "file": path.name, "rows": content.rows, "sha256": digest}


def _refuse_unless_as_kept(content: Content, kept: archive.KeptMonth, month_text: str) -> None:
    if (content.rows, content.checksum) != (kept.rows, kept.checksum):
        raise retention.NotProven(
            f"month {month_text} has {content.rows} rows with checksum {content.checksum}, archive_manifest says "
            f"{kept.rows} with {kept.checksum}: somebody changed it outside of our tasks (docs/archive.md)"
        )
