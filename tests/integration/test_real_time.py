"""The real-time lane on real parts: what is committed in the CRM reaches Tucano, once, in order, whatever dies."""

from __future__ import annotations

import psycopg
import pytest

from provisioner.adapters import actions, sql
from provisioner.core.errors import ConfigurationError
from provisioner.steps import dispatch, release_removals
from tests.integration.lane_at_work import customer_of, eventually, inbox, is_done, last_error, running
from tests.integration.stage import Stage


def test_an_action_reaches_tucano_as_it_is_committed(stage: Stage) -> None:
    with running(stage):
        number = stage.subscriber("GEOLOGICAL")
        eventually(is_done(stage, number), "the action was done")

    assert stage.sent(number) == [
        "CREATE_ACCOUNT",
        f"ADD_MATERIAL(VP1, BOX-{number})",
        "ACTIVATE_OPTIONS(VP1, [GEOLOGICAL])",
    ]


def test_a_draft_is_done_and_nothing_is_sent(stage: Stage) -> None:
    with running(stage):
        number = stage.subscriber("GEOLOGICAL", draft=True)
        eventually(is_done(stage, number), "the draft was done")

    assert stage.sent(number) == []


def test_without_a_notify_it_looks_each_second_and_says_so(stage: Stage) -> None:
    stage.crm.execute("ALTER TABLE crm.subscription_actions DISABLE TRIGGER notify_actions")
    try:
        with running(stage):
            for _ in range(4):
                number = stage.subscriber("GEOLOGICAL")
                eventually(is_done(stage, number), "the action was found by looking")
            eventually(
                lambda: stage.rows("SELECT mode FROM real_time_lane") == [("POLL",)], "it said that it polls"
            )
    finally:
        stage.crm.execute("ALTER TABLE crm.subscription_actions ENABLE TRIGGER notify_actions")


def test_a_transaction_that_stays_open_is_not_skipped(stage: Stage) -> None:
    with running(stage), psycopg.connect(stage.crm_dsn) as slow:
        late = stage.subscriber("GEOLOGICAL", through=slow)
        later = stage.subscriber("GEOLOGICAL")
        eventually(is_done(stage, later), "the one with the higher id was done")
        assert inbox(stage, late) == []
        slow.commit()
        eventually(is_done(stage, late), "the one that was committed late was done")

    assert stage.holds(late)["exists"]


def test_a_transaction_open_over_a_restart_of_the_lane_is_not_skipped(stage: Stage) -> None:
    with psycopg.connect(stage.crm_dsn) as slow:
        with running(stage):
            late = stage.subscriber("GEOLOGICAL", through=slow)
            later = stage.subscriber("GEOLOGICAL")
            eventually(is_done(stage, later), "the one with the higher id was done")
        slow.commit()
    with running(stage):
        eventually(is_done(stage, late), "the next lane found the one that was committed between the two")


def test_a_feed_without_transaction_ids_is_read_again_over_the_overlap(stage: Stage, monkeypatch) -> None:
    # An operator's own statement: his CRM keeps no transaction ids.
    plain = (
        "SELECT action_id, transaction_reference, NULL::text AS transaction_id, behaviour, classification, "
        "subscription_number, performed_by, performed_at, state, related_subscription_number "
        "FROM crm.subscription_actions WHERE action_id > %(after)s ORDER BY action_id LIMIT %(limit)s"
    )
    shipped = sql.statement
    monkeypatch.setattr(sql, "statement", lambda name: plain if name == actions.FEED else shipped(name))
    with running(stage), psycopg.connect(stage.crm_dsn) as slow:
        late = stage.subscriber("GEOLOGICAL", through=slow)
        later = stage.subscriber("GEOLOGICAL")
        eventually(is_done(stage, later), "the one with the higher id was done")
        slow.commit()
        eventually(is_done(stage, late), "the one that was committed late was done")


def test_a_feed_that_breaks_its_contract_is_named_and_nothing_is_sent(stage: Stage, monkeypatch) -> None:
    shipped = sql.statement
    monkeypatch.setattr(
        sql,
        "statement",
        lambda name: "SELECT 1 AS action_id LIMIT %(limit)s" if name == actions.FEED else shipped(name),
    )
    with running(stage):
        eventually(
            lambda: "read_actions.sql breaks" in last_error(stage),
            "the page could say what is wrong",
        )


def test_waiting_actions_of_one_account_become_one_plan(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL")
    for code in ("RELIGION", "ENTERTAIN"):
        stage.act("ADD_SERVICE", number, services=[{"code": code, "distributors": ["VP1"]}])
    stage.act("REMOVESERVICE", number, services=["RELIGION"])

    with running(stage):
        eventually(is_done(stage, number), "all four actions were done")

    assert stage.sent(number) == [
        "CREATE_ACCOUNT",
        f"ADD_MATERIAL(VP1, BOX-{number})",
        "ACTIVATE_OPTIONS(VP1, [ENTERTAIN, GEOLOGICAL])",
    ]


def test_a_poison_action_parks_itself_and_blocks_nobody(stage: Stage) -> None:
    # A feed of another CRM may name what its extract does not have.
    stage.crm.execute(
        "ALTER TABLE crm.subscription_actions DROP CONSTRAINT IF EXISTS subscription_actions_subscription_number_fkey"
    )
    stage.crm.execute(
        "INSERT INTO crm.subscription_actions (behaviour, classification, subscription_number, performed_by, "
        "performed_at) VALUES ('ADD_SERVICE', 'ADD_SERVICE', 'S-NOBODY', 'tester', now()), "
        "('ADD_SERVICE', 'ADD_SERVICE', 'no number', 'tester', now())"
    )
    broken = stage.subscriber("GEOLOGICAL", at=("VP5",))
    number = stage.subscriber("GEOLOGICAL")

    with running(stage):
        eventually(is_done(stage, number), "the action behind them was done")
        eventually(
            lambda: all(inbox(stage, one)[0][0] == "PARKED" for one in ("S-NOBODY", "no number", broken)),
            "all three were parked",
        )

    assert "not in the CRM's extract" in (inbox(stage, "S-NOBODY")[0][1] or "")
    assert "no subscription number" in (inbox(stage, "no number")[0][1] or "")
    assert "VP5" in (inbox(stage, broken)[0][1] or "")


def test_what_tucano_refuses_is_parked_with_its_answer_until_the_next_action(stage: Stage) -> None:
    stage.platform.set_faults(
        {"kind": "reject", "error_code": "UNKNOWN_OPTION", "commands": ["ACTIVATE_OPTIONS"]}
    )
    with running(stage):
        number = stage.subscriber("GEOLOGICAL")
        eventually(lambda: [one for one, _ in inbox(stage, number)] == ["PARKED"], "it was parked")
        assert "UNKNOWN_OPTION" in (inbox(stage, number)[0][1] or "")
        stage.platform.clear_faults()
        stage.act("ADD_SERVICE", number, services=[{"code": "RELIGION", "distributors": ["VP1"]}])
        eventually(is_done(stage, number), "the next action settled it")

    assert stage.holds(number)["options"] == ["VP1:GEOLOGICAL", "VP1:RELIGION"]


def test_what_was_parked_is_settled_by_the_night_that_brings_its_account_in_step(stage: Stage) -> None:
    stage.platform.set_faults(
        {"kind": "reject", "error_code": "UNKNOWN_OPTION", "commands": ["ACTIVATE_OPTIONS"]}
    )
    with running(stage):
        number = stage.subscriber("GEOLOGICAL")
        eventually(lambda: [one for one, _ in inbox(stage, number)] == ["PARKED"], "it was parked")
    stage.run()
    assert inbox(stage, number)[0][0] == "PARKED", "Tucano still refuses it"
    stage.platform.clear_faults()

    stage.run()

    ((state, reason),) = inbox(stage, number)
    assert (state, stage.ending(number)) == ("DONE", ("COMPLETED", None))
    assert "settled by batch" in (reason or "") and "UNKNOWN_OPTION" in (reason or "")


def test_while_tucano_is_down_actions_wait_and_are_drained_in_order_when_it_is_back(stage: Stage) -> None:
    stage.platform.set_faults({"kind": "refuse"})
    with running(stage):
        numbers = [stage.subscriber("GEOLOGICAL") for _ in range(5)]
        eventually(
            lambda: (
                "cannot be reached"
                in ((stage.rows("SELECT last_error FROM real_time_lane") or [("",)])[0][0] or "")
            ),
            "the lane said that Tucano is down",
        )
        assert [inbox(stage, number)[0][0] for number in numbers] == ["WAITING"] * 5
        assert stage.sent() == []
        stage.platform.clear_faults()
        eventually(is_done(stage, *numbers), "all were done")
        eventually(
            lambda: stage.rows("SELECT last_error FROM real_time_lane") == [(None,)],
            "it said that all is well",
        )

    created = [one["account"] for one in stage.ledger() if one["command"] == "CREATE_ACCOUNT"]
    assert created[0] == numbers[0] and set(created) == set(numbers)


def test_a_box_moves_from_one_account_to_another_by_one_action(stage: Stage) -> None:
    with running(stage):
        old = stage.subscriber("GEOLOGICAL")
        new = stage.subscriber("GEOLOGICAL", boxes={}, account=None, account_number=customer_of(stage, old))
        eventually(is_done(stage, old, new), "both are there")
        stage.forget_sent()
        stage.act(
            "MOVEINSTITEMTOANOTHERSUBSCRIPTION",
            old,
            items=[{"serial_number": f"BOX-{old}"}],
            to_subscription_number=new,
        )
        eventually(is_done(stage, old), "the move was done")

    assert stage.sent() == [f"REMOVE_MATERIAL(VP1, BOX-{old})", f"ADD_MATERIAL(VP1, BOX-{old})"]


def test_removals_beyond_the_hours_gate_are_held_and_activations_go_on(empty_stage: Stage) -> None:
    stage = empty_stage
    stage.set(removals_count=2, removals_share=0)
    with running(stage):
        numbers = [stage.subscriber("GEOLOGICAL") for _ in range(4)]
        eventually(is_done(stage, *numbers), "all are there")
        for number in numbers:
            stage.act("DEACTIVATE_SUBSCRIPTION", number)
            eventually(is_done(stage, number), "it was judged")
        extra = stage.subscriber("RELIGION")
        eventually(is_done(stage, extra), "what gives goes on")

    assert [stage.holds(number)["options"] for number in numbers] == [
        [],
        [],
        ["VP1:GEOLOGICAL"],
        ["VP1:GEOLOGICAL"],
    ]
    assert stage.rows("SELECT account, removals FROM held_removal ORDER BY account") == [
        (number, ["option VP1:GEOLOGICAL"]) for number in numbers[2:]
    ]
    assert stage.holds(extra)["options"] == ["VP1:RELIGION"]


def test_what_a_night_holds_the_lane_does_not_take_and_gives_what_is_new(empty_stage: Stage) -> None:
    stage = empty_stage
    number = stage.subscriber("GEOLOGICAL", "NEWS")
    stage.run()
    stage.act("STOPSERVICE", number, services=["NEWS"])
    stage.set(removals_count=0, removals_share=0)
    stage.run()
    held = stage.rows("SELECT removals FROM held_removal WHERE replaced_by IS NULL")
    # Of the lane's own hour nothing is used yet.
    stage.set(removals_count=50)

    with running(stage):
        stage.act("ADD_SERVICE", number, services=[{"code": "KIDS", "distributors": ["VP1"]}])
        eventually(is_done(stage, number), "its actions were done")

    assert held == [(["option VP1:NEWS"],)]
    assert stage.holds(number)["options"] == ["VP1:GEOLOGICAL", "VP1:KIDS", "VP1:NEWS"]
    assert stage.rows("SELECT removals FROM held_removal WHERE replaced_by IS NULL") == held


def test_what_a_night_holds_for_a_new_provider_version_the_lane_neither_gives_nor_takes(
    empty_stage: Stage,
) -> None:
    stage = empty_stage
    stage.set(provider_change_share=0.05)
    number, other = (stage.subscriber("GEOLOGICAL", "ENTERTAIN") for _ in range(2))
    stage.run()
    stage.provider["services"]["ENTERTAIN"] = {"option": "ENTERTAIN_HD"}
    stage.run()
    stage.forget_sent()

    with running(stage):
        stage.act("ADD_SERVICE", number, services=[{"code": "KIDS", "distributors": ["VP1"]}])
        eventually(is_done(stage, number), "its actions were done")

    assert stage.sent() == ["ACTIVATE_OPTIONS(VP1, [KIDS])"]
    assert stage.holds(number)["options"] == ["VP1:ENTERTAIN", "VP1:GEOLOGICAL", "VP1:KIDS"]
    assert "ENTERTAIN_HD (whole plan held)" in (stage.ending(number)[1] or "")
    shown = release_removals.show(stage.connections, {})
    released = release_removals.release(
        stage.connections, stage.next_run(), shown, decided_by="nora", provider_file=stage.provider_file
    )
    for chunk in release_removals.chunks_of(stage.connections, released["batch_id"]):
        dispatch.run(stage.connections, released["batch_id"], chunk.chunk_number)
    assert stage.holds(number)["options"] == ["VP1:ENTERTAIN_HD", "VP1:GEOLOGICAL", "VP1:KIDS"]
    assert stage.holds(other)["options"] == ["VP1:ENTERTAIN_HD", "VP1:GEOLOGICAL"]


def test_what_the_lane_held_is_released_by_a_person(empty_stage: Stage) -> None:
    stage = empty_stage
    stage.set(removals_count=0, removals_share=0)
    with running(stage):
        number = stage.subscriber("GEOLOGICAL")
        eventually(is_done(stage, number), "it is there")
        stage.act("DEACTIVATE_SUBSCRIPTION", number)
        eventually(is_done(stage, number), "it was held")
        assert stage.holds(number)["options"] == ["VP1:GEOLOGICAL"]

    shown = release_removals.show(stage.connections, {})
    released = release_removals.release(
        stage.connections, stage.next_run(), shown, decided_by="tester", provider_file=stage.write_provider()
    )
    for chunk in release_removals.chunks_of(stage.connections, released["batch_id"]):
        dispatch.run(stage.connections, released["batch_id"], chunk.chunk_number)

    assert stage.holds(number)["options"] == []


def test_who_comes_back_is_held_no_longer(empty_stage: Stage) -> None:
    stage = empty_stage
    stage.set(removals_count=0, removals_share=0)
    with running(stage):
        number = stage.subscriber("GEOLOGICAL")
        eventually(is_done(stage, number), "it is there")
        stage.act("DEACTIVATE_SUBSCRIPTION", number)
        eventually(is_done(stage, number), "it was held")
        stage.act("ACTIVATESUBSCRIPTION", number)
        eventually(is_done(stage, number), "it came back")

    assert stage.rows("SELECT count(*) FROM held_removal WHERE replaced_by IS NULL") == [(0,)]
    with pytest.raises(ConfigurationError, match="nothing to release"):
        release_removals.show(stage.connections, {})


def test_its_end_gives_back_what_it_had_in_hand(stage: Stage) -> None:
    stage.platform.set_faults({"kind": "slow", "delay_ms": 2000})
    with running(stage) as lane:
        number = stage.subscriber("GEOLOGICAL")
        eventually(lambda: stage.sent(number) != [], "it was being sent")
        result = lane.end("the DAG was paused")
        assert result["ended"] == "the DAG was paused"
    stage.platform.clear_faults()

    with running(stage):
        eventually(is_done(stage, number), "the next lane finished it")

    assert sum(entry["applied"] for entry in stage.ledger(number)) == 3
    assert stage.rows("SELECT ended_at IS NOT NULL, last_error FROM real_time_lane") == [(True, None)]
