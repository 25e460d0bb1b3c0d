"""Times two sides in turn, so that a busy moment of the machine falls on both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bars import Tell

Side = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Medians:
    """The medians of both sides, in the unit that the sides return."""

    ours: float
    floor: float

    @property
    def ratio(self) -> float:
        """Return ours by floor."""
        return self.ours / self.floor


def compare(tell: Tell, name: str, ours: Side, floor: Side, *, repetitions: int, unit: str) -> Medians:
    """Run *ours* and *floor* in turn and return the medians of what they return.

    One round before the first counts for nothing: it warms the caches of both sides alike.
    """
    measured: list[tuple[float, float]] = []
    for repetition in range(repetitions + 1):
        pair = (ours(), floor())
        warming = "warming up, " if repetition == 0 else ""
        tell(f"{name}: {warming}{pair[0]:.4g} against {pair[1]:.4g} {unit}")
        if repetition:
            measured.append(pair)
    return Medians(
        ours=statistics.median(one for one, _ in measured),
        floor=statistics.median(other for _, other in measured),
    )


def seconds(action: Callable[[], object]) -> Side:
    """Return *action* as a side that returns the seconds it took."""

    def side() -> float:
        began = time.perf_counter()
        action()
        return time.perf_counter() - began

    return side
