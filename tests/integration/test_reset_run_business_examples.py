"""Decision 13 to the letter, from an action in the CRM to the platform's own ledger."""

from __future__ import annotations

from tests.integration.stage import Stage

FOUR = {"VP1": "S1", "VP2": "S2", "VP3": "S3", "VP4": "S4"}


def test_decision_13_a_new_subscriber_with_bundle_a(stage: Stage) -> None:
    number = stage.subscriber("FLEX_A", boxes={"VP1": "S"})

    stage.run()

    assert stage.sent(number) == [
        "CREATE_ACCOUNT",
        "ADD_MATERIAL(VP1, S)",
        "ACTIVATE_OPTIONS(VP1, [ENTERTAIN, GEOLOGICAL])",
    ]
    assert stage.holds(number) == {
        "exists": True,
        "options": ["VP1:ENTERTAIN", "VP1:GEOLOGICAL"],
        "boxes": ["VP1:S"],
    }


def test_decision_13_from_bundle_a_to_agriculture(stage: Stage) -> None:
    number = a_served_subscriber_with_bundle_a(stage)
    stage.act("SWAPSERVICE", number, **{"from": "FLEX_A", "to": {"code": "AGRICULTURE"}})

    stage.run()

    assert stage.sent(number) == [
        "ACTIVATE_OPTIONS(VP1, [AGRICULTURE])",
        "SUSPEND_OPTIONS(VP1, [ENTERTAIN, GEOLOGICAL])",
    ]


def test_decision_13_from_bundle_a_to_bundle_b(stage: Stage) -> None:
    number = a_served_subscriber_with_bundle_a(stage)
    stage.act("SWAPSERVICE", number, **{"from": "FLEX_A", "to": {"code": "FLEX_B"}})

    stage.run()

    assert stage.sent(number) == ["ACTIVATE_OPTIONS(VP1, [RELIGION])", "SUSPEND_OPTIONS(VP1, [ENTERTAIN])"]


def test_decision_13_four_viewing_points_with_the_same_channels(stage: Stage) -> None:
    number = stage.subscriber("FLEX_A", at=tuple(FOUR), boxes=FOUR)

    stage.run()

    assert stage.sent(number) == [
        "CREATE_ACCOUNT",
        "ADD_MATERIAL(VP1, S1)",
        "ADD_MATERIAL(VP2, S2)",
        "ADD_MATERIAL(VP3, S3)",
        "ADD_MATERIAL(VP4, S4)",
        "ACTIVATE_OPTIONS(VP1, [ENTERTAIN, GEOLOGICAL])",
        "ACTIVATE_OPTIONS(VP2, [ENTERTAIN, GEOLOGICAL])",
        "ACTIVATE_OPTIONS(VP3, [ENTERTAIN, GEOLOGICAL])",
        "ACTIVATE_OPTIONS(VP4, [ENTERTAIN, GEOLOGICAL])",
    ]


def test_decision_13_a_fifth_distributor_is_a_rejected_row(stage: Stage) -> None:
    number = stage.subscriber("FLEX_A", at=("VP1", "VP5"), boxes={"VP1": "F1", "VP5": "F5"})

    stage.run()

    assert stage.sent(number) == []
    assert stage.rows("SELECT reason FROM rejected_row WHERE subscription_number = %s", number) == [
        ("UNKNOWN_DISTRIBUTOR",)
    ]


def a_served_subscriber_with_bundle_a(stage: Stage) -> str:
    number = stage.subscriber("FLEX_A")
    stage.run()
    stage.forget_sent()
    return number
