"""Make the demo CRM: `python -m demo.crm.generate --subscriptions 2000` with the database in CRM_DSN.

The same seed gives the same base; only its dates move along with *now*.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from random import Random

import psycopg

from demo.crm import access_tokens, scenes
from demo.crm.households import BoxStore, household
from demo.crm.install import DemoCrmError, create_tables, tie_up
from demo.crm.rows import Rows
from demo.crm.showcase import SHOWCASE, showcase
from demo.crm.sold import SoldSubscription

MINIMUM, MAXIMUM = 100, 1_000_000  # below it the fixed scenes do not fit; above it nobody measured
SAMPLE = 309  # S0000000309 is in every sample of the manual, so that it is in every base
LOAD_SIZE = 20_000  # subscriptions a COPY: some 100 MB of Python rows
FIRST_FAULT = 501  # beyond the scenes and the sample, whatever the size


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedReport:
    """What was made. Subscription numbers of the cases that are wrong or special on purpose, sorted."""

    seed: int
    rows: dict[str, int]
    subscriptions_by_state: dict[str, int]
    showcase: tuple[str, ...]
    malformed: tuple[str, ...]
    fifth_distributor: tuple[str, ...]
    unmapped: tuple[str, ...]
    duplicated_serials: tuple[tuple[str, ...], ...]
    shared_account: tuple[str, ...]

    @property
    def rejected_rows(self) -> int:
        """Return how many rows a reader must reject."""
        return len(self.malformed) + len(self.fifth_distributor)

    @property
    def rejected_requests(self) -> int:
        """Return how many requests the platform will refuse: one for each box that is installed twice."""
        return sum(len(numbers) - 1 for numbers in self.duplicated_serials)


def create(dsn: str, *, subscriptions: int = 2000, seed: int = 20, now: datetime | None = None) -> SeedReport:
    """Create schema `crm` with *subscriptions* subscriptions in the database of *dsn*, in one transaction.

    *dsn* is of crm_owner (owning the database) or a superuser. *now* is the present of the base, today's midnight
    (UTC) by default: dates lie around it. Raises DemoCrmError, with nothing changed, if the size is not between
    100 and 1,000,000 or the database has a schema `crm`.
    """
    if not MINIMUM <= subscriptions <= MAXIMUM:
        raise DemoCrmError(f"{subscriptions} subscriptions were asked for: ask for {MINIMUM} to {MAXIMUM:,}")
    present = now or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = Rows(present)
    with psycopg.connect(dsn) as db:
        create_tables(db)
        base = numbered(population(subscriptions, Random(seed), present), subscriptions)
        while block := list(islice(base, LOAD_SIZE)):
            for number, sold in block:
                rows.add(number, sold)
            rows.load(db)
        rows.finish(db)
        access_tokens.give(db)
        tie_up(db)
        return _report(db, seed, rows.counts)


def population(subscriptions: int, rng: Random, now: datetime) -> Iterator[SoldSubscription]:
    """Yield a base of that size: the showcase, the scenes, the sample, then households with the faults between."""
    boxes = BoxStore(rng)
    wrong = scenes.faults(subscriptions)
    fixed = [*showcase(rng, boxes, now), *scenes.scenes(rng, boxes, now, wrong)]
    yield from fixed
    step = max((subscriptions - FIRST_FAULT) // max(wrong.malformed, 1), 2)
    malformed = {FIRST_FAULT + index * step for index in range(wrong.malformed)}
    fifth = {FIRST_FAULT + index * step + step // 2 for index in range(wrong.fifth_distributor)}
    sample = min(SAMPLE, subscriptions)
    for position in range(len(fixed) + 1, subscriptions + 1):
        if position == sample:
            yield scenes.with_bundle_a(rng, boxes, now)
        elif position in malformed:
            yield scenes.malformed(rng, boxes, now)
        elif position in fifth:
            yield scenes.fifth_distributor(rng, boxes, now)
        else:
            yield household(rng, boxes, now)


def numbered(base: Iterator[SoldSubscription], subscriptions: int) -> Iterator[tuple[str, SoldSubscription]]:
    """Yield each with its number, S0000000001 and on; the last of a small base is the sample's S0000000309."""
    for position, sold in enumerate(base, start=1):
        yield f"S{SAMPLE if position == subscriptions < SAMPLE else position:010d}", sold


def _report(db: psycopg.Connection, seed: int, counts: dict[str, int]) -> SeedReport:
    cases: dict[str, list[tuple[str, str]]] = {}
    for kind, number, subject in deliberate_cases(db):
        cases.setdefault(kind, []).append((number, subject))
    numbers = {kind: tuple(sorted(number for number, _ in found)) for kind, found in cases.items()}
    by_serial: dict[str, list[str]] = {}
    for number, serial_number in cases.get("DUPLICATED_SERIAL", []):
        by_serial.setdefault(serial_number, []).append(number)
    states = db.execute(
        "SELECT state, count(*) FROM crm.subscriptions GROUP BY state ORDER BY state"
    ).fetchall()
    examples = db.execute(
        "SELECT subscription_number FROM crm.subscriptions WHERE subscription_type = %s ORDER BY 1",
        (SHOWCASE,),
    ).fetchall()
    return SeedReport(
        seed=seed,
        rows=dict(counts),
        subscriptions_by_state=dict(states),
        showcase=tuple(number for (number,) in examples),
        malformed=numbers.get("MALFORMED", ()),
        fifth_distributor=numbers.get("FIFTH_DISTRIBUTOR", ()),
        unmapped=numbers.get("UNMAPPED_SERVICE", ()),
        duplicated_serials=tuple(sorted(tuple(sorted(pair)) for pair in by_serial.values())),
        shared_account=numbers.get("SHARED_ACCOUNT", ()),
    )


def deliberate_cases(db: psycopg.Connection) -> list[tuple[str, str, str]]:
    """Return (kind, subscription number, subject) of the subscriptions that nothing may touch."""
    statement = (Path(__file__).parent / "deliberate_cases.sql").read_bytes()
    return [(kind, number, subject) for kind, number, subject in db.execute(statement)]


def main(arguments: list[str] | None = None) -> int:
    """Make the demo CRM in the database of CRM_DSN and say what it holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subscriptions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20)
    options = parser.parse_args(arguments)
    dsn = os.environ.get("CRM_DSN")
    if not dsn:
        print("CRM_DSN is not set: give the DSN of an empty database as crm_owner", file=sys.stderr)
        return 2
    try:
        report = create(dsn, subscriptions=options.subscriptions, seed=options.seed)
    except DemoCrmError as error:
        print(error, file=sys.stderr)
        return 1
    for table, count in report.rows.items():
        print(f"{table:>24} {count:>10,}")
    print(f"{report.rejected_rows} rows and {report.rejected_requests} boxes are wrong on purpose")
    return 0


if __name__ == "__main__":
    sys.exit(main())
