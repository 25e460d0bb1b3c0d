"""The log of authentication attempts: who asked, about which subscription, how it ended. Never a token or pass code."""

from __future__ import annotations

from provisioner.adapters import sql
from provisioner.core.authentication import FAILURES_ALLOWED, FAILURES_SECONDS, IdentifierKind, Refusal


def take_turn(db: sql.Connection, mark: bytes) -> list[float]:
    """Wait until nobody else asks about the identifier of *mark*; return the ages of its failures in seconds.

    The turn ends with the transaction. Without it, guesses sent at the same time would all be the first.
    """
    # One journey for both; the second statement still sees what was committed while the first one waited.
    with db.pipeline():
        sql.run(db, "authentication/lock_identifier", mark=mark)
        found = sql.run(
            db,
            "authentication/list_failures",
            mark=mark,
            outcome=Refusal.UNKNOWN_IDENTIFIER.value,
            seconds=FAILURES_SECONDS,
            limit=FAILURES_ALLOWED,
        )
    return [float(age) for (age,) in found.fetchall()]


def record(
    db: sql.Connection,
    *,
    asked_by: str,
    kind: IdentifierKind,
    mark: bytes,
    subscription_number: str | None,
    outcome: str,
) -> None:
    """Keep one attempt."""
    sql.run(
        db,
        "authentication/record_attempt",
        asked_by=asked_by,
        kind=kind.value,
        mark=mark,
        subscription_number=subscription_number,
        outcome=outcome,
    )
