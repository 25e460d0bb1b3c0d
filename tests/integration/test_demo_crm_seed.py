"""The generated base: believable, the same for the same seed, and wrong only where it is meant to be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

import psycopg
import pytest

from demo.crm import generate, scenes, sold
from demo.crm.install import DemoCrmError
from demo.crm.showcase import EXAMPLES
from demo.launcher.administration import Postgres
from demo.launcher.databases import prepare_crm
from tests.integration.conftest import unique

NOW = datetime(2026, 3, 2, tzinfo=UTC)
EVERYTHING = """
    SELECT md5(string_agg(content, E'\\n' ORDER BY content)) FROM (
        SELECT to_jsonb(account)::text FROM crm.accounts AS account
        UNION ALL SELECT to_jsonb(subscription)::text FROM crm.subscriptions AS subscription
        UNION ALL SELECT to_jsonb(service)::text FROM crm.subscription_services AS service
        UNION ALL SELECT to_jsonb(item)::text FROM crm.installed_items AS item
        UNION ALL SELECT (to_jsonb(action) - 'transaction_id')::text FROM crm.subscription_actions AS action
        UNION ALL SELECT to_jsonb(scheduled)::text FROM crm.scheduled_ends AS scheduled
    ) AS everything (content)
"""


@pytest.fixture(scope="module")
def base(postgres: Postgres) -> Iterator[tuple[psycopg.Connection, generate.SeedReport]]:
    """A base of 2,000, the demo's own size, and its report; only read here."""
    dsn = empty_crm(postgres)
    report = generate.create(dsn, subscriptions=2000, now=NOW)
    with psycopg.connect(dsn, autocommit=True) as db:
        yield db, report


def empty_crm(postgres: Postgres) -> str:
    name = unique("base")
    prepare_crm(postgres, name)
    return postgres.dsn(name, "crm_owner")


def checksum(postgres: Postgres, *, seed: int) -> str:
    dsn = empty_crm(postgres)
    generate.create(dsn, subscriptions=150, seed=seed, now=NOW)
    with psycopg.connect(dsn) as db:
        row = db.execute(EVERYTHING.encode()).fetchone()
    assert row is not None
    return str(row[0])


def test_the_same_seed_gives_the_same_base_and_another_seed_another(postgres: Postgres) -> None:
    first = checksum(postgres, seed=1)

    assert checksum(postgres, seed=1) == first
    assert checksum(postgres, seed=2) != first


def test_the_base_has_the_size_asked_for_and_every_state(
    base: tuple[psycopg.Connection, generate.SeedReport],
) -> None:
    db, report = base

    assert report.rows["subscriptions"] == sum(report.subscriptions_by_state.values()) == 2000
    assert set(report.subscriptions_by_state) == {
        "DRAFT", "PENDING_VERIFICATION", "EFFECTIVE", "NOT_EFFECTIVE", "SHORT_TERM_EFFECTIVE",
        "SHORT_TERM_NOT_EFFECTIVE", "IN_RESTING", "CANCELLED", "REGRETTED", "REPLACED",
    }  # fmt: skip
    states = db.execute("SELECT DISTINCT state FROM crm.subscription_services").fetchall()
    assert {"SWAPPED", "REMOVED", "REPLACED", "DRAFT", "IN_RESTING"} <= {state for (state,) in states}


def test_the_report_counts_the_deliberate_cases_that_are_in_the_rows(
    base: tuple[psycopg.Connection, generate.SeedReport],
) -> None:
    db, report = base
    by_kind: dict[str, list[str]] = {}
    for kind, number, _ in generate.deliberate_cases(db):
        by_kind.setdefault(kind, []).append(number)

    assert (len(report.malformed), len(report.fifth_distributor)) == (1, 1)
    assert report.rejected_rows == 2
    assert list(report.malformed) == by_kind["MALFORMED"]
    assert list(report.fifth_distributor) == by_kind["FIFTH_DISTRIBUTOR"]
    assert list(report.unmapped) == by_kind["UNMAPPED_SERVICE"]
    assert sorted(report.shared_account) == sorted(by_kind["SHARED_ACCOUNT"])
    assert len(report.duplicated_serials) == report.rejected_requests == 3
    pairs = sorted(number for pair in report.duplicated_serials for number in pair)
    assert pairs == sorted(by_kind["DUPLICATED_SERIAL"])


def test_the_deliberate_cases_are_active_and_no_business_examples(
    base: tuple[psycopg.Connection, generate.SeedReport],
) -> None:
    db, report = base
    wrong = [
        *report.malformed,
        *report.fifth_distributor,
        *report.unmapped,
        *sum(report.duplicated_serials, ()),
    ]
    found = db.execute(
        "SELECT DISTINCT state, subscription_type FROM crm.subscriptions WHERE subscription_number = ANY (%s)",
        (wrong,),
    ).fetchall()

    assert found == [("EFFECTIVE", "RESIDENTIAL")]


@pytest.mark.parametrize(
    ("subscriptions", "malformed", "fifth_distributor", "duplicated"),
    [
        (100, 0, 0, 2),
        (499, 0, 0, 2),
        (999, 0, 0, 3),
        (1000, 1, 0, 3),
        (2000, 1, 1, 3),
        (3000, 2, 1, 3),
        (4000, 2, 2, 3),
        (100_000, 50, 50, 3),
    ],
)
def test_rejected_rows_never_exceed_a_thousandth(
    subscriptions: int, malformed: int, fifth_distributor: int, duplicated: int
) -> None:
    wrong = scenes.faults(subscriptions)

    assert (wrong.malformed, wrong.fifth_distributor, wrong.duplicated_serials) == (
        malformed,
        fifth_distributor,
        duplicated,
    )
    assert (wrong.malformed + wrong.fifth_distributor) * 1000 <= subscriptions


@pytest.mark.parametrize("subscriptions", [100, 999, 1001, 2001, 3000, 6500])
def test_every_size_holds_exactly_its_faults(subscriptions: int) -> None:
    wrong = scenes.faults(subscriptions)
    made = list(generate.population(subscriptions, Random(3), NOW))

    assert len(made) == subscriptions
    assert sum(any(" " in box.serial_number for box in one.boxes) for one in made) == wrong.malformed
    assert sum(any(box.distributor == "VP5" for box in one.boxes) for one in made) == wrong.fifth_distributor


def test_the_samples_subscriber_is_active_with_bundle_a_in_every_size(
    base: tuple[psycopg.Connection, generate.SeedReport], crm_db: str
) -> None:
    query = (
        "SELECT state, array_agg(product_code ORDER BY product_code) FROM crm.subscription_services"
        " WHERE subscription_number = 'S0000000309' GROUP BY state"
    )
    expected = ("EFFECTIVE", ["ENTERTAIN", "FLEX_A", "GEOLOGICAL"])

    with psycopg.connect(crm_db) as small:
        assert small.execute(query).fetchall() == base[0].execute(query).fetchall() == [expected]


def test_the_business_examples_are_found_by_type_and_named_by_customer(
    base: tuple[psycopg.Connection, generate.SeedReport],
) -> None:
    db, report = base
    rows = db.execute(
        "SELECT subscription_number, name FROM crm.subscriptions JOIN crm.accounts USING (account_number)"
        " WHERE subscription_type = 'SHOWCASE' ORDER BY 1"
    ).fetchall()

    assert tuple(number for number, _ in rows) == report.showcase
    assert len(rows) == len(EXAMPLES)
    assert rows[0] == ("S0000000001", "Business example: new subscriber with Bundle A")


def test_no_box_but_the_deliberate_ones_is_in_two_places_and_no_room_has_two(
    base: tuple[psycopg.Connection, generate.SeedReport],
) -> None:
    db, _ = base
    crowded = db.execute(
        "SELECT subscription_number FROM crm.installed_items WHERE removed_at IS NULL"
        " GROUP BY subscription_number, distributor HAVING count(*) > 1"
    ).fetchall()
    dark = db.execute(
        "SELECT subscription_number FROM crm.installed_items AS item JOIN crm.subscriptions USING (subscription_number)"
        " WHERE removed_at IS NULL AND state = 'EFFECTIVE' AND NOT EXISTS ("
        "   SELECT FROM crm.subscription_services AS service"
        "   WHERE service.is_current AND service.subscription_number = item.subscription_number"
        "   AND item.distributor = ANY (service.distributors))"
    ).fetchall()

    assert (crowded, dark) == ([], [])


def test_people_cannot_be_reached_because_they_do_not_exist(
    base: tuple[psycopg.Connection, generate.SeedReport],
) -> None:
    db, _ = base
    domains = db.execute(
        "SELECT DISTINCT split_part(email, '@', 2) FROM crm.accounts WHERE email IS NOT NULL"
    )
    phones = db.execute(
        "SELECT DISTINCT regexp_replace(phone, '...$', '') FROM crm.accounts WHERE phone IS NOT NULL"
    )

    assert {domain for (domain,) in domains} == {"example.com", "example.net", "example.org"}
    # Ranges that Ofcom keeps for drama.
    assert {prefix.replace(" ", "") for (prefix,) in phones} == {
        "+447700900",
        "+442079460",
        "+441632960",
        "+441134960",
        "+441314960",
    }


def test_what_the_generator_sells_is_what_the_catalogue_says(
    base: tuple[psycopg.Connection, generate.SeedReport],
) -> None:
    db, _ = base
    components = db.execute(
        "SELECT bundle_code, array_agg(component_code ORDER BY component_code) FROM crm.bundle_components"
        " WHERE is_default GROUP BY bundle_code"
    ).fetchall()
    types = db.execute(
        "SELECT code, service_type FROM crm.products WHERE service_type <> 'TERMED'"
    ).fetchall()

    assert {bundle: tuple(codes) for bundle, codes in components} == sold.DEFAULT_COMPONENTS
    assert dict(types) == sold.SERVICE_TYPES


def test_actions_go_on_after_the_loaded_ones(crm_db: str) -> None:
    with psycopg.connect(crm_db) as db:
        before = db.execute("SELECT max(action_id) FROM crm.subscription_actions").fetchone()
        db.execute("SELECT crm.act('RESTSUBSCRIPTION', 'S0000000309', '{}', 'AGENT')")
        after = db.execute("SELECT max(action_id) FROM crm.subscription_actions").fetchone()

    assert before is not None
    assert after == (before[0] + 1,)


@pytest.mark.parametrize("subscriptions", [99, 1_000_001])
def test_a_size_that_nobody_can_make_is_refused(postgres: Postgres, subscriptions: int) -> None:
    with pytest.raises(DemoCrmError, match="ask for 100 to 1,000,000"):
        generate.create(empty_crm(postgres), subscriptions=subscriptions)


def test_a_database_that_has_a_crm_is_left_alone(crm_db: str) -> None:
    with pytest.raises(DemoCrmError, match="has a schema 'crm' already: give an empty database"):
        generate.create(crm_db, subscriptions=100)
