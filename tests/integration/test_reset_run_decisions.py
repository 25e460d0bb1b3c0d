"""Decisions 1 to 4, 6, 7 and 14 through the whole run: what is wanted of an account, and what is never sent."""

from __future__ import annotations

from tests.integration.stage import Stage

NOTHING = {"exists": False, "options": [], "boxes": []}


def a_served(stage: Stage, *services: str, **changed: object) -> str:
    number = stage.subscriber(*services, **changed)  # type: ignore[arg-type]
    stage.run()
    stage.forget_sent()
    return number


def in_one_account(stage: Stage, account: str, *numbers: str) -> None:
    stage.crm.execute(
        "UPDATE crm.subscriptions SET provisioning_account = %s WHERE subscription_number = ANY(%s)",
        (account, list(numbers)),
    )


def test_decision_1_the_account_is_the_subscription_number_by_default(stage: Stage) -> None:
    number = stage.subscriber("NEWS")

    stage.run()

    assert {entry["account"] for entry in stage.ledger()} == {number}


def test_decision_1_several_subscriptions_of_an_account_are_merged_by_union(stage: Stage) -> None:
    first = stage.subscriber("NEWS", "KIDS", boxes={"VP1": "UNION-1"})
    second = stage.subscriber("NEWS", "SPORT", at=("VP1", "VP2"), boxes={"VP2": "UNION-2"})
    in_one_account(stage, "C-UNION", first, second)

    stage.run()

    assert stage.sent("C-UNION") == [
        "CREATE_ACCOUNT",
        "ADD_MATERIAL(VP1, UNION-1)",
        "ADD_MATERIAL(VP2, UNION-2)",
        "ACTIVATE_OPTIONS(VP1, [KIDS, NEWS, SPORT_CHANNELS])",
        "ACTIVATE_OPTIONS(VP2, [NEWS, SPORT_CHANNELS])",
    ]


def test_decision_1_what_one_subscription_gives_up_stays_while_another_of_the_account_wants_it(
    stage: Stage,
) -> None:
    staying, leaving = stage.subscriber("NEWS", boxes={}), stage.subscriber("NEWS", "KIDS", boxes={})
    in_one_account(stage, "C-SHARED", staying, leaving)
    stage.run()
    stage.forget_sent()
    stage.act("TERMINATE_SUBSCRIPTION", leaving)

    stage.run()

    assert stage.sent("C-SHARED") == ["SUSPEND_OPTIONS(VP1, [KIDS])"]


def test_decision_1_a_rejected_subscription_withholds_the_removals_of_the_account_it_shares(
    stage: Stage,
) -> None:
    whole, broken = stage.subscriber("NEWS", boxes={}), stage.subscriber("KIDS", boxes={})
    in_one_account(stage, "C-BROKEN", whole, broken)
    stage.run()
    stage.forget_sent()
    stage.act("SWAPSERVICE", whole, **{"from": "NEWS", "to": {"code": "MUSIC"}})
    stage.act("CHANGESUBSCRIPTIONDISTRIBUTION", broken, services=[{"code": "KIDS", "distributors": ["VP5"]}])

    stage.run()

    assert stage.sent("C-BROKEN") == ["ACTIVATE_OPTIONS(VP1, [MUSIC])"]
    assert stage.rows(
        "SELECT removals FROM batch_item WHERE account = 'C-BROKEN' ORDER BY batch_id DESC LIMIT 1"
    ) == [([],)], "the plan that people and the guard see takes nothing away either"


def test_decision_2_known_state_is_what_tucano_acknowledged_and_only_that(stage: Stage) -> None:
    number = stage.subscriber("FLEX_A", "KIDS")
    stage.platform.set_faults({"kind": "reject", "commands": ["ADD_MATERIAL"], "accounts": [number]})

    stage.run()

    assert stage.known(number) == stage.holds(number)
    assert stage.known(number)["boxes"] == []


def test_decision_2_no_other_command_than_the_five_is_ever_sent(stage: Stage) -> None:
    number = a_served(stage, "FLEX_A")
    stage.act("SWAPSERVICE", number, **{"from": "FLEX_A", "to": {"code": "FLEX_B"}})
    stage.run()
    stage.act("TERMINATE_SUBSCRIPTION", number)
    stage.run()

    assert {entry["command"] for entry in stage.platform.ledger()} == {
        *("CREATE_ACCOUNT", "ACTIVATE_OPTIONS", "SUSPEND_OPTIONS", "ADD_MATERIAL", "REMOVE_MATERIAL")
    }


def test_decision_3_an_option_dropped_from_one_distributor_stays_active_on_the_other(stage: Stage) -> None:
    number = a_served(stage, "NEWS", at=("VP1", "VP2"), boxes={})
    stage.act("CHANGESUBSCRIPTIONDISTRIBUTION", number, services=[{"code": "NEWS", "distributors": ["VP1"]}])

    stage.run()

    assert stage.sent(number) == ["SUSPEND_OPTIONS(VP2, [NEWS])"]
    assert stage.holds(number)["options"] == ["VP1:NEWS"]


def test_decision_3_two_services_of_one_option_keep_it_until_both_are_inactive(stage: Stage) -> None:
    number = a_served(stage, "SPORT", "SPORT_LITE", "NEWS")
    stage.act("STOPSERVICE", number, services=["SPORT"])
    stage.run()
    after_the_first = stage.sent(number)
    stage.act("STOPSERVICE", number, services=["SPORT_LITE"])

    stage.run()

    assert after_the_first == []
    assert stage.sent(number) == ["SUSPEND_OPTIONS(VP1, [SPORT_CHANNELS])"]


def test_decision_4_what_stays_is_not_touched(stage: Stage) -> None:
    number = a_served(stage, "FLEX_A")
    stage.act("SWAPSERVICE", number, **{"from": "FLEX_A", "to": {"code": "FLEX_B"}})

    stage.run()

    assert not [entry for entry in stage.ledger(number) if "GEOLOGICAL" in entry["parameters"]["options"]]


def test_decision_6_an_inactive_subscription_keeps_its_boxes_and_loses_its_options(stage: Stage) -> None:
    number = a_served(stage, "NEWS")
    stage.act("DEACTIVATE_SUBSCRIPTION", number)

    stage.run()

    assert stage.sent(number) == ["SUSPEND_OPTIONS(VP1, [NEWS])"]
    assert stage.holds(number)["boxes"] == [f"VP1:BOX-{number}"]


def test_decision_6_a_box_that_left_while_inactive_is_removed_and_a_new_one_is_not_added(
    stage: Stage,
) -> None:
    number = a_served(stage, "NEWS")
    stage.act("RESTSUBSCRIPTION", number)
    stage.act(
        "SWAP_INSTALLED_ITEM",
        number,
        pairs=[{"from": f"BOX-{number}", "to": {"serial_number": f"N-{number}"}}],
    )

    stage.run()

    assert stage.sent(number) == ["SUSPEND_OPTIONS(VP1, [NEWS])", f"REMOVE_MATERIAL(VP1, BOX-{number})"]


def test_decision_6_boxes_go_on_deactivation_where_the_operator_says_so(stage: Stage) -> None:
    number = a_served(stage, "NEWS")
    stage.act("DEACTIVATE_SUBSCRIPTION", number)
    stage.set(remove_material_on_deactivation=True)

    stage.run()

    assert stage.sent(number) == ["SUSPEND_OPTIONS(VP1, [NEWS])", f"REMOVE_MATERIAL(VP1, BOX-{number})"]


def test_decision_6_an_ended_subscription_loses_everything_but_the_account(stage: Stage) -> None:
    number = a_served(stage, "NEWS")
    stage.act("TERMINATE_SUBSCRIPTION", number, keep_items=True)

    stage.run()

    assert stage.sent(number) == ["SUSPEND_OPTIONS(VP1, [NEWS])", f"REMOVE_MATERIAL(VP1, BOX-{number})"]
    assert stage.holds(number) == NOTHING | {"exists": True}


def test_decision_6_a_draft_never_reaches_tucano_the_first_time(stage: Stage) -> None:
    number = stage.subscriber("NEWS", draft=True)

    stage.run()

    assert stage.sent(number) == []
    assert stage.holds(number) == NOTHING


def test_decision_6_a_draft_of_a_known_account_counts_as_inactive(stage: Stage) -> None:
    number = a_served(stage, "NEWS")
    stage.crm.execute(
        "UPDATE crm.subscriptions SET state = 'PENDING_VERIFICATION' WHERE subscription_number = %s",
        (number,),
    )

    stage.run()

    assert stage.sent(number) == ["SUSPEND_OPTIONS(VP1, [NEWS])"]


def test_decision_7_a_service_is_active_only_while_it_and_its_subscription_are(stage: Stage) -> None:
    number = stage.subscriber("NEWS", "KIDS", boxes={})
    stage.act("STOPSERVICE", number, services=["KIDS"])

    stage.run()

    assert stage.holds(number)["options"] == ["VP1:NEWS"]


def test_decision_7_usage_is_provisioned_and_one_time_and_expense_never(stage: Stage) -> None:
    number = stage.subscriber("NEWS", "INSTALLATION", "PAPER_INVOICE", boxes={})
    stage.act("ADD_SERVICE_USAGE", number, service="PPV_CONCERT", distributors=["VP1"])

    stage.run()

    assert stage.holds(number)["options"] == ["VP1:NEWS", "VP1:PPV_CONCERT"]


def test_decision_7_grace_changes_nothing_until_it_ends(stage: Stage) -> None:
    number = a_served(stage, "NEWS")
    stage.act("EXTEND_GRACE_PERIOD", number, until="2099-01-01")
    stage.run()
    during = stage.sent(number)
    stage.crm.execute("SELECT crm.run_maintenance('2099-01-02')")

    stage.run()

    assert during == []
    assert stage.sent(number) == ["SUSPEND_OPTIONS(VP1, [NEWS])"]


def test_decision_14_a_broken_rule_is_a_rejected_row_that_names_it_and_nothing_is_sent(stage: Stage) -> None:
    number = stage.subscriber("NEWS", at=("VP2",), boxes={})
    stage.provider["distributors"]["VP2"] |= {"minimum_devices": 1}

    stage.run()

    assert stage.sent(number) == []
    ((reason, explanation),) = stage.rows(
        "SELECT reason, explanation FROM rejected_row WHERE subscription_number = %s", number
    )
    assert reason == "TOO_FEW_DEVICES"
    assert "'VP2'" in explanation and "minimum_devices is 1" in explanation


def test_decision_14_a_subscription_that_comes_to_break_a_rule_keeps_what_it_has(stage: Stage) -> None:
    number = a_served(stage, "NEWS", "KIDS", at=("VP3",), boxes={})
    stage.act("STOPSERVICE", number, services=["KIDS"])
    stage.provider["distributors"]["VP3"] |= {"services": ["KIDS"]}

    stage.run()

    assert stage.sent(number) == []
    assert stage.holds(number)["options"] == ["VP3:KIDS", "VP3:NEWS"]
