"""Distrust: what Tucano may hold otherwise than is known, since it was put back to a backup."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from provisioner.adapters import sql
from provisioner.core.distrust import Distrust, pack_places, unpack_places
from provisioner.core.model import AccountId
from provisioner.core.packing import pack_options, unpack_options


def begin(db: sql.Connection, *, batch_id: int, since: datetime) -> int:
    """Distrust what was acknowledged after *since* and before the batch was opened; return how many accounts that is.

    What an earlier run was told to distrust and is not settled stays so.
    """
    return sql.run(db, "distrust/begin_distrust", batch_id=batch_id, since=since).rowcount


def count_acknowledged(db: sql.Connection, *, batch_id: int, since: datetime) -> int:
    """Return how many accounts `begin` would distrust."""
    (accounts,) = sql.one(db, "distrust/count_acknowledged", batch_id=batch_id, since=since)
    return int(accounts)


def deleted_months(db: sql.Connection, *, since: datetime) -> list[str]:
    """Return the months, written as 2026-08, of which only checkpoints are left and that end after *since*."""
    return [month for (month,) in sql.rows(db, "distrust/list_deleted_months", since=since)]


def read(db: sql.Connection, accounts: Iterable[AccountId]) -> dict[AccountId, Distrust]:
    """Return what is distrusted of *accounts*; most have nothing."""
    return {
        account: Distrust(
            account=account_asked,
            options=unpack_options(options),
            places=unpack_places(materials),
            batch_id=batch_id,
        )
        for account, account_asked, options, materials, batch_id in sql.rows(
            db, "distrust/read_distrust", accounts=list(accounts)
        )
    }


def settle(db: sql.Connection, settled_by_account: Mapping[AccountId, Distrust]) -> None:
    """Take out what answers have settled, in the commit of their outcomes.

    Where a later run was told to distrust the account again, an answer asked for before it settles nothing.
    """
    settled = settled_by_account.values()
    sql.run(
        db,
        "distrust/settle_distrust",
        accounts=list(settled_by_account),
        batch_ids=[one.batch_id for one in settled],
        account_asked=[one.account for one in settled],
        **_things_of(settled),
    )


def doubt(db: sql.Connection, doubted_by_account: Mapping[AccountId, Distrust]) -> None:
    """Distrust options and boxes besides what is distrusted already, in the commit of what left them open."""
    doubted = doubted_by_account.values()
    sql.run(
        db,
        "distrust/doubt_things",
        accounts=list(doubted_by_account),
        batch_ids=[one.batch_id for one in doubted],
        **_things_of(doubted),
    )


def forget(db: sql.Connection, accounts: Iterable[AccountId]) -> None:
    """Trust *accounts* again: somebody else has told the whole of them."""
    sql.run(db, "distrust/forget_distrust", accounts=list(accounts))


def _things_of(distrusted: Collection[Distrust]) -> dict[str, list[str]]:
    return {
        "options": ["{" + ",".join(pack_options(one.options)) + "}" for one in distrusted],
        "materials": ["{" + ",".join(pack_places(one.places)) + "}" for one in distrusted],
    }
