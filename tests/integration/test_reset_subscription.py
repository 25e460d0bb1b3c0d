"""The agent's door: one subscription, shown in words, sent, and each answer told; clear refusals, nothing sent."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.core.errors import ConfigurationError, ProvisioningError, SourceError
from provisioner.steps import dispatch, reset_subscription
from provisioner.steps.close_batch import RunFailed
from tests.integration.stage import Stage


def look(stage: Stage, number: str, **parameters: Any) -> dict[str, Any]:
    """Look at one subscription as the DAG's first task does."""
    given = {"subscription_number": number, **parameters}
    found = reset_subscription.look(
        stage.connections, stage.next_run(), given, provider_file=stage.write_provider()
    )
    return found.as_dict()


def reset(stage: Stage, number: str, **parameters: Any) -> dict[str, Any]:
    """Reset one subscription as the DAG does, and return what its last task returns."""
    found = look(stage, number, **parameters)
    return reset_subscription.send(stage.connections, found["batch_id"])


def test_the_difference_is_sent_and_each_answer_told(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL")

    result = reset(stage, number)

    assert stage.sent(number) == [
        "CREATE_ACCOUNT",
        f"ADD_MATERIAL(VP1, BOX-{number})",
        "ACTIVATE_OPTIONS(VP1, [GEOLOGICAL])",
    ]
    assert [(one["command"], one["state"]) for one in result["requests"]] == [
        ("CREATE_ACCOUNT", "COMPLETED"),
        ("ADD_MATERIAL", "COMPLETED"),
        ("ACTIVATE_OPTIONS", "COMPLETED"),
    ]


def test_the_difference_is_said_in_words(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL")
    reset(stage, number)
    stage.act("ADD_SERVICE", number, services=[{"code": "RELIGION", "distributors": ["VP1"]}])

    found = look(stage, number, dry_run=True)

    assert found["difference"] == ["VP1 should have and is not known to have RELIGION: ACTIVATE_OPTIONS"]
    assert found["known"]["options"] == ["VP1:GEOLOGICAL"]
    assert found["wanted"]["options"] == ["VP1:GEOLOGICAL", "VP1:RELIGION"]


def test_a_dry_run_sends_nothing(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL")

    result = reset(stage, number, dry_run=True)

    assert stage.sent() == []
    assert "nothing was sent" in result["summary"]


def test_an_account_in_step_needs_nothing(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL")
    reset(stage, number)
    stage.forget_sent()

    result = reset(stage, number)

    assert stage.sent() == []
    assert "in step" in result["summary"]


def test_force_asks_for_everything_again_and_tells_what_was_there(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL")
    reset(stage, number)
    stage.forget_sent()

    result = reset(stage, number, force=True)

    assert stage.sent(number) == [
        "CREATE_ACCOUNT",
        f"ADD_MATERIAL(VP1, BOX-{number})",
        "ACTIVATE_OPTIONS(VP1, [GEOLOGICAL])",
    ]
    assert result["already"] == 3


def test_force_asks_for_each_option_by_itself_and_is_no_failure_where_all_were_there(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL", "NEWS", boxes={})
    reset(stage, number)
    stage.forget_sent()

    result = reset(stage, number, force=True)

    assert stage.sent(number) == [
        "CREATE_ACCOUNT",
        "ACTIVATE_OPTIONS(VP1, [GEOLOGICAL])",
        "ACTIVATE_OPTIONS(VP1, [NEWS])",
    ]
    assert result["already"] == 3


def test_force_takes_away_what_was_ever_given_and_is_not_wanted(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL", "ENTERTAIN")
    reset(stage, number)
    stage.act("REMOVESERVICE", number, services=["ENTERTAIN"])
    reset(stage, number)
    stage.forget_sent()

    reset(stage, number, force=True)

    assert stage.sent(number)[-1] == "SUSPEND_OPTIONS(VP1, [ENTERTAIN])"


def test_force_cures_an_account_that_the_platform_lost(stage: Stage) -> None:
    stage.platform.snapshot()
    number = stage.subscriber("GEOLOGICAL")
    reset(stage, number)
    stage.platform.restore()

    reset(stage, number, force=True)

    assert stage.holds(number) == {
        "exists": True,
        "options": ["VP1:GEOLOGICAL"],
        "boxes": [f"VP1:BOX-{number}"],
    }


def test_a_box_that_moved_leaves_the_other_account_first(stage: Stage) -> None:
    old = stage.subscriber("GEOLOGICAL", boxes={"VP1": "MOVER-1"})
    new = stage.subscriber("GEOLOGICAL", boxes={})
    reset(stage, old)
    reset(stage, new)
    stage.forget_sent()
    stage.act("REMOVE_INSTALLED_ITEM", old, items=["MOVER-1"])
    stage.act(
        "ADD_INSTALLED_ITEM",
        new,
        items=[{"serial_number": "MOVER-1", "type": "STB_HD", "distributor": "VP1"}],
    )

    reset(stage, new)

    assert stage.sent() == ["REMOVE_MATERIAL(VP1, MOVER-1)", "ADD_MATERIAL(VP1, MOVER-1)"]


def test_of_the_other_account_nothing_goes_but_the_box_that_moved(stage: Stage) -> None:
    old = stage.subscriber("GEOLOGICAL", "NEWS", boxes={"VP1": "MOVER-2", "VP2": "LEFT-2"})
    new = stage.subscriber("GEOLOGICAL", boxes={})
    reset(stage, old)
    reset(stage, new)
    stage.forget_sent()
    stage.act("REMOVE_INSTALLED_ITEM", old, items=["MOVER-2", "LEFT-2"])
    stage.act("REMOVESERVICE", old, services=["NEWS"])
    item = {"serial_number": "MOVER-2", "type": "STB_HD", "distributor": "VP1"}
    stage.act("ADD_INSTALLED_ITEM", new, items=[item])

    reset(stage, new)

    assert stage.sent() == ["REMOVE_MATERIAL(VP1, MOVER-2)", "ADD_MATERIAL(VP1, MOVER-2)"]
    assert stage.holds(old)["boxes"] == ["VP2:LEFT-2"]


@pytest.mark.parametrize("behaviour", ["DEACTIVATE_SUBSCRIPTION", "TERMINATE_SUBSCRIPTION"])
def test_an_ended_subscription_that_tucano_was_never_told_of_is_refused(stage: Stage, behaviour: str) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.act(behaviour, number)

    with pytest.raises(ConfigurationError, match="never told"):
        look(stage, number)

    assert stage.sent() == []


def test_an_unknown_number_is_refused(stage: Stage) -> None:
    with pytest.raises(SourceError, match="'S0000009999' is not in the CRM"):
        look(stage, "S0000009999")

    assert stage.sent() == []


def test_a_row_that_breaks_a_rule_is_refused_with_the_rule(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL", at=("VP5",))

    with pytest.raises(SourceError, match="VP5"):
        look(stage, number)

    assert stage.sent() == []


def test_a_provider_that_is_not_effective_sends_nothing(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.provider["provider"]["state"] = "NOT_EFFECTIVE"

    with pytest.raises(ConfigurationError, match="NOT_EFFECTIVE"):
        look(stage, number)

    assert stage.sent() == []


def test_a_refused_look_leaves_a_closed_batch_that_says_why(stage: Stage) -> None:
    with pytest.raises(ProvisioningError):
        look(stage, "S0000009999")

    ((summary, closed),) = stage.rows(
        "SELECT summary, closed_at IS NOT NULL FROM batch ORDER BY batch_id DESC LIMIT 1"
    )
    assert closed and "not in the CRM" in summary


def test_a_refusal_of_tucano_is_red_and_names_the_request(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.platform.set_faults(
        {"kind": "reject", "error_code": "UNKNOWN_OPTION", "commands": ["ACTIVATE_OPTIONS"]}
    )

    with pytest.raises(RunFailed, match="ACTIVATE_OPTIONS REJECTED UNKNOWN_OPTION"):
        reset(stage, number)


def test_resets_of_two_agents_at_once_do_not_end_each_other(stage: Stage) -> None:
    one, other = stage.subscriber("GEOLOGICAL"), stage.subscriber("RELIGION", boxes={})
    found = look(stage, one)

    reset(stage, other)
    result = reset_subscription.send(stage.connections, found["batch_id"])

    assert result["requests"]
    assert stage.holds(one)["options"] and stage.holds(other)["options"]
    assert stage.rows("SELECT count(*) FROM batch WHERE summary LIKE 'Ended without closing%'") == [(0,)]


def test_an_account_that_somebody_else_holds_is_not_said_to_be_in_step(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = stage.subscriber("NEWS", boxes={})
    monkeypatch.setattr(dispatch, "BUSY_TURNS", 1)
    stage.db.execute(
        "INSERT INTO claim VALUES (%s, 'somebody', nextval('claim_token'), clock_timestamp() + interval '1 hour')",
        (number,),
    )

    with pytest.raises(RunFailed, match=f"0 requests, 1 not done. {number} is not finished: somebody else"):
        reset(stage, number)


def test_what_is_withheld_is_said(stage: Stage) -> None:
    number = stage.subscriber("NEWS", "RELIGION", boxes={})
    reset(stage, number)
    stage.act("REMOVESERVICE", number, services=["NEWS"])
    del stage.provider["services"]["RELIGION"]

    result = reset(stage, number)

    assert f"{number}: 0 requests, 0 not done. {number} WITHHELD" in result["summary"]
    assert "RELIGION" in result["summary"]
