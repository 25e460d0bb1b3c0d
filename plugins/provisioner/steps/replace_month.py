"""Put another table in the place of an archived month, with the same proof as a move: how months are deleted and
brought back."""

from __future__ import annotations

from provisioner.adapters import archive, archive_tables, sql
from provisioner.core.retention import Month, NotProven
from provisioner.failpoint import failpoint
from provisioner.steps import archivist, transactions


def with_landing(db: sql.Connection, month: Month) -> tuple[archive.Proof, archive.Proof]:
    """Replace the month by the landed rows, in the caller's snapshot; return the proofs of before and after.

    Readers of the archive wait while the fold is computed again; the hot log and its writers do not. Raises NotProven
    where anything that is compared would change.
    """
    before = archivist.proof_of(db, when=f"before {month} was replaced,")
    draft, cold = f"request_draft_{month.suffix}", archive_tables.cold_table(month)
    archive_tables.create_like_cold(db, draft)
    archive_tables.fill_from_landing(db, draft)
    archive_tables.add_check(db, draft, month)
    archive_tables.validate_check(db, draft)
    failpoint("replace.after_draft")

    def exchange() -> None:
        archive_tables.lock_for_replacement(db, month)
        archive_tables.detach(db, archive_tables.COLD, cold)
        archive_tables.drop(db, cold)
        archive_tables.attach(db, archive_tables.COLD, draft, month)
        archive_tables.drop_check(db, draft)
        archive_tables.rename(db, draft, cold)

    transactions.with_patience(db, exchange)
    failpoint("replace.after_exchange")
    after = archivist.proof_of(db, when=f"after {month} was replaced,")
    if before != after:
        raise NotProven(
            f"replacing {month}, the log adds up to {after}, before to {before}: it is rolled back"
        )
    return before, after
