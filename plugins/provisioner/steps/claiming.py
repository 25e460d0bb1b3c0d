"""Claim accounts block by block for a step that writes known state without sending anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from provisioner.adapters import claims, sql
from provisioner.core import policy
from provisioner.core.model import AccountId

# Enough to make one commit of many, few enough to be written in a moment of a lease.
ACCOUNTS_A_BLOCK = 1_000
LEASE = timedelta(seconds=policy.CLAIM_SECONDS)
# Whoever sends for an account now has finished with it, or is dead, after two leases.
BUSY_SECONDS = 0.5
PATIENCE_SECONDS = 2 * policy.CLAIM_SECONDS


def in_blocks(
    db: sql.Connection,
    accounts: Sequence[AccountId],
    write: Callable[[Sequence[AccountId]], None],
    *,
    patience: float = PATIENCE_SECONDS,
) -> list[AccountId]:
    """Call *write* with *accounts*, block by block, each block claimed and in one transaction; commits.

    Returns the accounts that somebody else held all the time: nothing was written for them.
    """
    owner = claims.new_owner()
    waiting = list(accounts)
    deadline = time.monotonic() + patience
    while True:
        busy: list[AccountId] = []
        for start in range(0, len(waiting), ACCOUNTS_A_BLOCK):
            busy += _block(db, waiting[start : start + ACCOUNTS_A_BLOCK], write, owner)
        if not busy or time.monotonic() > deadline:
            return busy
        waiting = busy
        time.sleep(BUSY_SECONDS)


def _block(
    db: sql.Connection,
    block: Sequence[AccountId],
    write: Callable[[Sequence[AccountId]], None],
    owner: str,
) -> list[AccountId]:
    with db.transaction():
        tokens = claims.take(db, block, owner=owner, lease=LEASE)
    with db.transaction():
        held = claims.hold(db, tokens)
        ours = [account for account in block if account in held]
        if ours:
            write(ours)
        claims.release(db, tokens)
    return [account for account in block if account not in held]
