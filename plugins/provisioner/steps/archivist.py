"""How an archive task works: one archivist at a time, brief locks with patience, every move looked back at."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg

from provisioner.adapters import archive, archive_tables, sql
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import retention
from provisioner.core.errors import PlatformUnavailable
from provisioner.core.retention import Content, Fold, OutOfSync


@contextmanager
def alone(connection: ArchiveConnection) -> Iterator[sql.Connection]:
    """Open the archive as the only archivist; moves that a dead one did not look back at are looked at first.

    Raises PlatformUnavailable where another archive task is at work: it is tried again later.
    """
    with connection.open() as db:
        if not archive.take_lock(db):
            raise PlatformUnavailable(
                "another archive task is at work on this database: wait for it, then run again"
            )
        look_back(db)
        yield db


def look_back(db: sql.Connection) -> None:
    """Complete the manifest rows of moves whose task died after the commit.

    Raises NotProven where such a month does not hold what it held.
    """
    for one in archive.unverified(db):
        began = time.monotonic()
        with snapshot(db):
            found = archive.content(db, one.month, tier="cold")
            expected = Content(
                rows=one.rows,
                checksum=one.checksum,
                first_log_number=found.first_log_number,
                last_log_number=found.last_log_number,
            )
            retention.refuse_other_content(expected, found, month=one.month)
            proof = proof_of(db, when="when looked at again,")
            archive.complete(
                db, one.manifest_number, after=found, proof=proof, seconds=time.monotonic() - began
            )


def proof_of(db: sql.Connection, *, when: str, witness: sql.Connection | None = None) -> archive.Proof:
    """Return what must not change, in the snapshot of this transaction.

    *witness*: another session that sees the same snapshot and takes half of the work on another core; it holds no lock
    afterwards. Raises NotProven unless the closed requests add up to known state.
    """

    def other_half(session: sql.Connection) -> tuple[tuple[int, int], Fold, OutOfSync]:
        archive.spend_memory(session)
        return archive.folded_accounts(session), archive.known(session), archive.out_of_sync(session)

    archive.spend_memory(db)
    if witness is None:
        things, (accounts, known, out_of_sync) = archive.folded_things(db), other_half(db)
    else:
        with ThreadPoolExecutor(max_workers=1) as beside, witness.transaction(force_rollback=True):
            half = beside.submit(other_half, witness)
            things = archive.folded_things(db)
            accounts, known, out_of_sync = half.result()
    folded = Fold(
        accounts=accounts[0], accounts_digest=accounts[1], things=things[0], things_digest=things[1]
    )
    if folded != known:
        retention.refuse_another_fold(folded, known, archive.differences(db), when=when)
    return archive.Proof(folded=folded, known=known, out_of_sync=out_of_sync)


@contextmanager
def snapshot(db: sql.Connection) -> Iterator[None]:
    """Begin a transaction that sees one moment of the database, whatever others commit meanwhile."""
    level, db.isolation_level = db.isolation_level, psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with db.transaction():
            yield
    finally:
        db.isolation_level = level


def with_patience(db: sql.Connection, change: Callable[[], None]) -> None:
    """Do *change* in a (sub)transaction that waits for no lock longer than LOCK_MILLISECONDS, until it succeeds.

    Raises PlatformUnavailable after LOCK_PATIENCE_SECONDS: whoever waits in the queue makes writers wait too, so
    that somebody who reads for long is let through, and writers with him.
    """
    deadline = time.monotonic() + retention.LOCK_PATIENCE_SECONDS
    pause = retention.LOCK_PAUSE_SECONDS
    while True:
        try:
            with db.transaction():
                archive_tables.be_brief(db)
                change()
                return
        except (archive_tables.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() > deadline:
                raise PlatformUnavailable(
                    f"the log was never free for a move in {retention.LOCK_PATIENCE_SECONDS:g} s: a session reads it "
                    "without end. Find it in pg_stat_activity by the oldest xact_start, end it and run again"
                ) from error
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # two patient ones must not meet again
            pause = min(2 * pause, retention.LOCK_PAUSE_LONGEST_SECONDS)
