"""Entries of the log that tell the whole of an account: an import, or a rebuild of known state from the log itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provisioner.adapters import known_state, request_log, sql
from provisioner.core.model import AccountId, AccountState, SubscriptionNumber
from provisioner.core.packing import pack_materials, pack_options, unpack_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One account of which the log says another thing than known state."""

    account: AccountId
    folded: AccountState
    known: AccountState


def differences(db: sql.Connection, accounts: Sequence[AccountId] | None = None) -> list[Difference]:
    """Fold the log, hot, cold and checkpoints, and return where it differs from known state; of *accounts*, or all."""
    return [
        Difference(
            account=account,
            folded=unpack_state(exists, options, materials),
            known=unpack_state(known_exists, known_options, known_materials),
        )
        for account, exists, options, materials, known_exists, known_options, known_materials in sql.rows(
            db, "known_state/fold_log", accounts=None if accounts is None else list(accounts)
        )
    ]


def write(
    db: sql.Connection,
    state_by_account: Mapping[AccountId, AccountState],
    *,
    batch_id: int,
    caused_by: str,
    numbers: Mapping[AccountId, SubscriptionNumber],
) -> None:
    """Log what accounts are told to hold, and write it as known: both in the caller's transaction, under his claims.

    *numbers* are subscriptions by account; where one is not named, its account bears its number (decision 1).
    """
    sql.run(
        db,
        "request_log/insert_told_whole",
        batch_id=batch_id,
        caused_by=caused_by,
        accounts=list(state_by_account),
        subscription_numbers=[numbers.get(account, account) for account in state_by_account],
        parameters=[
            json.dumps(
                {
                    "account_exists": state.exists,
                    "options": pack_options(state.options),
                    "materials": pack_materials(state.materials),
                }
            )
            for state in state_by_account.values()
        ],
    )
    known_state.write(db, state_by_account)


def numbers_of(db: sql.Connection, accounts: Sequence[AccountId]) -> dict[AccountId, SubscriptionNumber]:
    """Return one subscription that each account was served for."""
    return {
        account: numbers[0]
        for account, numbers in request_log.read_subscription_numbers(db, accounts).items()
        if numbers
    }
