"""What a lane does where somebody has to mend something: actions wait, nothing spins, and the cure counts at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioner.adapters.connections import Connections
from provisioner.core.errors import ConfigurationError
from tests.integration.lane_at_work import Lane, eventually, inbox, is_done, last_error, running
from tests.integration.stage import Stage


def with_password(stage: Stage, password: str) -> Connections:
    ours = stage.connections
    return replace(ours, tucano=replace(ours.tucano, password=password))


def test_a_wrong_password_lets_actions_wait_and_they_are_drained_when_it_is_mended(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = stage.connections
    monkeypatch.setattr(stage, "connections", with_password(stage, "of yesterday"))
    mended: list[Connections] = []

    with running(stage, connect_again=lambda: mended[0] if mended else stage.connections):
        numbers = [stage.subscriber("GEOLOGICAL") for _ in range(3)]
        eventually(lambda: "refuses the user of connection 'tucano'" in last_error(stage), "it said so")
        assert "refuses the user" in (inbox(stage, numbers[0])[0][1] or ""), "the action says why it waits"
        assert {inbox(stage, number)[0][0] for number in numbers} == {"WAITING"}
        mended.append(right)
        eventually(is_done(stage, *numbers), "the cure counted without a new lane")
        eventually(lambda: last_error(stage) == "", "it said that all is well")

    for number in numbers:
        assert [entry["command"] for entry in stage.ledger(number) if entry["applied"]] == [
            "CREATE_ACCOUNT",
            "ADD_MATERIAL",
            "ACTIVATE_OPTIONS",
        ]


def test_a_wrong_password_is_tried_by_one_action_at_a_time_and_later_each_time(stage: Stage) -> None:
    stage.platform.set_faults({"kind": "unauthorised"})
    numbers = [stage.subscriber("GEOLOGICAL") for _ in range(40)]

    with running(stage):
        eventually(lambda: len(stage.ledger()) >= 2, "it tried again")
        tried = stage.rows("SELECT transaction_reference FROM action_inbox WHERE attempts > 0")
        assert len(tried) < len(numbers) / 2
        stage.platform.clear_faults()
        eventually(is_done(stage, *numbers), "all were done")


def test_what_stays_wrong_ends_the_run_red_and_the_next_one_goes_on(stage: Stage) -> None:
    stage.platform.set_faults({"kind": "unauthorised"})
    stage.write_provider()
    lane = Lane(stage, mistake_seconds=0.5)
    number = stage.subscriber("GEOLOGICAL")
    eventually(lambda: not lane.is_alive, "it ended by itself")

    with pytest.raises(ConfigurationError, match="check its user and password"):
        lane.end()
    assert inbox(stage, number)[0][0] == "WAITING"
    assert "refuses the user" in last_error(stage)
    stage.platform.clear_faults()
    with running(stage):
        eventually(is_done(stage, number), "the next lane went on")


def test_a_tucano_that_is_down_for_longer_is_no_mistake(stage: Stage) -> None:
    stage.platform.set_faults({"kind": "refuse"})

    with running(stage, mistake_seconds=0) as lane:
        number = stage.subscriber("GEOLOGICAL")
        eventually(lambda: "cannot be reached" in last_error(stage), "it said so")
        eventually(
            lambda: stage.rows("SELECT attempts FROM action_inbox WHERE attempts > 1") != [], "it tried again"
        )
        assert lane.is_alive
        stage.platform.clear_faults()
        eventually(is_done(stage, number), "it was done")


def test_a_first_account_without_an_answer_does_not_keep_the_others_waiting(stage: Stage) -> None:
    silent = stage.next_number()
    stage.platform.set_faults({"kind": "hang_before", "accounts": [silent]})
    stage.subscriber("GEOLOGICAL", number=silent)
    other = stage.subscriber("GEOLOGICAL")

    with running(stage):
        eventually(is_done(stage, other), "the one behind it was done")
