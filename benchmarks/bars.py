"""The ratios by name, the bar of each, and how they are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a ratio is held to. *at_most*: smaller is better."""

    name: str
    limit: float
    at_most: bool
    says: str

    def is_met(self, value: float) -> bool:
        """Tell whether *value* is on the good side of the bar."""
        return value <= self.limit if self.at_most else value >= self.limit


BARS = (
    Bar(name="detection_per_scan", limit=2, at_most=True, says="out-of-sync list / scan of both tables"),
    Bar(
        name="extract_to_list_per_copy", limit=3, at_most=True, says="extract to list / psql COPY | psql COPY"
    ),
    Bar(
        name="changed_per_row_join", limit=0.1, at_most=True, says="detection of 1 % / full join of all rows"
    ),
    Bar(
        name="durable_per_unlogged",
        limit=0.9,
        at_most=False,
        says="sender with its log / its client alone",
    ),
    Bar(
        name="dispatch_per_unlogged",
        limit=0.9,
        at_most=False,
        says="whole dispatch, planning and all / its client alone",
    ),
    Bar(
        name="sender_per_wrk", limit=0.7, at_most=False, says="sender with its log / wrk, answers after 20 ms"
    ),
    Bar(name="dispatch_per_wrk", limit=0.7, at_most=False, says="whole dispatch / wrk, answers after 20 ms"),
    Bar(
        name="archive_per_batched",
        limit=3,
        at_most=False,
        says="requests/s moved with proof / moved in batches without",
    ),
    Bar(name="archive_writer_p99", limit=3, at_most=True, says="a writer's p99 during a move / alone"),
    Bar(
        name="archive_writer_max_ms",
        limit=300,
        at_most=True,
        says="a writer's longest wait, in milliseconds",
    ),
    Bar(name="authenticate_p95_ms", limit=50, at_most=True, says="a portal's answer, p95 in milliseconds"),
    Bar(
        name="authenticate_p95_reset_ms",
        limit=50,
        at_most=True,
        says="the same beside a full reset run",
    ),
    Bar(
        name="reset_subscription_s",
        limit=5,
        at_most=True,
        says="trigger of a single reset to its last request",
    ),
    Bar(
        name="real_time_gap_s", limit=5, at_most=True, says="an action's longest wait while the lane rotates"
    ),
    Bar(name="page_p95_ms", limit=200, at_most=True, says="a page of requests, p95 in milliseconds"),
    Bar(name="action_p99_ms", limit=50, at_most=True, says="commit of an action to Tucano has it, p99"),
    Bar(
        name="action_p99_ms_during_reset",
        limit=1000,
        at_most=True,
        says="the same beside a reset of 500 requests/s",
    ),
    Bar(
        name="drain_per_sender",
        limit=0.7,
        at_most=False,
        says="100,000 waiting actions / the sender's own rate",
    ),
)
NAMES = tuple(bar.name for bar in BARS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A measured ratio. *sides* says both medians in a person's words."""

    name: str
    value: float
    sides: str


Tell = Callable[[str], None]


def line(ratio: Ratio) -> str:
    """Return the line that programs read."""
    return f"BENCH {ratio.name} {ratio.value:.4g}"


def table(ratios: Iterable[Ratio]) -> list[str]:
    """Return the lines that people read: each ratio beside its bar."""
    found = {ratio.name: ratio for ratio in ratios}
    lines = [f"{'':26}{'value':>9}{'bar':>9}  "]
    for bar in BARS:
        ratio = found.get(bar.name)
        if ratio is not None:
            limit = f"{'<=' if bar.at_most else '>='} {bar.limit:g}"
            verdict = "met" if bar.is_met(ratio.value) else "MISSED"
            lines.append(f"{bar.name:26}{ratio.value:>9.3g}{limit:>9}  {verdict:7} {bar.says}: {ratio.sides}")
    return lines
