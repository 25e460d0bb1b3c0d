"""Forget a person: blank the personal data of a subscription hot, cold and exported, and record that it was done."""

from __future__ import annotations

import time
from typing import Any

from provisioner.adapters import archive, archive_file, archive_landing, archive_tables, sql
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core.errors import ConfigurationError
from provisioner.core.model import AccountId
from provisioner.core.retention import Content, Month, NotProven
from provisioner.failpoint import failpoint
from provisioner.steps import archivist, exported_file, maintain_partitions
from provisioner.steps.reset_run import Run


def run(connection: ArchiveConnection, subscription_number: str, reason: str, run: Run) -> dict[str, Any]:
    """Blank what is personal in the requests of a subscription's accounts; return how many rows had some, by tier.

    That is the body of CREATE_ACCOUNT and what Tucano said in free text; what was sent when, and how it ended, stays.
    Each month that changes gets a manifest row with its checksum before and after. Killed anywhere, doing it again
    finishes it. Raises ConfigurationError while a request of the subscription is open: its bytes may be sent again.
    """
    maintain_partitions.refuse_strays(connection)
    note = f"{subscription_number}: {reason}"
    blanked = {"hot": 0, "cold": 0, "exported": 0}
    with archivist.alone(connection) as db:
        accounts = archive.accounts_of(db, subscription_number)
        if open_requests := archive.count_open(db, accounts):
            raise ConfigurationError(
                f"{open_requests} requests of {subscription_number} have no outcome yet and are sent again "
                "as they are: wait for the next reset run, then forget"
            )
        for hot in archive.hot_months(db):
            blanked["hot"] += _forget_hot(db, hot.month, accounts, run, note)
        for month in archive.kept_months(db):
            cold, exported = _forget_kept(db, connection, month, accounts, run, note)
            blanked["cold"] += cold
            blanked["exported"] += exported
    return {"subscription_number": subscription_number, **blanked}


def _forget_hot(db: sql.Connection, month: Month, accounts: list[AccountId], run: Run, note: str) -> int:
    began = time.monotonic()
    with archivist.snapshot(db):
        if not archive.blank(db, month, accounts, tier="hot", pretend=True):
            return 0
        before = archive.content(db, month, tier="hot")
        rows = archive.blank(db, month, accounts, tier="hot")
        after = archive.content(db, month, tier="hot")
        _record(db, month, "hot", before, after, run, note, began, None)
        failpoint("forget.before_commit")
    archive_tables.vacuum(db, archive_tables.hot_table(month))
    return rows


def _forget_kept(
    db: sql.Connection,
    connection: ArchiveConnection,
    month: Month,
    accounts: list[AccountId],
    run: Run,
    note: str,
) -> tuple[int, int]:
    began = time.monotonic()
    kept = archive.kept(db, month)
    if kept is None or kept.tier == "hot":
        return 0, 0
    file, exported = kept.file, 0
    with archivist.snapshot(db):
        before = archive.content(db, month, tier="cold")
        if (before.rows, before.checksum) != (kept.rows, kept.checksum):
            raise NotProven(f"month {month} is not what archive_manifest says: nothing of it was changed")
        cold = archive.blank(db, month, accounts, tier="cold")
        after = archive.content(db, month, tier="cold")
        edition: dict[str, Any] | None = None
        if kept.file is not None:
            exported_file.land(db, connection, month, kept)
            exported = archive_landing.blank(db, accounts)
            edition = {
                "file": kept.file,
                "file_sha256": kept.file_sha256,
                "file_rows": kept.file_rows,
                "file_checksum": kept.file_checksum,
            }
            if exported:
                content = archive_landing.content(db)
                path, digest = exported_file.write(
                    db, connection, month, archive_landing.rows(db), content, run
                )
                file = path.name
                edition |= {"file": file, "file_sha256": digest, "file_checksum": content.checksum}
                failpoint("forget.after_file")
        if cold or exported:
            _record(db, month, kept.tier, before, after, run, note, began, edition)
            failpoint("forget.before_commit")
    failpoint("forget.after_commit")
    if file is not None:
        # Also what a run that died left behind: the edition with the personal data in it.
        archive_file.remove_others(connection.files(), month, keep=file)
    archive_tables.vacuum(db, archive_tables.cold_table(month))
    return cold, exported


def _record(
    db: sql.Connection,
    month: Month,
    tier: str,
    before: Content,
    after: Content,
    run: Run,
    note: str,
    began: float,
    edition: dict[str, Any] | None,
) -> None:
    archive.record(
        db,
        month=month,
        operation="FORGET",
        tier=tier,
        before=before,
        after=after,
        performed_by=run.requested_by,
        run_id=run.run_id,
        reason=note,
        seconds=time.monotonic() - began,
        **(edition or {}),
    )
