"""The drift: a day of agents at work that gives much, takes little, and never touches the deliberate cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from demo.crm import drift, generate
from demo.launcher.administration import Postgres
from demo.launcher.databases import prepare_crm
from provisioner.adapters import crm, crm_rows, provider_file
from provisioner.core import desired
from provisioner.core.model import Desired, Provider, RejectedRow
from tests.integration.conftest import unique

PROVIDER_FILE = Path(__file__).resolve().parents[2] / "include" / "provider" / "tucano.yaml"
SUBSCRIPTIONS = 2000


class Drifted:
    """What every account should have at the platform before and after one drift of a base of 2,000."""

    def __init__(self, dsn: str, provider: Provider) -> None:
        generate.create(dsn, subscriptions=SUBSCRIPTIONS)
        with psycopg.connect(dsn) as db:
            self.deliberate = {number for _, number, _ in generate.deliberate_cases(db)}
            self.active = count(db, "state = 'EFFECTIVE' AND subscription_type <> 'SHOWCASE'")
            self.last_action = count(db, "true", "max(version)")
            self.before = wanted(db, provider)
        self.report = drift.change(dsn)
        with psycopg.connect(dsn) as db:
            self.after = wanted(db, provider)
            self.touched = {
                number
                for (number,) in db.execute(
                    "SELECT subscription_number FROM crm.subscriptions WHERE version > %s",
                    (self.last_action,),
                )
            }

    def takes(self) -> tuple[int, int, int]:
        """Return how many accounts only lose, the requests of theirs, and how many accounts lose and gain."""
        only, requests, both = 0, 0, 0
        for account, before in self.before.items():
            after = self.after[account]
            channels, boxes = before.options - after.options, held(before) - held(after)
            gained = after.options - before.options or held(after) - held(before)
            if (channels or boxes) and not gained:
                only += 1
                requests += len({distributor for distributor, _ in channels}) + len(boxes)
            both += bool((channels or boxes) and gained)
        return only, requests, both


def held(account: Desired) -> frozenset[object]:
    return frozenset((one.distributor, one.serial_number) for one in account.materials | account.kept)


def count(db: psycopg.Connection, condition: str, what: str = "count(*)") -> int:
    row = db.execute(f"SELECT {what} FROM crm.subscriptions WHERE {condition}".encode()).fetchone()  # noqa: S608 - ours
    assert row is not None
    return int(row[0])


def wanted(db: psycopg.Connection, provider: Provider) -> dict[str, Desired]:
    parts: dict[str, list[Desired | RejectedRow]] = {}
    for fields in crm.stream(db, crm.Filters()):
        row = crm_rows.parse_row(fields)
        part = row if isinstance(row, RejectedRow) else desired.contribution(row, provider)
        parts.setdefault(str(fields[1]), []).append(part)
    return {account: desired.merge(found) for account, found in parts.items()}


@pytest.fixture(scope="module")
def drifted(postgres: Postgres) -> Iterator[Drifted]:
    name = unique("drift")
    prepare_crm(postgres, name)
    yield Drifted(postgres.dsn(name, "crm_owner"), provider_file.read(PROVIDER_FILE).provider)
    postgres.drop_database(name)


def test_about_the_share_asked_for_changes(drifted: Drifted) -> None:
    others = set(drifted.report.changed) - set(drifted.report.showcase)

    assert 0.28 <= len(others) / drifted.active <= 0.34


def test_the_report_lists_what_was_touched(drifted: Drifted) -> None:
    assert set(drifted.report.changed) == drifted.touched


def test_removals_stay_under_the_guard_and_replacements_too(drifted: Drifted) -> None:
    removals, requests, replacements = drifted.takes()

    assert removals == drifted.report.removals <= requests <= SUBSCRIPTIONS * 0.004
    assert replacements <= drifted.report.replacements <= SUBSCRIPTIONS * 0.04
    assert removals > 0
    assert replacements > 0


def test_the_deliberate_cases_are_left_alone(drifted: Drifted) -> None:
    assert not drifted.deliberate & drifted.touched


def test_the_business_examples_have_their_actions(drifted: Drifted) -> None:
    assert len(drifted.report.showcase) >= 10
    # Bundle A to Agriculture, and to Bundle B, as the manual has them.
    assert {code for _, code in drifted.before["S0000000002"].options} == {"ENTERTAIN", "GEOLOGICAL"}
    assert drifted.after["S0000000002"].options == {("VP1", "AGRICULTURE")}
    assert drifted.after["S0000000003"].options == {("VP1", "GEOLOGICAL"), ("VP1", "RELIGION")}
    assert len(drifted.after["S0000000004"].materials) == 4
    assert not drifted.before["S0000000001"].active
    assert drifted.after["S0000000001"].active


def test_many_kinds_of_action_happen(drifted: Drifted) -> None:
    assert {
        "ADD_SERVICE",
        "SWAPSERVICE",
        "AMENDBUNDLEDSERVICE",
        "ADD_SERVICE_USAGE",
        "SWAP_INSTALLED_ITEM",
        "ADD_INSTALLED_ITEM",
        "ACTIVATESUBSCRIPTION",
        "ENDSUBSCRIPTIONRESTING",
        "RESTSUBSCRIPTION",
    } <= set(drifted.report.by_behaviour)


def test_the_same_seed_drifts_the_same_way(postgres: Postgres, crm_template: str) -> None:
    reports = []
    for seed in (7, 7, 8):
        name = unique("drift")
        prepare_crm(postgres, name, crm_template)
        reports.append(drift.change(postgres.dsn(name, "crm_owner"), seed=seed))
        postgres.drop_database(name)

    assert reports[0] == reports[1]
    assert reports[0].changed != reports[2].changed


def test_a_second_day_follows_the_first_without_the_business_examples(crm_db: str) -> None:
    drift.change(crm_db)

    second = drift.change(crm_db, seed=8)

    assert second.changed
    assert second.showcase == ()
