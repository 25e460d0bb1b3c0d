"""Forget a person: blank the personal data of a subscription wherever it is kept, and record that it was done."""

from __future__ import annotations

import time
from typing import Any

from provisioner.adapters import archive, archive_file, archive_landing, archive_people, archive_tables, sql
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import wire
from provisioner.core.errors import ConfigurationError
from provisioner.core.model import AccountId
from provisioner.core.retention import Content, Month, NotProven
from provisioner.failpoint import failpoint
from provisioner.steps import archivist, exported_file, maintain_partitions, transactions
from provisioner.steps.reset_run import Run

# A shorter name would blank parts of other words; it is still blanked where the row is about its person.
WORD_CHARACTERS = 4


def run(connection: ArchiveConnection, subscription_number: str, reason: str, run: Run) -> dict[str, Any]:
    """Blank what is personal of a subscription's people; return how many rows had some, by tier and by table.

    In requests that is the body of CREATE_ACCOUNT and what Tucano said in free text; what was sent when, and how it
    ended, stays. Explanations of rejected rows and of a batch's accounts, texts of batches and attempts to
    authenticate are reached, too. Each month that changes gets a manifest row with its checksum before and after, and
    the whole a row in forgotten_person. Killed anywhere, doing it again finishes it. Raises ConfigurationError while a
    request of the subscription is open (its bytes may be sent again), and for a reason that names the person.
    """
    maintain_partitions.refuse_strays(connection)
    note = f"{subscription_number}: {reason}"
    with archivist.alone(connection) as db:
        accounts = archive_people.accounts_of(db, subscription_number)
        if open_requests := archive_people.count_open(db, accounts):
            raise ConfigurationError(
                f"{open_requests} requests of {subscription_number} have no outcome yet and are sent again "
                "as they are: wait for the next reset run, then forget"
            )
        months = archive.kept_months(db)
        words = _words(db, connection, months, accounts)
        if any(word.casefold() in reason.casefold() for word in words):
            raise ConfigurationError(
                "the reason, which is kept, names the person: give the number of the request instead"
            )
        # First, as long as the bodies still say which words to look for.
        numbers = sorted({subscription_number, *archive_people.subscriptions_of(db, accounts)})
        blanked = archive_people.forget_in_texts(db, accounts, numbers, words)
        failpoint("forget.after_texts")
        blanked |= {"hot": 0, "cold": 0, "exported": 0}
        for hot in archive.hot_months(db):
            blanked["hot"] += _forget_hot(db, hot.month, accounts, run, note)
        for month in months:
            cold, exported = _forget_kept(db, connection, month, accounts, run, note)
            blanked["cold"] += cold
            blanked["exported"] += exported
        archive_people.record_forgotten(
            db,
            subscription_number=subscription_number,
            accounts=accounts,
            reason=reason,
            performed_by=run.requested_by,
            run_id=run.run_id,
            rows_changed=blanked,
        )
    return {"subscription_number": subscription_number, **blanked}


def _words(
    db: sql.Connection, connection: ArchiveConnection, months: list[Month], accounts: list[AccountId]
) -> list[str]:
    """Return the names, addresses and numbers of the people of *accounts*, the longest first."""
    bodies = archive_people.personal_bodies(db, accounts)
    for month in months:
        kept = archive.kept(db, month)
        if kept is not None and kept.file is not None:
            bodies += archive_file.personal_bodies(connection.files() / kept.file, frozenset(accounts))
    found = {word for body in bodies for word in wire.personal_values(body)}
    return sorted(
        (word for word in found if len(word) >= WORD_CHARACTERS), key=lambda word: (-len(word), word)
    )


def _forget_hot(db: sql.Connection, month: Month, accounts: list[AccountId], run: Run, note: str) -> int:
    began = time.monotonic()
    with transactions.snapshot(db):
        if not archive_people.blank(db, month, accounts, tier="hot", pretend=True):
            return 0
        before = archive.content(db, month, tier="hot")
        rows = archive_people.blank(db, month, accounts, tier="hot")
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
    with transactions.snapshot(db):
        before = archive.content(db, month, tier="cold")
        if (before.rows, before.checksum) != (kept.rows, kept.checksum):
            raise NotProven(f"month {month} is not what archive_manifest says: nothing of it was changed")
        cold = archive_people.blank(db, month, accounts, tier="cold")
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
