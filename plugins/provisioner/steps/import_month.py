"""Bring a deleted month back from its file: the way back from a deletion."""

from __future__ import annotations

import time
from typing import Any

from provisioner.adapters import archive, archive_tables
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import retention
from provisioner.failpoint import failpoint
from provisioner.steps import archivist, exported_file, replace_month, transactions
from provisioner.steps.reset_run import Run


def run(connection: ArchiveConnection, month_text: str, run: Run) -> dict[str, Any]:
    """Import the month written as 2026-08 from the file that the manifest names; return its rows.

    Raises ConfigurationError where the file is not there, NotProven where it is another.
    """
    began = time.monotonic()
    month = retention.parse_month(month_text)
    with archivist.alone(connection) as db:
        kept = exported_file.kept_month(db, month, tier="deleted", to_do="import")
        with transactions.snapshot(db):
            checkpoint = archive.content(db, month, tier="cold")
            content = exported_file.land(db, connection, month, kept)
            before, after = replace_month.with_landing(db, month)
            archive.record(
                db,
                month=month,
                operation="IMPORT",
                tier="cold",
                before=checkpoint,
                after=content,
                performed_by=run.requested_by,
                run_id=run.run_id,
                bytes=archive.size(db, archive_tables.cold_table(month)),
                proof_before=before.as_json(),
                proof_after=after.as_json(),
                file=kept.file,
                file_sha256=kept.file_sha256,
                file_rows=kept.file_rows,
                file_checksum=kept.file_checksum,
                seconds=time.monotonic() - began,
            )
            failpoint("import.before_commit")
        failpoint("import.after_commit")
    return {"month": month_text, "rows": content.rows}
