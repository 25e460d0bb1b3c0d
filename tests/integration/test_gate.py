"""The gate: what would take too much away waits for a person, who releases what was shown and nothing else."""

from __future__ import annotations

import json
import signal

import pytest

from provisioner.core.errors import ConfigurationError
from provisioner.steps import release_removals
from tests.integration.held import released, ten_served, terminate
from tests.integration.nursery import Nursery
from tests.integration.stage import Stage


@pytest.fixture
def stage(empty_stage: Stage) -> Stage:
    """A base that is counted: databases of the test's own."""
    return empty_stage


@pytest.fixture
def base(stage: Stage) -> list[str]:
    """Ten subscribers whom Tucano serves."""
    return ten_served(stage)


def test_a_few_removals_pass(stage: Stage, base: list[str]) -> None:
    terminate(stage, base[:2])

    counts = stage.run()

    assert counts["accounts_held"] == 0
    assert [stage.holds(number)["options"] for number in base[:2]] == [[], []]


@pytest.mark.parametrize("action", ["RESTSUBSCRIPTION", "TERMINATE_SUBSCRIPTION"])
def test_that_everybody_rested_or_left_is_believed_where_the_gate_lets_it_pass(
    stage: Stage, base: list[str], action: str
) -> None:
    stage.set(removals_count=len(base), provider_change_share=1.0)
    for number in base:
        stage.act(action, number)

    counts = stage.run()

    assert counts["out_of_sync_after"] == 0
    assert [stage.holds(number)["options"] for number in base] == [[]] * len(base)


def test_removals_beyond_count_and_share_are_held_and_activations_go_on(
    stage: Stage, base: list[str]
) -> None:
    terminate(stage, base[:3])
    stage.act("ADD_SERVICE", base[9], services=[{"code": "SPORT", "distributors": ["VP1"]}])

    counts = stage.run()

    assert counts["accounts_held"] == 3
    assert stage.sent() == ["ACTIVATE_OPTIONS(VP1, [SPORT_CHANNELS])"]


def test_what_a_person_releases_is_sent_and_recorded(stage: Stage, base: list[str]) -> None:
    terminate(stage, base[:3])
    stage.run()
    shown = release_removals.show(stage.connections, {})

    released(stage, shown)

    assert [stage.holds(number)["options"] for number in base[:3]] == [[], [], []]
    assert stage.rows("SELECT approved, decided_by FROM release_decision") == [(True, "nora")]
    assert stage.rows("SELECT DISTINCT released_by FROM held_removal") == [("nora",)]


@pytest.mark.parametrize(
    "failpoint",
    [
        *("batch.committed", "provider.committed", "release.written", "release.committed", "claim.committed"),
        *("requests.committed", "request.answered", "outcome.committed"),
    ],
)
def test_a_release_that_dies_is_finished_by_its_next_attempt(
    stage: Stage, base: list[str], nursery: Nursery, failpoint: str
) -> None:
    terminate(stage, base[:3])
    stage.run()
    shown = json.dumps(release_removals.show(stage.connections, {}))
    told = stage.environment("release", SHOWN=shown)

    died = nursery.bear(told | {"PROVISIONING_FAILPOINT": failpoint}).wait()
    stage.rows("UPDATE claim SET until = now() RETURNING account")
    again = nursery.bear(told).wait()

    assert (died, again) == (-signal.SIGKILL, 0), nursery.said()
    assert [stage.holds(number)["options"] for number in base[:3]] == [[], [], []]
    assert stage.rows("SELECT approved, decided_by FROM release_decision") == [(True, "nora")]
    applied = [entry["request_number"] for entry in stage.ledger() if entry["applied"]]
    assert len(applied) == len(set(applied)) == 6


def test_what_is_shown_names_how_many_why_and_whom(stage: Stage, base: list[str]) -> None:
    terminate(stage, base[:3])
    stage.run()

    shown = release_removals.show(stage.connections, {})

    assert (shown["accounts"], shown["base"]) == (3, 10)
    assert base[0] in shown["shown"] and "removals_count" in shown["shown"] and "30.00%" in shown["shown"]
    assert shown["held_hash"] in shown["shown"], "or nobody knows which set was released"


def test_a_release_takes_nothing_from_a_subscriber_who_came_back_meanwhile(
    stage: Stage, base: list[str]
) -> None:
    for number in base[:3]:
        stage.act("DEACTIVATE_SUBSCRIPTION", number)
    stage.run()
    shown = release_removals.show(stage.connections, {})
    stage.act("ACTIVATESUBSCRIPTION", base[0])

    released(stage, shown)

    assert [stage.holds(number)["options"] for number in base[:3]] == [
        ["VP1:ENTERTAIN", "VP1:GEOLOGICAL"],
        [],
        [],
    ]


def test_a_release_takes_nothing_that_was_not_shown(stage: Stage, base: list[str]) -> None:
    for number in base[:3]:
        stage.act("REMOVESERVICE", number, services=["ENTERTAIN"])
    stage.run()
    shown = release_removals.show(stage.connections, {})
    stage.act("REMOVESERVICE", base[0], services=["GEOLOGICAL"])

    released(stage, shown)

    assert stage.holds(base[0])["options"] == ["VP1:GEOLOGICAL"]


def test_the_held_do_not_block_the_next_night_which_replaces_them(stage: Stage, base: list[str]) -> None:
    terminate(stage, base[:3])
    stage.run()
    first = release_removals.show(stage.connections, {})

    stage.run()

    second = release_removals.show(stage.connections, {})
    assert second["batch_id"] > first["batch_id"]
    with pytest.raises(ConfigurationError, match="later run"):
        released(stage, first)
    assert stage.sent() == []


def test_the_first_of_two_answers_counts(stage: Stage, base: list[str]) -> None:
    terminate(stage, base[:3])
    stage.run()
    shown = release_removals.show(stage.connections, {})
    release_removals.refuse(stage.connections, shown, decided_by="ole")

    with pytest.raises(ConfigurationError, match="ole has already answered"):
        released(stage, shown)

    assert stage.sent() == []


def test_another_held_set_than_the_one_shown_is_not_released(stage: Stage, base: list[str]) -> None:
    terminate(stage, base[:3])
    stage.run()
    shown = release_removals.show(stage.connections, {})

    with pytest.raises(ConfigurationError, match="not what was shown"):
        released(stage, shown | {"held_hash": "0" * 64})

    assert stage.sent() == []


def test_a_provider_file_that_changed_since_stops_a_release(stage: Stage, base: list[str]) -> None:
    terminate(stage, base[:3])
    stage.run()
    shown = release_removals.show(stage.connections, {})
    stage.set(in_flight=7)
    stage.write_provider()

    with pytest.raises(ConfigurationError, match="provider file changed"):
        released(stage, shown)

    assert stage.sent() == []


def test_nothing_held_is_said_and_not_asked(stage: Stage, base: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="nothing to release"):
        release_removals.show(stage.connections, {})

    assert base


def test_allow_removals_needs_a_reason_which_is_recorded(stage: Stage, base: list[str]) -> None:
    terminate(stage, base[:3])
    with pytest.raises(ConfigurationError, match="reason"):
        stage.run(allow_removals=True)

    stage.run(allow_removals=True, allow_removals_reason="end of the trial of spring")

    assert [stage.holds(number)["options"] for number in base[:3]] == [[], [], []]
    assert stage.rows(
        "SELECT parameters ->> 'allow_removals_reason' FROM batch ORDER BY batch_id DESC LIMIT 1"
    ) == [("end of the trial of spring",)]


def vanish(stage: Stage, number: str) -> None:
    """Let a subscription be no longer in the CRM."""
    for table in ("installed_items", "subscription_services", "subscription_actions", "subscriptions"):
        stage.crm.execute(f"DELETE FROM crm.{table} WHERE subscription_number = %s".encode(), (number,))  # noqa: S608


def test_an_extract_that_is_not_whole_takes_nothing_and_offers_nothing_for_release(
    stage: Stage, base: list[str]
) -> None:
    terminate(stage, base[:2])
    stage.set(minimum_accounts_share=0.98)
    vanish(stage, base[9])

    stage.run()

    assert stage.sent() == []
    assert stage.rows("SELECT * FROM held_removal") == []
    with pytest.raises(ConfigurationError, match="nothing to release"):
        release_removals.show(stage.connections, {})
