"""One box that the CRM names at many accounts: one of them has it, nobody loses a channel, no night goes in circles."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.integration.lane_at_work import eventually, is_done, running
from tests.integration.stage import Stage

ACCOUNTS = 12
BOX = "EVERYBODYS"


@pytest.fixture
def everybody(empty_stage: Stage) -> list[str]:
    """Subscribers who all have the same box; the CRM's own actions do not let that be, an import of rows does."""
    numbers = [empty_stage.subscriber("NEWS") for _ in range(ACCOUNTS)]
    install(empty_stage, numbers, BOX + numbers[0])
    # Several tasks at once, each with some of them.
    empty_stage.set(fan_out_limit=1, chunk_size=4)
    return numbers


def install(stage: Stage, numbers: list[str], serial: str) -> None:
    """Let the box of each of *numbers* be *serial*."""
    stage.crm.execute(
        "UPDATE crm.installed_items SET serial_number = %s WHERE subscription_number = ANY(%s)",
        (serial, numbers),
    )


def holders(stage: Stage, numbers: list[str]) -> list[str]:
    return [number for number in numbers if f"VP1:{BOX}{numbers[0]}" in stage.holds(number)["boxes"]]


def answers(stage: Stage) -> Counter[tuple[str, str | None]]:
    return Counter((entry["command"], entry["body"].get("error_code")) for entry in stage.ledger())


def test_one_has_it_all_have_their_channels_and_each_night_asks_once_more(
    empty_stage: Stage, everybody: list[str]
) -> None:
    stage = empty_stage
    refused = ("ADD_MATERIAL", "MATERIAL_REGISTERED_ELSEWHERE")

    stage.run()
    first, answered = holders(stage, everybody), answers(stage)
    stage.forget_sent()
    stage.run()

    assert len(first) == 1
    assert answered == {
        ("CREATE_ACCOUNT", None): ACCOUNTS,
        ("ACTIVATE_OPTIONS", None): ACCOUNTS,
        ("ADD_MATERIAL", None): 1,
        refused: ACCOUNTS - 1,
    }
    assert all(stage.holds(number)["options"] == ["VP1:NEWS"] for number in everybody)
    assert answers(stage) == {refused: ACCOUNTS - 1}
    assert holders(stage, everybody) == first
    assert all(stage.known(number) == stage.holds(number) for number in everybody)
    assert {stage.ending(number)[0] for number in everybody if number not in first} == {"REJECTED"}


def test_when_its_holder_gives_it_up_one_other_gets_it_and_when_all_is_mended_all_are_in_step(
    empty_stage: Stage, everybody: list[str]
) -> None:
    stage = empty_stage
    stage.run()
    (first,) = holders(stage, everybody)
    install(stage, [first], f"OWN-{first}")
    stage.forget_sent()

    stage.run()

    (second,) = holders(stage, everybody)
    took = [entry for entry in stage.ledger() if entry["applied"]]
    assert second != first
    assert [(entry["account"], entry["command"]) for entry in took if entry["account"] != first] == [
        (second, "ADD_MATERIAL")
    ]
    for number in everybody:
        if number not in (first, second):
            install(stage, [number], f"OWN-{number}")
    assert stage.run()["out_of_sync_after"] == 0
    assert holders(stage, everybody) == [second]
    assert all(
        stage.holds(number)["boxes"] == [f"VP1:OWN-{number}"] for number in everybody if number != second
    )


def test_an_action_at_one_of_them_takes_it_from_nobody(empty_stage: Stage, everybody: list[str]) -> None:
    stage = empty_stage
    stage.run()
    (first,) = holders(stage, everybody)
    others = [number for number in everybody if number != first]
    with running(stage):
        for number in everybody:
            stage.act("ADD_SERVICE", number, services=[{"code": "KIDS", "distributors": ["VP1"]}])
        eventually(is_done(stage, first), "the holder's action is done")
        eventually(
            lambda: all("VP1:KIDS" in stage.holds(number)["options"] for number in others), "the others' too"
        )

    assert holders(stage, everybody) == [first]
    assert "REMOVE_MATERIAL" not in {entry["command"] for entry in stage.ledger()}
