"""Decisions 5, 8 and 9 when Tucano is put back to a backup without an account: it is begun again from the start."""

from __future__ import annotations

from tests.integration.stage import Stage


def served_and_lost(stage: Stage) -> str:
    """Let somebody be served after Tucano's backup was made, and put Tucano back to it."""
    stage.platform.snapshot()
    number = stage.subscriber("NEWS")
    stage.run()
    stage.platform.restore()
    stage.forget_sent()
    assert stage.known(number)["exists"] and not stage.holds(number)["exists"]
    return number


def test_an_account_that_a_restore_lost_is_created_again_with_all_that_it_had(stage: Stage) -> None:
    number = served_and_lost(stage)
    stage.act("ADD_SERVICE", number, services=[{"code": "KIDS", "distributors": ["VP1"]}])

    stage.run()

    assert stage.sent(number) == [
        "ACTIVATE_OPTIONS(VP1, [KIDS])",
        "CREATE_ACCOUNT",
        f"ADD_MATERIAL(VP1, BOX-{number})",
        "ACTIVATE_OPTIONS(VP1, [KIDS, NEWS])",
    ]
    assert ("ACTIVATE_OPTIONS", "REJECTED", "UNKNOWN_ACCOUNT") in stage.log(number)
    assert stage.known(number) == stage.holds(number)
    assert stage.ending(number) == ("COMPLETED", None)


def test_a_removal_that_a_restored_tucano_does_not_know_the_account_of_is_not_taken_for_done(
    stage: Stage,
) -> None:
    number = served_and_lost(stage)
    stage.act("ADD_SERVICE", number, services=[{"code": "KIDS", "distributors": ["VP1"]}])
    stage.act("REMOVESERVICE", number, services=["NEWS"])

    stage.run()

    assert stage.holds(number) == {
        "exists": True,
        "options": ["VP1:KIDS"],
        "boxes": [f"VP1:BOX-{number}"],
    }
    assert stage.known(number) == stage.holds(number)


def test_a_request_in_doubt_over_a_restore_is_asked_under_its_number_and_then_begun_again(
    stage: Stage,
) -> None:
    stage.platform.snapshot()
    number = stage.subscriber("NEWS")
    stage.run()
    stage.act("ADD_SERVICE", number, services=[{"code": "KIDS", "distributors": ["VP1"]}])
    stage.set(unknown_attempts=1)
    stage.platform.set_faults({"kind": "status_but_applied", "accounts": [number]})
    stage.run()
    (doubted,) = stage.ledger(number)[-1:]
    assert stage.rows("SELECT state FROM open_request WHERE account = %s", number) == [("UNKNOWN",)]
    stage.platform.clear_faults()
    stage.platform.restore()
    stage.forget_sent()

    stage.run()

    asked_again, *begun_again = stage.ledger(number)
    assert (asked_again["request_number"], asked_again["digest"]) == (
        doubted["request_number"],
        doubted["digest"],
    )
    assert [one["command"] for one in begun_again] == ["CREATE_ACCOUNT", "ADD_MATERIAL", "ACTIVATE_OPTIONS"]
    assert stage.known(number) == stage.holds(number)
    assert stage.rows("SELECT count(*) FROM open_plan WHERE account = %s", number) == [(0,)]
