"""The gate: what would take too much away waits for a person, who releases what was shown and nothing else."""

from __future__ import annotations

import pytest

from provisioner.core.errors import ConfigurationError
from provisioner.steps import close_batch, detect, dispatch, extract, plan, prove_extract, release_removals
from provisioner.steps.close_batch import RunFailed
from tests.integration.stage import Stage


@pytest.fixture
def stage(empty_stage: Stage) -> Stage:
    """A base that is counted: databases of the test's own."""
    return empty_stage


@pytest.fixture
def base(stage: Stage) -> list[str]:
    """Ten subscribers that Tucano serves, and a gate that two removals pass and three do not."""
    stage.set(removals_count=2, removals_share=0.1, replacements_share=0.1, provider_change_share=0.05)
    numbers = [stage.subscriber("GEOLOGICAL", "ENTERTAIN") for _ in range(10)]
    stage.run()
    stage.forget_sent()
    return numbers


def terminate(stage: Stage, numbers: list[str]) -> None:
    for number in numbers:
        stage.act("TERMINATE_SUBSCRIPTION", number)


def released(stage: Stage, shown: dict[str, object]) -> dict[str, int]:
    """Release what was shown, as the DAG does, and return what the releasing batch closes with."""
    batch = release_removals.release(
        stage.connections, stage.next_run(), shown, decided_by="nora", provider_file=stage.provider_file
    )
    for chunk in release_removals.chunks_of(stage.connections, batch["batch_id"]):
        dispatch.run(stage.connections, batch["batch_id"], chunk.chunk_number)
    return close_batch.run(stage.connections, batch["batch_id"])


def test_a_few_removals_pass(stage: Stage, base: list[str]) -> None:
    terminate(stage, base[:2])

    counts = stage.run()

    assert counts["accounts_held"] == 0
    assert [stage.holds(number)["options"] for number in base[:2]] == [[], []]


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


def test_what_is_shown_names_how_many_why_and_whom(stage: Stage, base: list[str]) -> None:
    terminate(stage, base[:3])
    stage.run()

    shown = release_removals.show(stage.connections, {})

    assert (shown["accounts"], shown["base"]) == (3, 10)
    assert base[0] in shown["shown"] and "removals_count" in shown["shown"] and "30.00%" in shown["shown"]


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


def test_a_new_provider_version_that_changes_more_than_its_share_is_held_in_both_directions(
    stage: Stage, base: list[str]
) -> None:
    stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}

    counts = stage.run()

    assert counts["accounts_held"] == len(base)
    assert stage.sent() == []
    shown = release_removals.show(stage.connections, {})
    released(stage, shown)
    assert stage.holds(base[0])["options"] == ["VP1:ENTERTAIN_HD", "VP1:GEOLOGICAL"]


def test_a_plan_held_for_its_provider_version_stays_held_the_next_night(
    stage: Stage, base: list[str]
) -> None:
    stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}
    stage.run()

    counts = stage.run()

    assert counts["accounts_held"] == len(base)
    assert stage.sent() == []


def test_a_version_that_only_a_filtered_run_used_is_still_new(stage: Stage, base: list[str]) -> None:
    untouched = stage.subscriber("NEWS", boxes={})
    stage.run()
    stage.forget_sent()
    stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}
    stage.run(subscription_numbers=[untouched])

    counts = stage.run()

    assert counts["accounts_held"] == len(base)
    assert stage.sent() == []


def test_a_version_of_which_a_person_released_a_part_is_still_new_to_the_rest(
    stage: Stage, base: list[str]
) -> None:
    stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}
    stage.run(subscription_numbers=[base[0]])
    released(stage, release_removals.show(stage.connections, {}))
    stage.forget_sent()

    counts = stage.run()

    assert stage.holds(base[0])["options"] == ["VP1:ENTERTAIN_HD", "VP1:GEOLOGICAL"]
    assert counts["accounts_held"] == len(base) - 1
    assert stage.sent() == []


def test_a_version_of_which_no_guard_judged_anything_is_still_new(stage: Stage, base: list[str]) -> None:
    stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}
    batch_id = stage.open()
    for step in (extract, prove_extract, detect, plan):
        step.run(stage.connections, batch_id)
    with pytest.raises(RunFailed, match="stopped after PLANNED"):
        close_batch.run(stage.connections, batch_id)

    counts = stage.run()

    assert counts["accounts_held"] == len(base)
    assert stage.sent() == []


def test_a_version_that_was_sent_or_found_all_in_step_is_no_longer_new(stage: Stage, base: list[str]) -> None:
    stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}
    stage.run()
    released(stage, release_removals.show(stage.connections, {}))
    after_the_release = stage.run()
    stage.set(in_flight=7)
    stage.run()
    for number in base[:2]:
        stage.act("ADD_SERVICE", number, services=[{"code": "NEWS", "distributors": ["VP1"]}])

    counts = stage.run()

    assert after_the_release["accounts_held"] == after_the_release["out_of_sync_before"] == 0
    assert counts["accounts_held"] == 0
    assert "VP1:NEWS" in stage.holds(base[0])["options"]


def test_a_dry_run_makes_no_version_an_old_one_and_answers_for_nothing_that_is_held(
    stage: Stage, base: list[str]
) -> None:
    terminate(stage, base[:3])
    stage.run()
    shown = release_removals.show(stage.connections, {})
    stage.run(dry_run=True)
    released(stage, shown)
    taken = [stage.holds(number)["options"] for number in base[:3]]
    stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}
    stage.run(dry_run=True)
    stage.forget_sent()

    counts = stage.run()

    assert taken == [[], [], []]
    assert counts["accounts_held"] == len(base) - 3
    assert stage.sent() == []


def vanish(stage: Stage, number: str) -> None:
    """Let a subscription be no longer in the CRM."""
    for table in ("installed_items", "subscription_services", "subscription_actions", "subscriptions"):
        stage.crm.execute(f"DELETE FROM crm.{table} WHERE subscription_number = %s".encode(), (number,))  # noqa: S608


@pytest.mark.parametrize("under_a_new_version", [False, True], ids=["", "under_a_new_version"])
def test_an_extract_that_is_not_whole_takes_nothing_and_offers_nothing_for_release(
    stage: Stage, base: list[str], under_a_new_version: bool
) -> None:
    terminate(stage, base[:2])
    stage.set(minimum_accounts_share=0.98)
    vanish(stage, base[9])
    if under_a_new_version:
        stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}

    stage.run()

    assert stage.sent() == []
    assert stage.rows("SELECT * FROM held_removal") == []
    with pytest.raises(ConfigurationError, match="nothing to release"):
        release_removals.show(stage.connections, {})
