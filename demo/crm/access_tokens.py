"""Give the demo's customers an access token each: A0000000309 has T0000000309 with the pass code 000309."""

from __future__ import annotations

import hashlib

import psycopg
from argon2 import PasswordHasher

# As cheap as Argon2 gets, since thousands are made in a second. Real pass codes want the library's defaults
# (docs/crm-contract.md); how the hash is checked is the same.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
CUSTOMERS = 5_000  # the first ones; a million would take minutes, and nobody tries them


def identifier(account_number: str) -> str:
    """Return the identifier of a customer's access token."""
    return f"T{account_number[1:]}"


def pass_code(account_number: str) -> str:
    """Return the pass code of a customer of the demo: the last six digits of the number."""
    return account_number[-6:]


def give(db: psycopg.Connection) -> None:
    """Insert the tokens of the first customers, in the caller's transaction."""
    accounts = db.execute(
        "SELECT account_number FROM crm.accounts ORDER BY account_number LIMIT %s", (CUSTOMERS,)
    ).fetchall()
    with (
        db.cursor() as cursor,
        cursor.copy("COPY crm.access_tokens (identifier, account_number, pass_code_hash) FROM STDIN") as copy,
    ):
        for (account_number,) in accounts:
            # A salt of the number, so that the same seed gives the same base.
            salt = hashlib.sha256(account_number.encode()).digest()[:16]
            hashed = CHEAP.hash(pass_code(account_number), salt=salt)
            copy.write_row((identifier(account_number), account_number, hashed))
