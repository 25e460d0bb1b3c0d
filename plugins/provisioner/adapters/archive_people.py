"""People in the database: whose requests are a subscription's, and how what is personal of them is taken out."""

from __future__ import annotations

import json

from provisioner.adapters import sql
from provisioner.core.model import AccountId
from provisioner.core.retention import Month


def accounts_of(db: sql.Connection, subscription_number: str) -> list[AccountId]:
    """Return the accounts that requests of the subscription were for, and the one called like it."""
    return [
        account
        for (account,) in sql.rows(db, "archive/find_accounts", subscription_number=subscription_number)
    ]


def subscriptions_of(db: sql.Connection, accounts: list[AccountId]) -> list[str]:
    """Return the subscriptions that *accounts* were ever seen with."""
    return [number for (number,) in sql.rows(db, "archive/find_subscriptions", accounts=accounts)]


def count_open(db: sql.Connection, accounts: list[AccountId]) -> int:
    """Return how many requests of *accounts* have no outcome yet."""
    (requests,) = sql.one(db, "archive/count_open", accounts=accounts)
    return int(requests)


def blank(
    db: sql.Connection, month: Month, accounts: list[AccountId], *, tier: str, pretend: bool = False
) -> int:
    """Take personal data of *accounts* out of a month, 'hot' or 'cold'; return how many rows had some.

    *pretend* only counts.
    """
    with db.transaction(force_rollback=pretend):
        return sql.run(
            db,
            f"archive/blank_{tier}_month",
            accounts=accounts,
            closed_from=month.begins_at,
            closed_to=month.ends_at,
        ).rowcount


def personal_bodies(db: sql.Connection, accounts: list[AccountId]) -> list[bytes]:
    """Return the bodies, hot and cold, in which people of *accounts* are told to Tucano."""
    return [bytes(body) for (body,) in sql.rows(db, "archive/find_personal_bodies", accounts=accounts)]


def forget_in_texts(
    db: sql.Connection, accounts: list[AccountId], subscription_numbers: list[str], words: list[str]
) -> dict[str, int]:
    """Blank what is written about people besides the log; return how many rows had something, by table."""
    (found,) = sql.one(
        db,
        "archive/forget_in_texts",
        accounts=accounts,
        subscription_numbers=subscription_numbers,
        words=words,
    )
    return dict(found)


def record_forgotten(
    db: sql.Connection,
    *,
    subscription_number: str,
    accounts: list[AccountId],
    reason: str,
    performed_by: str,
    run_id: str,
    rows_changed: dict[str, int],
) -> None:
    """Record that a person was forgotten."""
    sql.run(
        db,
        "archive/insert_forgotten",
        subscription_number=subscription_number,
        accounts=accounts,
        reason=reason,
        performed_by=performed_by,
        run_id=run_id,
        rows_changed=json.dumps(rows_changed),
    )
