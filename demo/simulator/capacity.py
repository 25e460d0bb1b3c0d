"""How many requests a second the platform lets in: a token bucket."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Capacity:
    """A bucket of *burst* tokens, refilled at *requests_per_second*; one request costs one token.

    Times are seconds of any monotonic clock, given by the caller.
    """

    requests_per_second: float
    burst: float
    refilled_at: float
    tokens: float = math.nan

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def seconds_to_wait(self, now: float) -> float:
        """Take a token and return 0, or return the seconds until there will be one."""
        earned = (now - self.refilled_at) * self.requests_per_second
        self.tokens = min(self.burst, self.tokens + earned)
        self.refilled_at = now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.requests_per_second
