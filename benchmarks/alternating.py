"""Times the sides of a ratio in turn, so that a busy moment of the machine falls on all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
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
    """Run *ours* and *floor* in turn and return the medians of what they return."""
    of_ours, of_floor = medians(tell, name, [ours, floor], repetitions=repetitions, unit=unit)
    return Medians(ours=of_ours, floor=of_floor)


def medians(tell: Tell, name: str, sides: Sequence[Side], *, repetitions: int, unit: str) -> list[float]:
    """Run *sides* in turn and return the median of what each returns; the last one is the floor.

    One round before the first counts for nothing: it warms the caches of all sides alike.
    """
    measured: list[list[float]] = []
    for repetition in range(repetitions + 1):
        found = [side() for side in sides]
        warming = "warming up, " if repetition == 0 else ""
        tell(f"{name}: {warming}{' against '.join(f'{one:.4g}' for one in found)} {unit}")
        if repetition:
            measured.append(found)
    return [statistics.median(of_side) for of_side in zip(*measured, strict=True)]


def seconds(action: Callable[[], object]) -> Side:
    """Return *action* as a side that returns the seconds it took."""

    def side() -> float:
        began = time.perf_counter()
        action()
        return time.perf_counter() - began

    return side
