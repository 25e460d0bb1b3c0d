"""Measure the ratios: `python -m benchmarks [--accounts 1000000] [--only NAME,...] [--quick]`.

Prints `BENCH name value` for each as soon as it is known, and a table at the end; progress goes to standard error.
Starts its own PostgreSQL and removes it. The exit code says whether everything was measured, not whether a bar
was met: docs/benchmarks.md tells how to read a missed one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache, partial

from benchmarks import (
    archive,
    authenticate,
    bars,
    detection,
    extraction,
    ground,
    in_airflow,
    pages,
    real_time,
    sending,
)
from benchmarks.archive import OldMonth
from benchmarks.bars import NAMES, Ratio
from benchmarks.population import Population
from benchmarks.sending import Subscribers
from demo.launcher.postgres import PostgresServer

ACCOUNTS = 1_000_000
REQUESTS = 21_000  # at least 20,000, in sevens of a thousand accounts
REPETITIONS = 5
WAITING_ACTIONS = 100_000
QUICK_ACCOUNTS = 20_000
QUICK_REQUESTS = 3_000
QUICK_REPETITIONS = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and print it."""
    options = _options(arguments)
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", file=sys.stderr, flush=True)

    ratios: list[Ratio] = []
    with ExitStack() as started:
        for name, measure in _measures(started, options, tell).items():
            if name in options.only:
                ratios.append(measure())
                print(bars.line(ratios[-1]), flush=True)
    print()
    print("\n".join(bars.table(ratios)))
    return 0


def _measures(
    started: ExitStack, options: argparse.Namespace, tell: bars.Tell
) -> dict[str, Callable[[], Ratio]]:
    """Return how each ratio is measured, in an order in which none disturbs the next.

    What a ratio needs is started with its first use, and ended by *started*.
    """

    @cache
    def postgres() -> PostgresServer:
        tell("starting PostgreSQL")
        return started.enter_context(ground.server())

    @cache
    def population() -> Population:
        return Population(postgres(), options.accounts, tell)

    @cache
    def subscribers() -> Subscribers:
        return Subscribers(postgres(), options.requests, tell)

    @cache
    def old_month() -> OldMonth:
        # As many requests as the base has accounts: the figures of a month of a large operator.
        return OldMonth(postgres(), options.accounts, tell)

    @cache
    def portal() -> authenticate.Question:
        subscriptions = min(options.accounts, authenticate.SUBSCRIPTIONS)
        return started.enter_context(authenticate.running(tell, subscriptions=subscriptions))

    @cache
    def customers() -> real_time.Customers:
        # A hundred thousand, or fewer where everything is small.
        return real_time.Customers(postgres(), min(options.accounts, WAITING_ACTIONS), tell)

    of_population = (
        detection.detection_per_scan,
        extraction.extract_to_list_per_copy,
        detection.changed_per_row_join,
    )
    of_subscribers = (
        sending.durable_per_unlogged,
        sending.dispatch_per_unlogged,
        sending.sender_per_wrk,
        sending.dispatch_per_wrk,
    )
    of_old_month = (archive.archive_per_batched, archive.archive_writer_p99, archive.archive_writer_max_ms)
    of_portal = (authenticate.authenticate_p95_ms, authenticate.authenticate_p95_reset_ms)
    of_airflow = (in_airflow.reset_subscription_s, in_airflow.real_time_gap_s)
    of_customers = (
        real_time.action_p99_ms,
        real_time.action_p99_ms_during_reset,
        real_time.drain_per_sender,
    )
    repetitions = options.repetitions

    def measure(ratio: Callable[..., Ratio], subject: Callable[[], object]) -> Ratio:
        return ratio(subject(), tell, repetitions=repetitions)

    return {
        **{one.__name__: partial(measure, one, population) for one in of_population},
        **{one.__name__: partial(measure, one, subscribers) for one in of_subscribers},
        **{one.__name__: partial(measure, one, old_month) for one in of_old_month},
        **{one.__name__: partial(measure, one, portal) for one in of_portal},
        **{one.__name__: partial(measure, one, portal) for one in of_airflow},
        # Last, since its requests stay in the log of the platform that the portal asks.
        pages.page_p95_ms.__name__: lambda: pages.page_p95_ms(
            portal(), options.accounts, tell, repetitions=repetitions
        ),
        **{one.__name__: partial(measure, one, customers) for one in of_customers},
    }


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accounts", type=int, help=f"accounts of the base (default {ACCOUNTS:,})")
    parser.add_argument("--requests", type=int, help=f"requests a sender sends (default {REQUESTS:,})")
    parser.add_argument("--repetitions", type=int, help=f"rounds for a median (default {REPETITIONS})")
    parser.add_argument("--only", type=_names, default=NAMES, help=f"of {', '.join(NAMES)}; comma-separated")
    parser.add_argument("--quick", action="store_true", help="a minute of small sizes: shows that it runs")
    options = parser.parse_args(arguments)
    small = options.quick
    options.accounts = options.accounts or (QUICK_ACCOUNTS if small else ACCOUNTS)
    options.requests = options.requests or (QUICK_REQUESTS if small else REQUESTS)
    options.repetitions = options.repetitions or (QUICK_REPETITIONS if small else REPETITIONS)
    return options


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in NAMES]:
        raise argparse.ArgumentTypeError(f"no ratio is called {', '.join(unknown)}: {', '.join(NAMES)} are")
    return names


if __name__ == "__main__":
    sys.exit(main())
