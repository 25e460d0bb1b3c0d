"""How a night ends: the counts it returns, the paragraph it writes, and when it is red though every step ran."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from provisioner.adapters import batches
from provisioner.core.errors import ConfigurationError, SourceError
from provisioner.steps import close_batch, dispatch, extract, reset_run
from provisioner.steps.close_batch import RunFailed
from tests.integration.stage import Stage


def last_batch(stage: Stage) -> dict[str, Any]:
    ((stage_name, counts, summary),) = stage.rows(
        "SELECT stage, counts, summary FROM batch ORDER BY batch_id DESC LIMIT 1"
    )
    return {"stage": stage_name, "counts": counts, "summary": summary}


def test_the_counts_are_those_of_the_platforms_ledger(empty_stage: Stage) -> None:
    stage = empty_stage
    served = stage.subscriber("FLEX_A")
    refused = stage.subscriber("NEWS")
    stage.subscriber("KIDS", at=("VP5",))
    stage.platform.set_faults({"kind": "reject", "commands": ["ADD_MATERIAL"], "accounts": [refused]})

    counts = stage.run()

    verdicts = [entry["body"]["status"] for entry in stage.ledger() if entry["account"] in (served, refused)]
    assert counts["requests_completed"] == verdicts.count("ACCEPTED") == 5
    assert counts["requests_rejected"] == verdicts.count("REJECTED") == 1
    assert (counts["subscriptions"], counts["out_of_sync_before"], counts["out_of_sync_after"]) == (3, 2, 1)
    assert counts["rows_rejected"] == 1
    assert counts.items() <= last_batch(stage)["counts"].items()


def test_the_paragraph_says_what_happened_and_what_to_look_at(stage: Stage) -> None:
    number = stage.subscriber("NEWS")
    stage.platform.set_faults({"kind": "reject", "commands": ["ADD_MATERIAL"], "accounts": [number]})
    stage.run()

    summary = last_batch(stage)["summary"]

    assert "1 accounts were out of sync, 1 still are" in summary
    assert "Tucano completed 2 requests and rejected 1" in summary
    assert f"Look at the refusals: INVALID_REQUEST 1x (e.g. {number})" in summary


@pytest.mark.parametrize(("share", "is_red"), [(0.34, False), (0.33, True)])
def test_a_night_is_red_beyond_its_share_of_rejections(
    empty_stage: Stage, share: float, is_red: bool
) -> None:
    number = empty_stage.subscriber("NEWS")
    empty_stage.set(rejections_share=share)
    empty_stage.platform.set_faults({"kind": "reject", "commands": ["ADD_MATERIAL"], "accounts": [number]})

    if is_red:
        with pytest.raises(RunFailed, match="1 of 3 requests were rejected, more than rejections_share 33%"):
            empty_stage.run()
    else:
        empty_stage.run()

    assert last_batch(empty_stage)["stage"] == "CLOSED"


def test_what_is_refused_again_is_told_and_is_no_alarm_unless_it_is_a_share_of_the_base(
    empty_stage: Stage,
) -> None:
    stage = empty_stage
    number = stage.subscriber("NEWS")
    for _ in range(2):
        stage.subscriber("NEWS", boxes={})
    stage.set(rejections_share=0.34)
    stage.platform.set_faults({"kind": "reject", "commands": ["ADD_MATERIAL"], "accounts": [number]})
    stage.run()

    assert stage.run()["rejected_again"] == 1
    assert "rejected 1, 1 of them as before; " in last_batch(stage)["summary"]

    stage.set(rejections_share=0.33)
    with pytest.raises(
        RunFailed, match="1 requests of 3 subscriptions were rejected, more than rejections_share"
    ):
        stage.run()

    # Another refusal of the same request is news.
    stage.set(rejections_share=0.34)
    stage.platform.clear_faults()
    stage.platform.set_faults(
        {
            "kind": "reject",
            "commands": ["ADD_MATERIAL"],
            "accounts": [number],
            "error_code": "MATERIAL_REGISTERED_ELSEWHERE",
        }
    )
    with pytest.raises(RunFailed, match="1 of 1 requests were rejected"):
        stage.run()


def test_a_step_that_failed_makes_the_night_red_and_is_told(stage: Stage) -> None:
    stage.provider["provider"]["state"] = "NOT_EFFECTIVE"

    with pytest.raises(RunFailed, match=r"NOT_EFFECTIVE: nothing is sent; set provider\.state to EFFECTIVE"):
        stage.run()

    assert last_batch(stage)["stage"] == "CLOSED"


def test_a_dispatch_that_failed_makes_the_night_red_until_a_later_attempt_succeeds(
    empty_stage: Stage,
) -> None:
    empty_stage.subscriber("NEWS", boxes={})
    batch_id, (chunk, *_) = empty_stage.guarded()
    close_batch.record_failure(
        empty_stage.connections, batch_id, "dispatch S1", SourceError("the CRM broke off")
    )
    with empty_stage.connections.provisioning() as db:
        batch = batches.read(db, batch_id)
        assert (
            close_batch.problems_of(batch, close_batch.count(db, batch))[0]
            == "dispatch S1: the CRM broke off"
        )

    dispatch.run(empty_stage.connections, batch_id, chunk.chunk_number)
    close_batch.clear_failure(empty_stage.connections, batch_id, "dispatch S1")

    assert close_batch.run(empty_stage.connections, batch_id)["requests_completed"] == 2


def test_accounts_that_nobody_finished_make_the_night_red(empty_stage: Stage) -> None:
    empty_stage.subscriber("NEWS", boxes={})
    batch_id, _ = empty_stage.guarded()

    with pytest.raises(RunFailed, match="1 accounts were not finished: run again"):
        close_batch.run(empty_stage.connections, batch_id)


def test_a_night_that_stopped_half_way_without_a_word_is_red(stage: Stage) -> None:
    batch_id = stage.open()
    extract.run(stage.connections, batch_id)

    with pytest.raises(RunFailed, match="the run stopped after EXTRACTED"):
        close_batch.run(stage.connections, batch_id)


@pytest.mark.parametrize(
    "kind", [ValueError, OSError, psycopg.OperationalError, psycopg.errors.UniqueViolation]
)
def test_an_error_of_a_driver_is_told_by_its_kind_and_not_by_its_text(
    stage: Stage, kind: type[Exception]
) -> None:
    batch_id = stage.open()
    close_batch.record_failure(stage.connections, batch_id, "extract", kind("password=secret"))

    with pytest.raises(RunFailed, match=f"extract: {kind.__name__}") as failed:
        close_batch.run(stage.connections, batch_id)

    assert "secret" not in str(failed.value)


def test_a_dry_run_is_no_failure_though_nothing_was_finished(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})

    counts = stage.run(dry_run=True)

    assert counts["accounts_unfinished"] == 0
    assert "It was a dry run: nothing was sent." in last_batch(stage)["summary"]
    assert stage.sent(number) == []
    stage.run()


def test_a_night_that_was_killed_is_closed_by_the_next_one(stage: Stage) -> None:
    killed = stage.open()

    stage.run()

    ((closed, summary),) = stage.rows("SELECT stage, summary FROM batch WHERE batch_id = %s", killed)
    assert closed == "CLOSED"
    assert "Ended without closing" in summary


def test_a_second_attempt_of_the_same_run_works_on_the_same_batch(stage: Stage) -> None:
    run = stage.next_run()

    first, second = (reset_run.open_batch_of_run(stage.connections, run, {}) for _ in range(2))

    assert first == second


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"allow_removals": True}, "allow_removals_reason is empty"),
        ({"created_from": "2026-02-01", "created_to": "2026-01-01"}, "is not before created_to"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(
    stage: Stage, parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        reset_run.open_batch_of_run(stage.connections, stage.next_run(), parameters)


def test_an_empty_crm_takes_nothing_from_anybody(empty_stage: Stage) -> None:
    numbers = [empty_stage.subscriber("NEWS", boxes={}) for _ in range(3)]
    empty_stage.run()
    empty_stage.forget_sent()
    empty_stage.crm.execute("TRUNCATE crm.subscriptions CASCADE")

    counts = empty_stage.run()

    assert empty_stage.sent() == []
    assert all(empty_stage.holds(number)["options"] == ["VP1:NEWS"] for number in numbers)
    assert counts["accounts_gone"] == 3
    assert "the extract is empty" in last_batch(empty_stage)["summary"]


def test_a_crm_that_lost_some_of_its_rows_may_give_and_not_take(empty_stage: Stage) -> None:
    numbers = [empty_stage.subscriber("NEWS", boxes={}) for _ in range(10)]
    empty_stage.run()
    empty_stage.forget_sent()
    empty_stage.crm.execute(
        "DELETE FROM crm.subscription_services WHERE subscription_number = %s", (numbers[0],)
    )
    empty_stage.crm.execute(
        "DELETE FROM crm.subscription_actions WHERE subscription_number = %s", (numbers[0],)
    )
    empty_stage.crm.execute("DELETE FROM crm.subscriptions WHERE subscription_number = %s", (numbers[0],))
    empty_stage.act("STOPSERVICE", numbers[1], services=["NEWS"])
    empty_stage.act("ADD_SERVICE", numbers[2], services=[{"code": "KIDS", "distributors": ["VP1"]}])

    empty_stage.run()

    assert empty_stage.sent() == ["ACTIVATE_OPTIONS(VP1, [KIDS])"]
    assert "9 accounts against 10 in the last whole extract" in last_batch(empty_stage)["summary"]


def test_a_run_uses_the_provider_file_that_it_recorded_whatever_the_file_says_later(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    batch_id, chunks = stage.guarded()
    Path(stage.provider_file).write_text("broken: [", encoding="utf-8")

    for chunk in chunks:
        dispatch.run(stage.connections, batch_id, chunk.chunk_number)

    assert stage.holds(number)["options"] == ["VP1:NEWS"]
    ((recorded,),) = stage.rows(
        "SELECT v.name FROM batch b JOIN provider_version v ON v.hash = b.provider_hash WHERE batch_id = %s",
        batch_id,
    )
    assert recorded == "Tucano"
