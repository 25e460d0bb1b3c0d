"""A new version of the provider file: what it changes in too many accounts waits for a person, whichever way."""

from __future__ import annotations

import pytest

from provisioner.steps import close_batch, release_removals
from tests.integration.broken_crm import hidden
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


def test_a_new_provider_version_that_changes_more_than_its_share_is_held_in_both_directions(
    stage: Stage, base: list[str]
) -> None:
    stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}

    counts = stage.run()

    assert counts["accounts_held"] == len(base)
    assert stage.sent() == []
    shown = release_removals.show(stage.connections, {})
    assert f"| {base[0]} | option VP1:ENTERTAIN | option VP1:ENTERTAIN_HD |" in shown["shown"]
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


@pytest.mark.parametrize("failpoint", ["detect.committed", "plan.committed", "guard.written"])
def test_a_night_that_died_before_its_guard_has_applied_no_provider_version(
    stage: Stage, base: list[str], nursery: Nursery, failpoint: str
) -> None:
    stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}
    nursery.bear(stage.environment("run", PROVISIONING_FAILPOINT=f"{failpoint}!")).wait()
    nursery.bear(stage.environment("run", PROVISIONING_FAILPOINT=failpoint)).wait()

    counts = stage.run()

    assert counts["accounts_held"] == len(base)
    assert stage.sent() == []


def test_a_night_whose_platform_was_down_has_applied_no_provider_version(
    stage: Stage, base: list[str]
) -> None:
    stage.set(provider_change_share=0.1)
    stage.provider["services"]["KIDS"] = {"option": "KIDS_HD"}
    stage.act("ADD_SERVICE", base[0], services=[{"code": "KIDS", "distributors": ["VP1"]}])
    stage.platform.set_faults({"kind": "unauthorised"})
    with pytest.raises(close_batch.RunFailed):
        stage.run()
    stage.platform.clear_faults()
    for number in base[1:]:
        stage.act("ADD_SERVICE", number, services=[{"code": "KIDS", "distributors": ["VP1"]}])

    counts = stage.run()

    assert counts["accounts_held"] == len(base)


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


def test_a_held_plan_of_an_extract_that_is_not_whole_gives_when_released_and_takes_nothing(
    stage: Stage, base: list[str]
) -> None:
    stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}
    twice = "SELECT t.* FROM {table} t UNION ALL SELECT t.* FROM {table} t"
    stage.forget_sent()

    with hidden(stage, "subscriptions", twice):
        stage.run()
        shown = release_removals.show(stage.connections, {})
        released(stage, shown)

    assert "takes nothing away" in shown["shown"]
    assert "Would be taken away: 0 options, 0 boxes" in shown["shown"]
    assert stage.sent(base[0]) == ["ACTIVATE_OPTIONS(VP1, [ENTERTAIN_HD])"]
    assert len(stage.sent()) == len(base)
