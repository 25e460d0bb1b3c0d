"""Claims: one writer an account, by the provisioning database's clock."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta

from provisioner.adapters import sql
from provisioner.core.model import AccountId


def new_owner() -> str:
    """Return a name for a worker that no other has, by which a person finds its process."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def take(
    db: sql.Connection, accounts: Iterable[AccountId], *, owner: str, lease: timedelta
) -> dict[AccountId, int]:
    """Claim *accounts* for *owner*; return the token of each one taken. The others are somebody else's now."""
    found = sql.rows(db, "claim/take_claims", accounts=list(accounts), owner=owner, lease=lease)
    return dict(found)


def release_owned(db: sql.Connection, accounts: Iterable[AccountId], *, owner: str) -> None:
    """Give back whatever *owner* holds of *accounts*."""
    sql.run(db, "claim/release_owned", owner=owner, accounts=list(accounts))


def renew(db: sql.Connection, *, owner: str, lease: timedelta) -> dict[AccountId, int]:
    """Renew *owner*'s live claims; return them. One that is missing ran out and is lost."""
    return dict(sql.rows(db, "claim/renew_claims", owner=owner, lease=lease))


def hold(db: sql.Connection, token_by_account: Mapping[AccountId, int]) -> set[AccountId]:
    """Return the accounts whose claim still holds, and keep them from changing hands in this transaction."""
    found = sql.rows(
        db, "claim/hold_claims", accounts=list(token_by_account), tokens=list(token_by_account.values())
    )
    return {account for account, _ in found}


def release(db: sql.Connection, token_by_account: Mapping[AccountId, int]) -> None:
    """Give accounts back."""
    sql.run(
        db, "claim/release_claims", accounts=list(token_by_account), tokens=list(token_by_account.values())
    )
