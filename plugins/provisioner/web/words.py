"""How the pages write numbers, times and states: always with a unit or a zone, and the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

# What a state of a request means to somebody who is tired.
STATES = {
    "PENDING": "waits to be sent, or for its answer",
    "UNKNOWN": "sent, no answer came: it is asked again under its own number",
    "COMPLETED": "done at Tucano",
    "REJECTED": "refused by Tucano",
    "NOT_SENT": "closed without being sent",
}
# What became of an account in a batch.
OUTCOMES = {
    "IN_SYNC": "nothing was left to do",
    "COMPLETED": "all of its requests are done",
    "REJECTED": "Tucano refused a request",
    "PARKED": "no answer again and again, or a CRM row that stays too old: a person looks at the reason",
    "WITHHELD": "removals were kept back for this account",
    "ROW_REJECTED": "the CRM's row breaks a rule",
    "HELD": "waits for a person's approval",
    None: "not finished",
}
# The tone in which a state is shown, besides its word: colour alone says nothing to who cannot see it.
TONES = {
    "COMPLETED": "good",
    "IN_SYNC": "good",
    "REJECTED": "bad",
    "ROW_REJECTED": "bad",
    "PARKED": "bad",
    "UNKNOWN": "warn",
    "HELD": "warn",
    "WITHHELD": "warn",
    "NOT_SENT": "warn",
    "PENDING": "busy",
}


def number(value: float | None) -> str:
    """Write 1234567 as 1,234,567 and nothing as a dash."""
    return "–" if value is None else f"{value:,.0f}"


def counted(count: int, thing: str) -> str:
    """Write '1 account', '1,234 accounts'."""
    return f"{number(count)} {thing}{'' if count == 1 else 's'}"


def percent(value: float | None) -> str:
    """Write a share of 1."""
    return "–" if value is None else f"{value:.1%}"


def moment(value: datetime | None) -> str:
    """Write a time in UTC, and say so."""
    return "–" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(value: float | timedelta | None) -> str:
    """Write seconds as a person says them: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    for large, small, size in (("d", "h", 86_400), ("h", "min", 3_600), ("min", "s", 60)):
        if whole >= size:
            rest = whole % size // {"h": 3_600, "min": 60, "s": 1}[small]
            return f"{whole // size} {large}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def tone(state: str | None) -> str:
    """Return the tone of a state: good, bad, warn, busy or plain."""
    return TONES.get(state or "", "plain")


FILTERS: dict[str, Callable[..., str]] = {
    "number": number,
    "counted": counted,
    "percent": percent,
    "moment": moment,
    "duration": duration,
    "tone": tone,
    "state_words": lambda value: STATES.get(value, ""),
    "outcome_words": lambda value: OUTCOMES.get(value, ""),
}
