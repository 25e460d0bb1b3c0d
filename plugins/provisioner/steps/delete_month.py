"""Delete an archived month for good: after a verified export, leaving a checkpoint, when a person has approved."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from provisioner.adapters import archive, archive_landing, archive_tables
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import retention
from provisioner.core.retention import Content
from provisioner.failpoint import failpoint
from provisioner.steps import archivist, exported_file, replace_month, transactions
from provisioner.steps.reset_run import Run


def decide(
    connection: ArchiveConnection,
    exported: Mapping[str, Any],
    asking: Run,
    *,
    approved: bool,
    decided_by: str,
) -> dict[str, Any]:
    """Do what a person answered when *exported* was shown: delete the month, or record that it stays."""
    if approved:
        return run(connection, exported, asking, approved_by=decided_by)
    return keep(connection, exported, asking, kept_by=decided_by)


def keep(
    connection: ArchiveConnection, exported: Mapping[str, Any], run: Run, *, kept_by: str
) -> dict[str, Any]:
    """Record that a person said no, or nobody anything, when asked to delete the month of *exported*."""
    began = time.monotonic()
    month = retention.parse_month(str(exported["month"]))
    with archivist.alone(connection) as db:
        kept = exported_file.kept_month(db, month, tier="cold", to_do="keep")
        content = Content(rows=kept.rows, checksum=kept.checksum, first_log_number=None, last_log_number=None)
        archive.record(
            db,
            month=month,
            operation="KEEP",
            tier="cold",
            before=content,
            after=content,
            performed_by=run.requested_by,
            run_id=run.run_id,
            reason=f"deletion refused by {kept_by}",
            seconds=time.monotonic() - began,
        )
    return {"month": str(month), "deleted": 0, "kept": kept.rows, "file": kept.file}


def run(
    connection: ArchiveConnection, exported: Mapping[str, Any], run: Run, *, approved_by: str
) -> dict[str, Any]:
    """Delete the month of *exported*, what export_month returned and a person was shown.

    What stays is one row an account: what Tucano was known to have at its last request of the month. Raises
    NotProven where the file no longer reads back as the month, or another one than the approved was exported since.
    """
    began = time.monotonic()
    month = retention.parse_month(str(exported["month"]))
    with archivist.alone(connection) as db:
        kept = exported_file.kept_month(db, month, tier="cold", to_do="delete")
        if kept.file_sha256 != exported["sha256"]:
            raise retention.NotProven(
                f"month {month} was exported again to {kept.file} since {exported['file']} was approved: ask again"
            )
        with transactions.snapshot(db):
            in_file = exported_file.land(db, connection, month, kept)
            content = archive.content(db, month, tier="cold")
            retention.refuse_other_content(in_file.rows, in_file.checksum, content, month=month)
            archive_landing.drop(db)
            size = archive.size(db, archive_tables.cold_table(month))
            archive_landing.create(db)
            archive_landing.fill_checkpoint(db, month)
            left = archive_landing.content(db)
            before, after = replace_month.with_landing(db, month)
            archive.record(
                db,
                month=month,
                operation="DELETE",
                tier="deleted",
                before=content,
                after=left,
                performed_by=run.requested_by,
                run_id=run.run_id,
                reason=f"approved by {approved_by}",
                bytes=size,
                proof_before=before.as_json(),
                proof_after=after.as_json(),
                file=kept.file,
                file_sha256=kept.file_sha256,
                file_rows=kept.file_rows,
                file_checksum=kept.file_checksum,
                seconds=time.monotonic() - began,
            )
            failpoint("delete.before_commit")
        failpoint("delete.after_commit")
    return {"month": str(month), "deleted": content.rows, "kept": left.rows, "file": kept.file}
