"""Extracts that are odd in ways nobody listed: none takes anything away, each is told, none stops the night."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.steps import extract, prove_extract, reset_subscription
from tests.integration.broken_crm import NOTICED, hidden, nobody_loses_anything, with_columns
from tests.integration.conftest import Stages
from tests.integration.lane_at_work import eventually, is_done, running
from tests.integration.stage import Stage
from tests.simulator_process import SimulatorProcess

SUBSCRIBERS = 12
GATE = {
    "removals_count": 2,
    "removals_share": 0.1,
    "replacements_share": 0.1,
    "rejected_rows_count": 0,
    "rejected_rows_share": 0.001,
}
# One subscriber of the fixture's.
ONE = "right(t.subscription_number, 1) = '5'"
# What is shown instead of a column of a table, and what the night says of it.
COLUMNS = {
    "boxes at each other's place": (
        "installed_items",
        {"distributor": "CASE t.distributor WHEN 'VP1' THEN 'VP2' WHEN 'VP2' THEN 'VP1' END"},
        "would have service replaced",
    ),
    "states in lower case": ("subscriptions", {"state": "lower(t.state)"}, "has the state 'effective'"),
    "a byte order mark before the number": (
        "subscriptions",
        {"subscription_number": "U&'\\FEFF' || t.subscription_number"},
        "the number '\\ufeffS",
    ),
    "a blank behind the account": (
        "subscriptions",
        {"provisioning_account": "t.provisioning_account || ' '"},
        "is not of the form",
    ),
    "a blank behind the codes": (
        "subscription_services",
        {"product_code": "t.product_code || ' '"},
        "service 'GEOLOGICAL ' of subscription",
    ),
    "letters that look like others": (
        "subscription_services",
        {"product_code": "translate(t.product_code, 'EAO', U&'\\0415\\0410\\041E')"},
        "has no option",
    ),
    "no serial numbers": ("installed_items", {"serial_number": "NULL::text"}, "not an array of objects"),
    "no places": ("subscription_services", {"distributors": "NULL::text[]"}, "not an array of objects"),
    "no service types": ("subscription_services", {"service_type": "NULL::text"}, "not an array of objects"),
    "a time without end": (
        "subscriptions",
        {"created_at": "'infinity'::timestamptz"},
        "no date of the years 1 to 9999",
    ),
    "a time before Christ": (
        "subscriptions",
        {"created_at": "'0044-03-15 BC'::timestamptz"},
        "no date of the years 1 to 9999",
    ),
    "an account of a megabyte": (
        "subscriptions",
        {
            "provisioning_account": f"CASE WHEN {ONE} THEN repeat('X', 1000000) ELSE t.provisioning_account END"
        },
        "(1000002 characters)",
    ),
    "a code of a megabyte": (
        "subscription_services",
        {"product_code": f"CASE WHEN {ONE} THEN repeat('X', 1000000) ELSE t.product_code END"},
        "(1000002 characters)",
    ),
    "a serial number of a megabyte": (
        "installed_items",
        {"serial_number": f"CASE WHEN {ONE} THEN repeat('X', 1000000) ELSE t.serial_number END"},
        "(1000002 characters)",
    ),
}
OLDER = "the extract is stale, crm_db shows an older state"


@pytest.fixture(scope="module")
def served(stages: Stages) -> Iterator[Stage]:
    """Subscribers who are served at two places, on a platform of their own, and a gate that two removals pass."""
    with SimulatorProcess() as platform, stages(platform) as stage:
        for n in range(SUBSCRIBERS):
            boxes = {"VP1": f"ODD-{n}", "VP2": f"EVEN-{n}"}
            stage.subscriber("GEOLOGICAL", "ENTERTAIN", at=("VP1", "VP2"), boxes=boxes)
        stage.set(**GATE)
        stage.run()
        yield stage


@pytest.mark.parametrize("odd", COLUMNS)
def test_what_is_odd_is_told_and_takes_nothing_away(served: Stage, odd: str) -> None:
    table, values, said = COLUMNS[odd]

    nobody_loses_anything(served, table, with_columns(served, table, values), said)


def test_a_place_whose_rows_are_all_missing_is_not_taken_away(served: Stage) -> None:
    # But for one subscriber: where nobody has anything the extract is not whole.
    shown = f"SELECT t.* FROM {{table}} t WHERE NOT 'VP2' = ANY(t.distributors) OR {ONE}"  # noqa: S608

    nobody_loses_anything(served, "subscription_services", shown, "would lose service")


def test_one_number_at_two_accounts_is_no_whole_extract(served: Stage) -> None:
    other = with_columns(served, "subscriptions", {"provisioning_account": "t.provisioning_account || '-2'"})
    shown = " UNION ALL ".join(("SELECT t.* FROM {table} t", f"({other} ORDER BY 1 LIMIT 1)"))

    nobody_loses_anything(served, "subscriptions", shown, "came more than once")


def test_an_extract_older_than_the_last_whole_one_is_stale(served: Stage) -> None:
    shown = with_columns(served, "subscriptions", {"version": "t.version - 1"})

    nobody_loses_anything(served, "subscriptions", shown, OLDER)


def test_a_row_older_than_what_the_lane_was_told_takes_nothing_away_from_its_account(
    empty_stage: Stage,
) -> None:
    empty_stage.set(rejected_rows_share=0.001, rejected_rows_count=0)
    with running(empty_stage):
        number = empty_stage.subscriber("GEOLOGICAL")
        eventually(is_done(empty_stage, number), "the lane gave what was ordered")
        empty_stage.run()
        empty_stage.act("ADD_SERVICE", number, services=[{"code": "RELIGION", "distributors": ["VP1"]}])
        eventually(is_done(empty_stage, number), "the lane gave what was added")
    empty_stage.forget_sent()
    yesterday = with_columns(empty_stage, "subscriptions", {"version": "t.version - 1"})

    with (
        hidden(
            empty_stage, "subscription_services", "SELECT t.* FROM {table} t WHERE product_code <> 'RELIGION'"
        ),
        hidden(empty_stage, "subscriptions", yesterday),
    ):
        empty_stage.run()

    ((_, said),) = empty_stage.rows(NOTICED)
    assert empty_stage.sent() == []
    assert f"subscription {number} is of version" in said
    assert "The extract is not proven whole" in said


@pytest.mark.parametrize("slipped", [ONE, "true"])
def test_a_version_that_is_a_slip_makes_no_later_extract_stale(served: Stage, slipped: str) -> None:
    slip = f"CASE WHEN {slipped} THEN 9223372036854775807 ELSE t.version END"

    with hidden(served, "subscriptions", with_columns(served, "subscriptions", {"version": slip})):
        batch_id = served.open()
        extract.run(served.connections, batch_id)
        assert prove_extract.run(served.connections, batch_id) == []
        assert prove_extract.run(served.connections, batch_id) == [], "nor a second copy of the task"
    served.run()

    assert served.rows("SELECT extract_whole FROM batch ORDER BY batch_id DESC LIMIT 1") == [(True,)]


def test_a_crm_that_counts_versions_in_its_own_way_is_not_taken_for_stale(empty_stage: Stage) -> None:
    counted = with_columns(empty_stage, "subscriptions", {"version": "1"})
    with running(empty_stage):
        empty_stage.subscriber("GEOLOGICAL")
        number = empty_stage.subscriber("GEOLOGICAL")
        eventually(is_done(empty_stage, number), "the lane gave what was ordered")
        with hidden(empty_stage, "subscriptions", counted):
            empty_stage.run()
        empty_stage.act("ADD_SERVICE", number, services=[{"code": "RELIGION", "distributors": ["VP1"]}])
        eventually(is_done(empty_stage, number), "the lane gave what was added")
    with hidden(empty_stage, "subscriptions", counted):
        empty_stage.run()

    assert empty_stage.rows("SELECT count(*) FROM rejected_row WHERE reason = 'STALE_ROW'") == [(0,)]


def test_a_time_that_no_calendar_has_stops_no_single_reset(served: Stage) -> None:
    (number,) = served.rows("SELECT min(account) FROM known_state")[0]
    shown = with_columns(served, "subscriptions", {"created_at": "'-infinity'::timestamptz"})

    with (
        hidden(served, "subscriptions", shown),
        pytest.raises(reset_subscription.SourceError, match="no date of the years 1 to 9999"),
    ):
        reset_subscription.look(
            served.connections,
            served.next_run(),
            {"subscription_number": number},
            provider_file=served.write_provider(),
        )


def test_a_day_in_the_far_future_harms_nobody(served: Stage) -> None:
    shown = with_columns(served, "subscriptions", {"created_at": "'9999-12-31 23:59:59+00'::timestamptz"})
    served.forget_sent()

    with hidden(served, "subscriptions", shown):
        counts = served.run()

    assert (served.sent(), counts["out_of_sync_after"], counts["rows_rejected"]) == ([], 0, 0)


def test_accounts_under_other_names_are_no_whole_extract(served: Stage) -> None:
    shown = with_columns(served, "subscriptions", {"provisioning_account": "lower(t.provisioning_account)"})
    served.forget_sent()

    with hidden(served, "subscriptions", shown):
        served.run()

    ((_, said),) = served.rows(NOTICED)
    assert [one for one in served.sent() if one.startswith(("SUSPEND", "REMOVE"))] == []
    assert f"{SUBSCRIBERS} served accounts of the last whole extract's {SUBSCRIBERS} are gone" in said
    served.run()
    assert served.rows("SELECT extract_whole FROM batch ORDER BY batch_id DESC LIMIT 1") == [(True,)]
