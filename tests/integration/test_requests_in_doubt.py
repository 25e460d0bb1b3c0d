"""What settles a request in doubt, and what does not: a proxy's refusal, and a list refused as "already so"."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.steps import verify_known_state
from provisioner.steps.close_batch import RunFailed
from tests.integration.stage import Stage

FORGETFUL = {"kind": "ignore_keys"}


def in_question(stage: Stage, number: str) -> list[str]:
    ((options,),) = stage.rows("SELECT in_question FROM open_plan WHERE account = %s", number) or [([],)]
    return list(options)


def left_in_doubt(stage: Stage, number: str, command: str) -> None:
    """A night in which the platform applies *command*, and its answer is lost."""
    stage.platform.set_faults({"kind": "reset_after", "accounts": [number], "commands": [command]})
    stage.set(unknown_attempts=1)
    stage.run()
    stage.platform.clear_faults()
    stage.forget_sent()


@pytest.mark.parametrize("status", [302, 400, 404, 409, 422])
def test_a_proxys_refusal_of_a_resend_does_not_settle_what_may_have_been_applied(
    stage: Stage, status: int
) -> None:
    number = stage.subscriber("NEWS", boxes={})
    left_in_doubt(stage, number, "ACTIVATE_OPTIONS")
    stage.platform.set_faults({"kind": "status", "status": status, "accounts": [number]})

    stage.run()
    still = stage.rows("SELECT state, last_failure FROM open_request WHERE account = %s", number)
    stage.platform.clear_faults()
    stage.run()

    assert still == [("UNKNOWN", f"HTTP {status}")]
    assert stage.log(number)[1:] == [("ACTIVATE_OPTIONS", "COMPLETED", None)]
    assert len({entry["request_number"] for entry in stage.ledger(number)}) == 1


def test_a_refusal_in_the_same_night_does_not_settle_it_either(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    about = {"accounts": [number], "commands": ["ACTIVATE_OPTIONS"], "count": 1}
    stage.platform.set_faults(
        {"kind": "status_but_applied", **about}, {"kind": "status", "status": 404, **about}
    )

    stage.run()

    assert [entry["status"] for entry in stage.ledger(number)] == [200, 503, 404, 200]
    assert stage.log(number)[-1] == ("ACTIVATE_OPTIONS", "COMPLETED", None)


def test_a_refusal_by_the_platform_itself_settles_it(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    about: dict[str, Any] = {"accounts": [number], "commands": ["ACTIVATE_OPTIONS"], "count": 1}
    stage.platform.set_faults({"kind": "status", "status": 500, **about}, {"kind": "reject", **about})

    stage.run()

    assert stage.log(number)[-1] == ("ACTIVATE_OPTIONS", "REJECTED", "INVALID_REQUEST")


def test_a_list_in_doubt_that_is_refused_as_already_active_is_asked_again_option_by_option(
    stage: Stage,
) -> None:
    number = stage.subscriber("KIDS", "NEWS", boxes={})
    left_in_doubt(stage, number, "ACTIVATE_OPTIONS")
    stage.platform.set_faults(FORGETFUL)

    stage.run()

    assert stage.sent(number) == [
        "ACTIVATE_OPTIONS(VP1, [KIDS, NEWS])",
        "ACTIVATE_OPTIONS(VP1, [KIDS])",
        "ACTIVATE_OPTIONS(VP1, [NEWS])",
    ]
    assert stage.known(number) == stage.holds(number)
    assert stage.rows("SELECT count(*) FROM open_plan WHERE account = %s", number) == [(0,)]


def test_a_channel_in_question_that_the_crm_no_longer_wants_does_not_stay_on_for_ever(stage: Stage) -> None:
    number = stage.subscriber("KIDS", "NEWS", boxes={})
    left_in_doubt(stage, number, "ACTIVATE_OPTIONS")
    stage.act("STOPSERVICE", number, services=["KIDS"])
    stage.platform.set_faults(FORGETFUL)

    stage.run()
    known_at_once = stage.known(number)["options"]
    stage.run()

    assert known_at_once == ["VP1:KIDS", "VP1:NEWS"]
    assert stage.holds(number)["options"] == stage.known(number)["options"] == ["VP1:NEWS"]


def test_a_question_outlives_the_plan_in_which_it_was_refused(stage: Stage) -> None:
    number = stage.subscriber("KIDS", "NEWS", boxes={})
    left_in_doubt(stage, number, "ACTIVATE_OPTIONS")
    stage.act("STOPSERVICE", number, services=["KIDS"])
    refused = {"kind": "reject", "accounts": [number], "count": 1}
    stage.platform.set_faults(
        FORGETFUL,
        refused | {"error_code": "OPTION_ALREADY_ACTIVE"},
        refused | {"error_code": "INVALID_REQUEST", "options": ["KIDS"]},
    )

    stage.run()
    left_open = in_question(stage, number)
    stage.run()
    stage.run()

    assert left_open == ["on:VP1:KIDS", "on:VP1:NEWS"]
    assert stage.holds(number)["options"] == stage.known(number)["options"] == ["VP1:NEWS"]


def a_suspension_in_doubt(stage: Stage) -> str:
    """KIDS and NEWS were dropped and are off, unconfirmed; then NEWS is wanted again."""
    number = stage.subscriber("KIDS", "MUSIC", "NEWS", boxes={})
    stage.run()
    stage.act("STOPSERVICE", number, services=["KIDS", "NEWS"])
    left_in_doubt(stage, number, "SUSPEND_OPTIONS")
    stage.act("START_SERVICE", number, services=["NEWS"])
    return number


def test_a_channel_in_question_that_the_crm_wants_again_does_not_stay_dark(stage: Stage) -> None:
    number = a_suspension_in_doubt(stage)
    stage.platform.set_faults(FORGETFUL)

    stage.run()
    stage.run()

    assert stage.sent(number)[:2] == ["SUSPEND_OPTIONS(VP1, [KIDS, NEWS])", "ACTIVATE_OPTIONS(VP1, [NEWS])"]
    assert stage.holds(number)["options"] == stage.known(number)["options"] == ["VP1:MUSIC", "VP1:NEWS"]
    assert in_question(stage, number) == []


def test_a_channel_whose_suspension_in_doubt_was_refused_does_not_stay_dark(stage: Stage) -> None:
    number = a_suspension_in_doubt(stage)
    refused = {"kind": "reject", "error_code": "UNKNOWN_OPTION", "accounts": [number], "count": 1}
    stage.platform.set_faults(FORGETFUL, refused)

    stage.run()

    assert stage.log(number)[-3:] == [
        ("SUSPEND_OPTIONS", "REJECTED", "UNKNOWN_OPTION"),
        ("ACTIVATE_OPTIONS", "COMPLETED", None),
        ("SUSPEND_OPTIONS", "COMPLETED", "OPTION_NOT_ACTIVE"),
    ]
    assert "VP1:NEWS" in stage.holds(number)["options"]
    stage.run()
    assert stage.holds(number)["options"] == stage.known(number)["options"] == ["VP1:MUSIC", "VP1:NEWS"]
    assert stage.rows("SELECT count(*) FROM distrust") == [(0,)]


@pytest.mark.parametrize("replayed", [False, True])
def test_a_channel_that_was_refused_while_in_doubt_is_taken_away_when_it_is_not_wanted(
    stage: Stage, *, replayed: bool
) -> None:
    number = stage.subscriber("KIDS", "NEWS", boxes={})
    left_in_doubt(stage, number, "ACTIVATE_OPTIONS")
    stage.act("STOPSERVICE", number, services=["KIDS"])
    refused = {"kind": "reject", "error_code": "UNKNOWN_OPTION", "accounts": [number], "count": 1}
    stage.platform.set_faults(*([] if replayed else [FORGETFUL, refused]))

    stage.run()
    stage.run()

    assert stage.holds(number)["options"] == stage.known(number)["options"] == ["VP1:NEWS"]
    assert stage.rows("SELECT count(*) FROM distrust") == [(0,)]


@pytest.mark.parametrize("meanwhile", [None, "renew_request_numbers"])
def test_a_question_outlives_a_night_that_ends_before_it_is_asked(
    stage: Stage, meanwhile: str | None
) -> None:
    number = a_suspension_in_doubt(stage)
    stage.platform.set_faults(
        FORGETFUL, {"kind": "unauthorised", "accounts": [number], "commands": ["ACTIVATE_OPTIONS"]}
    )
    with pytest.raises(RunFailed, match="connection 'tucano'"):
        stage.run()
    if meanwhile:
        verify_known_state.run(stage.connections, stage.next_run(), {meanwhile: True})
    left_open = in_question(stage, number)
    stage.platform.set_faults(FORGETFUL)

    stage.run()
    stage.run()

    assert left_open == ["off:VP1:KIDS", "off:VP1:NEWS"]
    assert stage.holds(number)["options"] == stage.known(number)["options"] == ["VP1:MUSIC", "VP1:NEWS"]
    assert in_question(stage, number) == []


def test_what_is_in_doubt_is_settled_though_the_crm_has_no_row_for_it_any_more(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    left_in_doubt(stage, number, "ACTIVATE_OPTIONS")
    for table in ("subscription_services", "subscription_actions", "subscriptions"):
        stage.crm.execute(f"DELETE FROM crm.{table} WHERE subscription_number = %s".encode(), (number,))  # noqa: S608

    stage.run()

    assert stage.sent(number) == ["ACTIVATE_OPTIONS(VP1, [NEWS])"]
    assert stage.log(number)[-1] == ("ACTIVATE_OPTIONS", "COMPLETED", None)
    assert stage.known(number) == stage.holds(number)
    assert "no longer in the CRM" in str(stage.ending(number))


def test_what_is_in_doubt_is_settled_though_the_row_breaks_a_rule_by_now(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    left_in_doubt(stage, number, "ACTIVATE_OPTIONS")
    stage.crm.execute(
        "UPDATE crm.subscription_services SET distributors = '{VP9}' WHERE subscription_number = %s",
        (number,),
    )

    stage.run()

    assert stage.sent(number) == ["ACTIVATE_OPTIONS(VP1, [NEWS])"]
    assert stage.log(number)[-1] == ("ACTIVATE_OPTIONS", "COMPLETED", None)
    assert "VP9" in str(stage.ending(number))
