"""How fast to send, and when to stop trying: decided from numbers alone, whatever clock they come from.

The rate: a platform that answers 429 without announcing a rate is found out by going down by a share and coming up
slowly (as TCP's CUBIC does): the growth is flat about the rate that was refused last and steeper far from it, so that
refusals are few and a limit that was raised is still found. The rate of a moment follows from two numbers, the rate
refused last and the time since then, so doors that share those two agree without counting together.

The width: how many requests may be without an answer at once. A silence halves it, answers open it again: a platform
in a brown-out, or one that comes back, is not met by all of us at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from provisioner.core import policy

# After a refusal the rate goes to this share of the refused one; it is back there after GROWTH_SECONDS. A larger step
# would leave more of the allowed rate unused, a smaller or faster one would be refused more often than every ten
# seconds, and each refusal costs the pause that the platform asks for.
AFTER_REFUSAL: Final = 0.85
# So soon after the last one, a refusal means that we are far above what is allowed: go down faster.
SOON_SECONDS: Final = 4.0
AFTER_REFUSAL_SOON: Final = 0.7
GROWTH_SECONDS: Final = 10.0
_GROWTH: Final = (1 - AFTER_REFUSAL) / GROWTH_SECONDS**3
# Slower than one request in ten seconds nothing would be learned of a platform that has recovered.
SLOWEST: Final = 0.1

# So many requests go at once to a platform of which nothing is known yet.
FIRST_WIDTH: Final = 8
# Silences do not close the gate further: a platform that hangs for half a minute is then found dead in two.
NARROWEST: Final = 4
# One that was found dead a while ago is asked with one request at a time, and so often, before a run ends.
PROBES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was learned of the platform's limit: *refused_rate* requests a second were refused last, some time ago."""

    refused_rate: float
    seconds_ago: float


def rate_of(learned: Learned | None, *, most: float) -> float:
    """Return the requests a second that may leave now; never more than *most*, the provider's setting."""
    if learned is None:
        return most
    grown = 1 + _GROWTH * (learned.seconds_ago - GROWTH_SECONDS) ** 3
    return max(min(SLOWEST, most), min(most, learned.refused_rate * grown))


def refused(learned: Learned | None, *, most: float) -> float:
    """Return the rate to be kept as the refused one after a 429 at the rate of this moment.

    Where the refusal comes soon after the last one it is lower than the rate of this moment, so that sending goes on at
    AFTER_REFUSAL_SOON of it.
    """
    rate = rate_of(learned, most=most)
    if learned is not None and learned.seconds_ago < SOON_SECONDS:
        rate *= AFTER_REFUSAL_SOON / AFTER_REFUSAL
    return max(rate, SLOWEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Width:
    """How many requests may be unanswered at once: from 1 to *most*."""

    most: int
    now: float

    @classmethod
    def at_first(cls, most: int, *, known_dead: bool) -> Width:
        """Return the width with which a door begins."""
        return cls(most=most, now=1 if known_dead else min(most, FIRST_WIDTH))

    def answered(self) -> Width:
        """Return the width after an answer: it doubles with each round of answers."""
        return self if self.now >= self.most else Width(most=self.most, now=min(self.most, self.now + 1))

    def silent(self) -> Width:
        """Return the width after a silence."""
        return Width(most=self.most, now=max(min(self.now, NARROWEST), self.now / 2))


def back_off(failures: int) -> float:
    """Return the seconds before a request is sent again that failed so often."""
    doubled = policy.BACK_OFF_FIRST_SECONDS * 2 ** min(failures - 1, 20)
    return float(min(doubled, policy.BACK_OFF_LONGEST_SECONDS))


def is_dead(silences: int, *, known_dead: bool) -> bool:
    """Tell whether so many silences in a row, with no answer in between, mean that the run should end."""
    return silences >= (PROBES if known_dead else policy.UNKNOWN_IN_A_ROW)
