"""Decision 8 through the whole run: what happens to requests without an answer, and to those that never left."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.integration.stage import Stage


def a_silence(number: str, **changed: Any) -> dict[str, Any]:
    """The platform applies what it is asked, and its answer is lost."""
    return {"kind": "reset_after", "accounts": [number], "commands": ["ACTIVATE_OPTIONS"], **changed}


def a_request_in_doubt(stage: Stage, *, applied: bool = True) -> str:
    """A swap from NEWS to KIDS, whose ACTIVATE_OPTIONS got no answer; its SUSPEND_OPTIONS never left."""
    number = stage.subscriber("NEWS", boxes={})
    stage.run()
    stage.forget_sent()
    stage.act("SWAPSERVICE", number, **{"from": "NEWS", "to": {"code": "KIDS"}})
    fault = a_silence(number) if applied else {"kind": "status", "status": 500, "accounts": [number]}
    stage.platform.set_faults(fault)
    stage.set(unknown_attempts=1)
    stage.run()
    stage.platform.clear_faults()
    return number


def open_requests(stage: Stage, number: str) -> list[tuple[Any, ...]]:
    return stage.rows(
        "SELECT command, state, sent_at IS NOT NULL, request_number FROM open_request WHERE account = %s "
        "ORDER BY plan_position",
        number,
    )


def test_decision_8_a_silence_is_settled_under_the_same_number_with_the_same_bytes(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults(a_silence(number, count=1))

    stage.run()

    first, again = stage.ledger(number)[-2:]
    assert (first["request_number"], first["digest"]) == (again["request_number"], again["digest"])
    assert (first["applied"], again["applied"], again["replayed"]) == (True, False, True)
    assert stage.log(number)[-1] == ("ACTIVATE_OPTIONS", "COMPLETED", None)


def test_decision_8_what_is_in_doubt_stays_unknown_and_nothing_else_of_its_account_leaves(
    stage: Stage,
) -> None:
    number = a_request_in_doubt(stage)

    assert [row[:3] for row in open_requests(stage, number)] == [
        ("ACTIVATE_OPTIONS", "UNKNOWN", True),
        ("SUSPEND_OPTIONS", "PENDING", False),
    ]
    assert stage.sent(number) == ["ACTIVATE_OPTIONS(VP1, [KIDS])"]
    assert stage.ending(number)[0] == "PARKED"
    assert stage.rows("SELECT parked_at IS NOT NULL FROM open_plan WHERE account = %s", number) == [(True,)]


def test_decision_8_the_next_run_settles_what_is_in_doubt_before_anything_else(stage: Stage) -> None:
    number = a_request_in_doubt(stage)
    (in_doubt,) = stage.ledger(number)
    stage.act("SWAPSERVICE", number, **{"from": "KIDS", "to": {"code": "MUSIC"}})

    stage.run()

    settled, *rest = stage.ledger(number)[1:]
    assert (settled["request_number"], settled["digest"]) == (in_doubt["request_number"], in_doubt["digest"])
    assert [entry["command"] for entry in rest] == ["ACTIVATE_OPTIONS", "SUSPEND_OPTIONS"]
    assert stage.known(number) == stage.holds(number)


def test_a_removal_that_only_the_settled_answer_made_necessary_waits_for_the_guard_of_the_next_run(
    stage: Stage,
) -> None:
    number = a_request_in_doubt(stage)
    stage.act("SWAPSERVICE", number, **{"from": "KIDS", "to": {"code": "MUSIC"}})
    stage.run()
    after_the_first = stage.holds(number)["options"], stage.ending(number)[0]

    stage.run()

    assert after_the_first == (["VP1:KIDS", "VP1:MUSIC"], "WITHHELD")
    assert stage.holds(number)["options"] == ["VP1:MUSIC"]


def test_decision_8_what_never_left_and_is_still_wanted_keeps_its_number(stage: Stage) -> None:
    number = a_request_in_doubt(stage)
    ((_, _, _, _), (*_, never_left)) = open_requests(stage, number)

    stage.run()

    assert stage.sent(number)[-1] == "SUSPEND_OPTIONS(VP1, [NEWS])"
    assert stage.ledger(number)[-1]["request_number"] == never_left


def test_decision_8_what_never_left_and_is_no_longer_wanted_is_superseded_and_never_sent(
    stage: Stage,
) -> None:
    number = a_request_in_doubt(stage)
    ((_, _, _, _), (*_, never_left)) = open_requests(stage, number)
    stage.act("ADD_SERVICE", number, services=[{"code": "NEWS", "distributors": ["VP1"]}])

    stage.run()

    assert ("SUSPEND_OPTIONS", "REJECTED", "SUPERSEDED") in stage.log(number)
    assert never_left not in {entry["request_number"] for entry in stage.ledger(number)}
    assert stage.holds(number)["options"] == ["VP1:KIDS", "VP1:NEWS"]


def test_decision_8_a_request_that_was_not_applied_after_all_is_applied_by_its_resend(stage: Stage) -> None:
    number = a_request_in_doubt(stage, applied=False)

    stage.run()

    assert {entry["request_number"] for entry in stage.ledger(number)[:2]} == {
        stage.ledger(number)[0]["request_number"]
    }
    assert stage.holds(number)["options"] == ["VP1:KIDS"]


def test_decision_8_a_parked_account_is_tried_again_each_night_and_still_shown(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults({"kind": "status", "status": 500, "accounts": [number]})
    stage.set(unknown_attempts=2)
    stage.run()
    first_night = len(stage.ledger(number))

    counts = stage.run()

    assert first_night == 2  # as many as unknown_attempts
    assert len(stage.ledger(number)) > first_night
    assert {entry["request_number"] for entry in stage.ledger(number)} == {
        stage.ledger(number)[0]["request_number"]
    }
    assert counts["accounts_parked"] == 1
    ((because,),) = stage.rows("SELECT parked_because FROM open_plan WHERE account = %s", number)
    assert "no answer" in because and "HTTP 500" in because


def test_decision_8_back_off_lies_between_two_attempts(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults({"kind": "status", "status": 500, "accounts": [number], "count": 2})

    stage.run()

    first, second, third = (entry["received_at"] for entry in stage.ledger(number)[:3])
    assert seconds_between(first, second) >= 0.5
    assert seconds_between(second, third) >= 1.0


def test_decision_8_the_body_of_a_request_in_doubt_is_the_stored_one_though_the_crm_changed(
    stage: Stage,
) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults({"kind": "status", "status": 500, "accounts": [number]})
    stage.set(unknown_attempts=1)
    stage.run()
    stage.platform.clear_faults()
    stage.crm.execute(
        "UPDATE crm.accounts SET name = 'Someone Else' WHERE account_number = 'A' || substr(%s, 2)", (number,)
    )

    stage.run()

    first, again = stage.ledger(number)[:2]
    assert first["parameters"] == again["parameters"] == {"name": f"Ada {number}"}
    assert first["digest"] == again["digest"]


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
