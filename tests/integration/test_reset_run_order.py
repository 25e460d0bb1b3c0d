"""Decision 5 through the whole run: the order of commands, and what waits for the success of what."""

from __future__ import annotations

from provisioner.steps import dispatch
from tests.integration.stage import Stage


def a_served(stage: Stage, *services: str, **changed: object) -> str:
    number = stage.subscriber(*services, **changed)  # type: ignore[arg-type]
    stage.run()
    stage.forget_sent()
    return number


def swap(stage: Stage, number: str, old: str, new: str) -> None:
    stage.act("SWAPSERVICE", number, **{"from": old, "to": {"code": new}})


def swap_box(stage: Stage, number: str, old: str, new: str) -> None:
    stage.act("SWAP_INSTALLED_ITEM", number, pairs=[{"from": old, "to": {"serial_number": new}}])


def test_decision_5_a_new_box_and_a_new_channel_come_before_the_old_ones_go(stage: Stage) -> None:
    number = a_served(stage, "NEWS", boxes={"VP1": "OLD-1"})
    swap(stage, number, "NEWS", "KIDS")
    swap_box(stage, number, "OLD-1", "NEW-1")

    stage.run()

    assert stage.sent(number) == [
        "ADD_MATERIAL(VP1, NEW-1)",
        "ACTIVATE_OPTIONS(VP1, [KIDS])",
        "SUSPEND_OPTIONS(VP1, [NEWS])",
        "REMOVE_MATERIAL(VP1, OLD-1)",
    ]


def test_decision_5_suspend_first_turns_the_options_round(stage: Stage) -> None:
    number = a_served(stage, "NEWS", boxes={})
    swap(stage, number, "NEWS", "KIDS")
    stage.set(swap_order="suspend_first")

    stage.run()

    assert stage.sent(number) == ["SUSPEND_OPTIONS(VP1, [NEWS])", "ACTIVATE_OPTIONS(VP1, [KIDS])"]


def test_decision_5_a_box_that_changes_distributor_leaves_its_place_right_before_it_enters_the_new_one(
    stage: Stage,
) -> None:
    number = a_served(stage, "NEWS", boxes={"VP1": "MOVING-1", "VP3": "STAYING-1"})
    stage.act(
        "CHANGESUBSCRIPTIONDISTRIBUTION", number, items=[{"serial_number": "MOVING-1", "distributor": "VP2"}]
    )
    swap(stage, number, "NEWS", "KIDS")

    stage.run()

    assert stage.sent(number) == [
        "REMOVE_MATERIAL(VP1, MOVING-1)",
        "ADD_MATERIAL(VP2, MOVING-1)",
        "ACTIVATE_OPTIONS(VP1, [KIDS])",
        "SUSPEND_OPTIONS(VP1, [NEWS])",
    ]


def test_decision_5_a_full_distributor_gives_up_the_old_box_right_before_it_takes_the_new_one(
    stage: Stage,
) -> None:
    number = a_served(stage, "NEWS", boxes={"VP1": "A-1", "VP2": "B-OLD"})
    swap_box(stage, number, "B-OLD", "B-NEW")
    swap_box(stage, number, "A-1", "A-2")

    stage.run()

    assert stage.sent(number) == [
        "ADD_MATERIAL(VP1, A-2)",
        "REMOVE_MATERIAL(VP2, B-OLD)",
        "ADD_MATERIAL(VP2, B-NEW)",
        "REMOVE_MATERIAL(VP1, A-1)",
    ]


def a_customer_with_two_subscriptions(stage: Stage, box: str) -> tuple[str, str]:
    first = stage.subscriber("NEWS", boxes={"VP1": box})
    ((account,),) = stage.crm.execute(
        "SELECT account_number FROM crm.subscriptions WHERE subscription_number = %s", (first,)
    ).fetchall()
    second = stage.subscriber("KIDS", boxes={}, account_number=account, account=None)
    stage.run()
    stage.forget_sent()
    return first, second


def move_box(stage: Stage, box: str, old: str, new: str) -> None:
    stage.act(
        "MOVEINSTITEMTOANOTHERSUBSCRIPTION",
        old,
        items=[{"serial_number": box, "distributor": "VP1"}],
        to_subscription_number=new,
    )


def test_decision_5_a_box_that_moves_between_accounts_leaves_the_old_one_first(stage: Stage) -> None:
    first, second = a_customer_with_two_subscriptions(stage, "WANDERER")
    move_box(stage, "WANDERER", first, second)
    stage.run()
    there = [(entry["account"], entry["command"], entry["body"]["status"]) for entry in stage.ledger()]
    stage.forget_sent()
    move_box(stage, "WANDERER", second, first)

    stage.run()
    back = [(entry["account"], entry["command"], entry["body"]["status"]) for entry in stage.ledger()]

    assert there == [(first, "REMOVE_MATERIAL", "ACCEPTED"), (second, "ADD_MATERIAL", "ACCEPTED")]
    assert back == [(second, "REMOVE_MATERIAL", "ACCEPTED"), (first, "ADD_MATERIAL", "ACCEPTED")]


def test_decision_5_two_accounts_may_exchange_their_boxes(stage: Stage) -> None:
    first, second = a_customer_with_two_subscriptions(stage, "EXCHANGED-1")
    stage.act(
        "ADD_INSTALLED_ITEM",
        second,
        items=[{"serial_number": "EXCHANGED-2", "type": "STB_HD", "distributor": "VP1"}],
    )
    stage.run()
    move_box(stage, "EXCHANGED-1", first, second)
    move_box(stage, "EXCHANGED-2", second, first)

    stage.run()

    assert stage.holds(first)["boxes"] == ["VP1:EXCHANGED-2"]
    assert stage.holds(second)["boxes"] == ["VP1:EXCHANGED-1"]


def test_decision_5_a_box_leaves_first_also_when_both_accounts_are_of_different_chunks(stage: Stage) -> None:
    first, second = a_customer_with_two_subscriptions(stage, "CHUNKED")
    move_box(stage, "CHUNKED", first, second)
    stage.set(fan_out_limit=1, chunk_size=1)

    stage.run()

    assert [(entry["account"], entry["command"]) for entry in stage.ledger()] == [
        (first, "REMOVE_MATERIAL"),
        (second, "ADD_MATERIAL"),
    ]


def test_decision_5_a_box_whose_holder_somebody_is_busy_with_waits_for_him(stage: Stage) -> None:
    first, second = a_customer_with_two_subscriptions(stage, "BUSY-1")
    move_box(stage, "BUSY-1", first, second)
    stage.set(fan_out_limit=1)
    batch_id, _ = stage.guarded()
    stage.db.execute(
        "INSERT INTO claim VALUES (%s, 'somebody', nextval('claim_token'), clock_timestamp() + interval '2 s')",
        (first,),
    )

    dispatch.run(stage.connections, batch_id, 0)

    assert [(entry["account"], entry["command"], entry["body"]["status"]) for entry in stage.ledger()] == [
        (first, "REMOVE_MATERIAL", "ACCEPTED"),
        (second, "ADD_MATERIAL", "ACCEPTED"),
    ]


def test_decision_5_a_rejected_create_account_parks_the_rest_of_its_plan(stage: Stage) -> None:
    number = stage.subscriber("NEWS", at=("VP1", "VP2"))
    stage.platform.set_faults({"kind": "reject", "commands": ["CREATE_ACCOUNT"], "accounts": [number]})

    stage.run()

    assert stage.sent(number) == ["CREATE_ACCOUNT"]
    assert stage.log(number) == [
        ("CREATE_ACCOUNT", "REJECTED", "INVALID_REQUEST"),
        ("ADD_MATERIAL", "REJECTED", "EARLIER_REQUEST_REJECTED"),
        ("ACTIVATE_OPTIONS", "REJECTED", "EARLIER_REQUEST_REJECTED"),
        ("ACTIVATE_OPTIONS", "REJECTED", "EARLIER_REQUEST_REJECTED"),
    ]


def test_decision_5_a_rejected_box_parks_that_box_and_not_the_channels(stage: Stage) -> None:
    number = stage.subscriber("NEWS")
    stage.platform.set_faults({"kind": "reject", "commands": ["ADD_MATERIAL"], "accounts": [number]})

    stage.run()

    assert stage.holds(number) == {"exists": True, "options": ["VP1:NEWS"], "boxes": []}
    assert stage.ending(number)[0] == "REJECTED"


def test_decision_5_a_rejected_activation_leaves_the_old_channels_of_its_distributor_on(stage: Stage) -> None:
    number = a_served(stage, "NEWS", at=("VP1", "VP2"), boxes={})
    swap(stage, number, "NEWS", "KIDS")
    stage.platform.set_faults({"kind": "reject", "options": ["KIDS"], "accounts": [number], "count": 1})

    stage.run()

    assert stage.sent(number) == [
        "ACTIVATE_OPTIONS(VP1, [KIDS])",
        "ACTIVATE_OPTIONS(VP2, [KIDS])",
        "SUSPEND_OPTIONS(VP2, [NEWS])",
    ]
    assert stage.holds(number)["options"] == ["VP1:NEWS", "VP2:KIDS"]
    assert ("SUSPEND_OPTIONS", "REJECTED", "EARLIER_REQUEST_REJECTED") in stage.log(number)


def test_decision_5_the_next_run_tries_again_what_was_rejected(stage: Stage) -> None:
    number = stage.subscriber("NEWS")
    stage.platform.set_faults(
        {"kind": "reject", "commands": ["ADD_MATERIAL"], "accounts": [number], "count": 1}
    )
    stage.run()
    stage.forget_sent()

    stage.run()

    assert stage.sent(number) == [f"ADD_MATERIAL(VP1, BOX-{number})"]
    assert stage.holds(number)["boxes"] == [f"VP1:BOX-{number}"]
