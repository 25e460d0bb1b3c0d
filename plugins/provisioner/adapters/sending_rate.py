"""What all doors share about sending: the queue's next place, the rate that was refused, and whether Tucano is dead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provisioner.adapters import sql
from provisioner.core.pacing import Learned


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Places in the queue: *wait* seconds until the first, and what was *learned* up to now."""

    wait: float
    learned: Learned | None = None
    known_dead: bool = False


def slow_down(db: sql.Connection, *, provider: str, refused_rate: float, left_seconds_ago: float) -> None:
    """Make every door go on more slowly, unless the refused request left before another door said so."""
    sql.run(
        db,
        "request_log/slow_down_sending",
        provider=provider,
        refused_rate=refused_rate,
        left_seconds_ago=left_seconds_ago,
    )


def mark_silent(db: sql.Connection, *, provider: str) -> None:
    """Tell all doors that the platform was found dead."""
    sql.run(db, "request_log/mark_silent", provider=provider)


def mark_answering(db: sql.Connection, *, queues: Sequence[str]) -> None:
    """Tell all doors that the platform, which was found dead, has answered."""
    sql.run(db, "request_log/mark_answering", queues=list(queues))
