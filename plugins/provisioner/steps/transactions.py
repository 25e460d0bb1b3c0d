"""Two kinds of transaction of the archive: one that sees one moment, and one that makes no writer wait for long."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from provisioner.adapters import archive_tables, sql
from provisioner.core import retention
from provisioner.core.errors import PlatformUnavailable


@contextmanager
def snapshot(db: sql.Connection) -> Iterator[None]:
    """Begin a transaction that sees one moment of the database, whatever others commit meanwhile."""
    level, db.isolation_level = db.isolation_level, psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with db.transaction():
            yield
    finally:
        # A connection that was cut has no level to be set back, and says so in a worse way than the cut.
        if not db.closed:
            db.isolation_level = level


def with_patience(db: sql.Connection, change: Callable[[], None]) -> None:
    """Do *change* in a (sub)transaction that waits for no lock longer than LOCK_MILLISECONDS, until it succeeds.

    Raises PlatformUnavailable after LOCK_PATIENCE_SECONDS: whoever waits in the queue makes writers wait too, so
    that somebody who reads for long is let through, and writers with him. Should this process be stopped or cut off
    while it holds the locks, the server ends its session after FROZEN_SECONDS and with it the transaction.
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
