"""How an archive task works: one archivist at a time, brief locks with patience, every move looked back at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

from provisioner.adapters import archive, archive_tables, sql
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import retention
from provisioner.core.errors import PlatformUnavailable
from provisioner.core.retention import Content, Fold, Month, OutOfSync
from provisioner.steps import return_month, transactions

_Half: TypeAlias = tuple[tuple[int, int], Fold, OutOfSync]
_Ours = TypeVar("_Ours")
_Theirs = TypeVar("_Theirs")


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
        try:
            look_back(db)
            yield db
        finally:
            # Before the session ends, which the server notices a little later than whoever comes next.
            if not db.closed:
                archive.give_lock_back(db)


def look_back(db: sql.Connection) -> None:
    """Complete the manifest rows of moves whose task died after the commit.

    A month that does not hold what it held is given back to the log, which raises NotProven.
    """
    for moved in archive.unverified(db):
        began = time.monotonic()
        with return_month.unless_proven(db, moved):
            with transactions.snapshot(db):
                found = archive.content(db, moved.month, tier="cold")
                proof = proof_of(db, when="when looked at again,")
            retention.refuse_other_content(moved.rows, moved.checksum, found, month=moved.month)
        archive.complete(
            db, moved.manifest_number, after=found, proof=proof, seconds=time.monotonic() - began
        )


def proof_of(db: sql.Connection, *, when: str) -> archive.Proof:
    """Return what must not change, in the snapshot of this transaction.

    Raises NotProven unless the closed requests add up to known state.
    """
    archive.spend_memory(db)
    return _proof(db, archive.folded_things(db), _other_half(db), when=when)


def proof_and_content(
    db: sql.Connection, witness: sql.Connection, month: Month, *, gently: bool, when: str
) -> tuple[archive.Proof, Content]:
    """Return `proof_of` this transaction, and what names the rows of a month of the log.

    *witness*, another session that sees the same snapshot, takes half of the work: `side_by_side` says when.
    """

    def theirs() -> tuple[_Half, Content]:
        content = archive.content(witness, month, tier="hot")
        return _other_half(witness), content

    archive.spend_memory(db)
    things, (half, content) = side_by_side(witness, lambda: archive.folded_things(db), theirs, gently=gently)
    return _proof(db, things, half, when=when), content


def is_written_since(db: sql.Connection, position: int) -> bool:
    """Tell whether requests were closed since the log was at *position*."""
    return archive.log_position(db) > position


def side_by_side(
    witness: sql.Connection, ours: Callable[[], _Ours], theirs: Callable[[], _Theirs], *, gently: bool
) -> tuple[_Ours, _Theirs]:
    """Do *ours* in this thread and *theirs*, which is the *witness*'s, in another; its locks end with it.

    *gently*: one after the other, so that a core is left to whoever closes requests meanwhile.
    Raises PlatformUnavailable where somebody stands between the two in the queue for the log.
    """
    with witness.transaction(force_rollback=True):
        try:
            archive_tables.be_no_link_of_a_circle(witness)
            if gently:
                half = theirs()
                return ours(), half
            with ThreadPoolExecutor(max_workers=1) as beside:
                beginning = beside.submit(theirs)
                return ours(), beginning.result()
        except archive_tables.LockNotAvailable as error:
            raise PlatformUnavailable(
                "somebody waits to change a table of the log while it is being proved: nothing was moved by this "
                "attempt; it is tried again (who waits is in pg_stat_activity)"
            ) from error


def _other_half(session: sql.Connection) -> _Half:
    archive.spend_memory(session)
    return archive.folded_accounts(session), archive.known(session), archive.out_of_sync(session)


def _proof(db: sql.Connection, things: tuple[int, int], half: _Half, *, when: str) -> archive.Proof:
    accounts, known, out_of_sync = half
    folded = Fold(
        accounts=accounts[0], accounts_digest=accounts[1], things=things[0], things_digest=things[1]
    )
    if folded != known:
        retention.refuse_another_fold(folded, known, archive.differences(db), when=when)
    return archive.Proof(folded=folded, known=known, out_of_sync=out_of_sync)
