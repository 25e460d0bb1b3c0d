"""May this subscriber order? Who is meant, whether the answer is yes, and what the token then says (decision 11)."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from provisioner.core.desired import contribution
from provisioner.core.model import (
    ACTIVE_SUBSCRIPTION,
    ENDED_SUBSCRIPTION,
    AccountId,
    LifeCycleState,
    Provider,
    RejectedRow,
    Subscription,
    SubscriptionNumber,
)

# Five guesses a minute make a four-digit pass code last a day and a half of guessing that everybody sees, and a
# person who mistypes does not notice the limit.
FAILURES_ALLOWED = 5
FAILURES_SECONDS = 60
# Long enough to start a film, too short to be passed around.
TOKEN_SECONDS = 300


class IdentifierKind(StrEnum):
    """How a portal may name a subscriber."""

    SUBSCRIPTION = "SUBSCRIPTION"
    INSTALLED_ITEM = "INSTALLED_ITEM"
    ACCESS_TOKEN = "ACCESS_TOKEN"  # noqa: S105 a kind, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """Who is meant. Only an access token has a *pass_code*, and only there *subscription_type* may narrow."""

    kind: IdentifierKind
    value: str = field(repr=False)
    pass_code: str | None = field(default=None, repr=False)
    subscription_type: str | None = None


class Refusal(StrEnum):
    """Why no token is given. The values are the error codes that the portal reads."""

    UNKNOWN_IDENTIFIER = "UNKNOWN_IDENTIFIER"
    AMBIGUOUS_IDENTIFIER = "AMBIGUOUS_IDENTIFIER"
    SUBSCRIPTION_NOT_ACTIVE = "SUBSCRIPTION_NOT_ACTIVE"
    SUBSCRIPTION_NOT_PROVISIONED = "SUBSCRIPTION_NOT_PROVISIONED"
    PROVIDER_NOT_EFFECTIVE = "PROVIDER_NOT_EFFECTIVE"
    TOO_MANY_FAILURES = "TOO_MANY_FAILURES"


GRANTED = "GRANTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """This subscription may order."""

    subscription_number: SubscriptionNumber
    account: AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No token, and why. *subscription_number* where one was meant; *retry_after* in seconds where waiting helps."""

    refusal: Refusal
    subscription_number: SubscriptionNumber | None = None
    retry_after: int | None = None


Answer: TypeAlias = Granted | Refused


def outcome(answer: Answer) -> str:
    """Return the one word under which *answer* is kept."""
    return GRANTED if isinstance(answer, Granted) else answer.refusal.value


def names_exactly_one(given: Collection[str]) -> bool:
    """Tell whether exactly one identifier is *given*: of two that disagree neither could be believed."""
    return len(given) == 1


def decide(
    meant: Collection[SubscriptionNumber],
    rows: Sequence[Subscription | RejectedRow],
    subscription_type: str | None,
    provider: Provider,
) -> Answer:
    """Answer for the subscriptions *meant*, given the CRM's *rows* of now (those of others are left aside).

    Where several fit, those that have ended do not count, and *subscription_type* keeps its own. A row that
    breaks a rule counts as one that fits: it is nobody's proof that another subscription is meant.
    """
    fitting = [
        row
        for row in rows
        if row.subscription_number in meant
        and (
            subscription_type is None
            or isinstance(row, RejectedRow)
            or row.subscription_type == subscription_type
        )
    ]
    living = [row for row in fitting if isinstance(row, RejectedRow) or row.state not in ENDED_SUBSCRIPTION]
    candidates = living or fitting[:1]
    if not candidates:
        return Refused(refusal=Refusal.UNKNOWN_IDENTIFIER)
    if len(candidates) > 1:
        return Refused(refusal=Refusal.AMBIGUOUS_IDENTIFIER)
    return _decide_one(candidates[0], provider)


def _decide_one(row: Subscription | RejectedRow, provider: Provider) -> Answer:
    number = row.subscription_number
    if provider.state is not LifeCycleState.EFFECTIVE:
        return Refused(refusal=Refusal.PROVIDER_NOT_EFFECTIVE, subscription_number=number)
    if isinstance(row, RejectedRow):
        return Refused(refusal=Refusal.SUBSCRIPTION_NOT_PROVISIONED, subscription_number=number)
    if row.state not in ACTIVE_SUBSCRIPTION:
        return Refused(refusal=Refusal.SUBSCRIPTION_NOT_ACTIVE, subscription_number=number)
    wanted = contribution(row, provider)
    # Nothing of it is this provider's: no option and no box, or a rule is broken and nothing is sent for it.
    if isinstance(wanted, RejectedRow) or not (wanted.options or wanted.materials):
        return Refused(refusal=Refusal.SUBSCRIPTION_NOT_PROVISIONED, subscription_number=number)
    return Granted(subscription_number=number, account=row.account)


def seconds_to_wait(failure_ages: Sequence[float]) -> int | None:
    """Return how long an identifier with failures of these ages (seconds) has to wait, or None if it may ask.

    The window slides: the next question is answered when the fifth newest failure is a minute old.
    """
    recent = sorted(age for age in failure_ages if age < FAILURES_SECONDS)
    if len(recent) < FAILURES_ALLOWED:
        return None
    return max(1, math.ceil(FAILURES_SECONDS - recent[FAILURES_ALLOWED - 1]))


def claims(granted: Granted, *, api_ip: str, now: datetime, lifetime_seconds: int) -> dict[str, Any]:
    """Return the token's payload: exactly `exp` (seconds since 1970), `userid` (the account) and `apip`."""
    return {"exp": int(now.timestamp()) + lifetime_seconds, "userid": granted.account, "apip": api_ip}
