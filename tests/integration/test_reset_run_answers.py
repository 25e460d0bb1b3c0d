"""Decisions 9 and 12 through the whole run: what is already so, what is forgotten, what the number does not promise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from tests.integration.stage import Stage
from tests.simulator_client import ask


def the_platform_has(stage: Stage, account: str, *requests: tuple[str, Mapping[str, Any]]) -> None:
    """Let the platform do what we know nothing of: a restored database of ours, another system."""
    for command, parameters in (("CREATE_ACCOUNT", {"name": "Ada"}), *requests):
        assert ask(stage.platform, command, account, **parameters).body["status"] == "ACCEPTED"
    stage.forget_sent()


def we_know(stage: Stage, account: str, *, options: list[str], materials: list[str]) -> None:
    """Let us know what the platform has not: a restored platform."""
    stage.db.execute(
        "INSERT INTO known_state (account, account_exists, options, materials) VALUES (%s, true, %s, %s)",
        (account, options, materials),
    )


NEWS = ("ACTIVATE_OPTIONS", {"distributor": "VP1", "options": ["NEWS"]})
BOTH = ("ACTIVATE_OPTIONS", {"distributor": "VP1", "options": ["KIDS", "NEWS"]})


def a_box(account: str) -> tuple[str, dict[str, str]]:
    return "ADD_MATERIAL", {
        "distributor": "VP1",
        "serial_number": f"BOX-{account}",
        "material_type": "HD",
    }


def test_decision_9_what_tucano_already_has_is_success_and_becomes_known(stage: Stage) -> None:
    number = stage.subscriber("NEWS")
    the_platform_has(stage, number, NEWS, a_box(number))

    stage.run()

    assert [entry["body"]["error_code"] for entry in stage.ledger(number)] == [
        "ACCOUNT_EXISTS",
        "MATERIAL_ALREADY_REGISTERED",
        "OPTION_ALREADY_ACTIVE",
    ]
    assert {state for _, state, _ in stage.log(number)} == {"COMPLETED"}
    assert stage.known(number) == stage.holds(number)


def test_decision_9_what_tucano_no_longer_has_is_a_removal_that_succeeded(stage: Stage) -> None:
    number = stage.subscriber("NEWS")
    the_platform_has(stage, number)
    we_know(stage, number, options=["VP1:NEWS"], materials=[f"VP1:BOX-{number}:HD"])
    stage.act("TERMINATE_SUBSCRIPTION", number)

    stage.run()

    assert [entry["body"]["error_code"] for entry in stage.ledger(number)] == [
        "OPTION_NOT_ACTIVE",
        "UNKNOWN_MATERIAL",
    ]
    assert stage.known(number) == {"exists": True, "options": [], "boxes": []}
    assert stage.ending(number)[0] == "COMPLETED"


def test_decision_9_account_exists_teaches_that_it_exists_and_not_what_it_holds(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    the_platform_has(stage, number, NEWS, a_box(number))

    stage.run()

    assert stage.known(number) == {"exists": True, "options": ["VP1:NEWS"], "boxes": []}


def test_decision_9_a_box_registered_elsewhere_is_not_already_so(stage: Stage) -> None:
    number = stage.subscriber("NEWS")
    the_platform_has(stage, "C-OTHER", a_box(number))

    stage.run()

    assert ("ADD_MATERIAL", "REJECTED", "MATERIAL_REGISTERED_ELSEWHERE") in stage.log(number)
    assert stage.known(number)["boxes"] == []


def test_decision_9_an_unknown_account_is_forgotten_and_the_plan_starts_again_with_create_account(
    stage: Stage,
) -> None:
    number = stage.subscriber("KIDS", "NEWS")
    we_know(stage, number, options=["VP1:NEWS"], materials=[])

    stage.run()

    assert stage.sent(number) == [
        f"ADD_MATERIAL(VP1, BOX-{number})",
        "CREATE_ACCOUNT",
        f"ADD_MATERIAL(VP1, BOX-{number})",
        "ACTIVATE_OPTIONS(VP1, [KIDS, NEWS])",
    ]
    assert stage.log(number)[:2] == [
        ("ADD_MATERIAL", "REJECTED", "UNKNOWN_ACCOUNT"),
        ("ACTIVATE_OPTIONS", "REJECTED", "SUPERSEDED"),
    ]
    assert stage.known(number) == stage.holds(number)


def test_decision_9_an_account_that_tucano_never_comes_to_know_is_left_to_a_person(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults(
        {"kind": "reject", "error_code": "UNKNOWN_ACCOUNT", "options": ["NEWS"], "accounts": [number]},
        {
            "kind": "reject",
            "error_code": "ACCOUNT_EXISTS",
            "commands": ["CREATE_ACCOUNT"],
            "accounts": [number],
        },
    )

    stage.run()

    assert len(stage.sent(number)) == 8  # once, and three times again
    assert stage.ending(number)[0] == "REJECTED"


def test_a_mixed_list_that_tucano_takes_is_done_whole(stage: Stage) -> None:
    number = stage.subscriber("KIDS", "NEWS", boxes={})
    the_platform_has(stage, number, NEWS)

    stage.run()

    assert stage.sent(number) == ["CREATE_ACCOUNT", "ACTIVATE_OPTIONS(VP1, [KIDS, NEWS])"]
    assert stage.known(number) == stage.holds(number)


def test_a_mixed_list_that_tucano_refuses_is_sent_again_one_by_one(stage: Stage) -> None:
    number = stage.subscriber("KIDS", "NEWS", boxes={})
    the_platform_has(stage, number, NEWS)
    stage.platform.set_faults({"kind": "mixed_list_rejects", "accounts": [number]})

    stage.run()

    assert stage.sent(number) == [
        "CREATE_ACCOUNT",
        "ACTIVATE_OPTIONS(VP1, [KIDS, NEWS])",
        "ACTIVATE_OPTIONS(VP1, [KIDS])",
        "ACTIVATE_OPTIONS(VP1, [NEWS])",
    ]
    assert stage.known(number)["options"] == stage.holds(number)["options"] == ["VP1:KIDS", "VP1:NEWS"]


def test_a_mixed_list_to_be_suspended_is_sent_again_one_by_one(stage: Stage) -> None:
    number = stage.subscriber("KIDS", "NEWS", boxes={})
    the_platform_has(stage, number, NEWS)
    we_know(stage, number, options=["VP1:KIDS", "VP1:NEWS"], materials=[])
    stage.act("TERMINATE_SUBSCRIPTION", number)
    stage.platform.set_faults({"kind": "mixed_list_rejects", "accounts": [number]})

    stage.run()

    assert stage.sent(number)[1:] == ["SUSPEND_OPTIONS(VP1, [KIDS])", "SUSPEND_OPTIONS(VP1, [NEWS])"]
    assert stage.known(number)["options"] == stage.holds(number)["options"] == []


@pytest.mark.parametrize("kind", ["reset_after", "garbage", "half_body"])
def test_decision_12_a_platform_that_forgets_its_keys_is_not_made_to_do_a_thing_twice(
    stage: Stage, kind: str
) -> None:
    number = stage.subscriber("FLEX_A")
    stage.platform.set_faults(
        {"kind": "ignore_keys", "accounts": [number]}, {"kind": kind, "accounts": [number], "count": 2}
    )

    stage.run()

    assert stage.holds(number) == {
        "exists": True,
        "options": ["VP1:ENTERTAIN", "VP1:GEOLOGICAL"],
        "boxes": [f"VP1:BOX-{number}"],
    }
    assert stage.known(number) == stage.holds(number)
    assert [entry["command"] for entry in stage.ledger(number) if entry["applied"]] == [
        "CREATE_ACCOUNT",
        "ADD_MATERIAL",
        "ACTIVATE_OPTIONS",
    ]


def test_what_the_platform_refuses_without_a_verdict_is_rejected_by_its_status(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults({"kind": "status", "status": 422, "options": ["NEWS"], "accounts": [number]})

    stage.run()

    assert stage.log(number)[-1] == ("ACTIVATE_OPTIONS", "REJECTED", "HTTP_422")


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_is_not_followed_and_refuses_the_request(stage: Stage, status: int) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults({"kind": "status", "status": status, "options": ["NEWS"], "accounts": [number]})

    stage.run()

    assert stage.sent(number) == ["CREATE_ACCOUNT", "ACTIVATE_OPTIONS(VP1, [NEWS])"]
    assert stage.log(number)[-1] == ("ACTIVATE_OPTIONS", "REJECTED", f"HTTP_{status}")


def test_a_platform_that_asks_to_wait_gets_the_same_request_again_after_that(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults(
        {
            "kind": "status",
            "status": 429,
            "retry_after": 1,
            "options": ["NEWS"],
            "accounts": [number],
            "count": 1,
        }
    )

    stage.run()

    refused, accepted = stage.ledger(number)[-2:]
    assert refused["digest"] == accepted["digest"]
    waited = datetime.fromisoformat(accepted["received_at"]) - datetime.fromisoformat(refused["received_at"])
    assert waited.total_seconds() >= 1
    assert stage.holds(number)["options"] == ["VP1:NEWS"]
