"""Tucano is put back to a backup: every door asks anew for what it acknowledged since, until an answer settles it.

The platform is the real simulator with its own snapshot and restore, and its own state is what is compared.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from demo.launcher.administration import Postgres
from provisioner.core.errors import ConfigurationError
from provisioner.steps import close_batch, detect, dispatch, release_removals, reset_run, reset_subscription
from tests.integration.conftest import Stages
from tests.integration.stage import Stage
from tests.simulator_process import SimulatorProcess


@pytest.fixture(scope="module")
def restored_platform() -> Iterator[SimulatorProcess]:
    """A platform of this module's own, since restoring it takes back everybody's work."""
    with SimulatorProcess() as platform:
        yield platform


@pytest.fixture
def stage(stages: Stages, restored_platform: SimulatorProcess) -> Iterator[Stage]:
    """A stage with empty databases and a platform that may be restored."""
    with stages(restored_platform) as stage:
        yield stage
    restored_platform.clear_faults()


def now(stage: Stage) -> str:
    ((moment,),) = stage.rows("SELECT clock_timestamp()")
    return str(moment.isoformat())


def backup(stage: Stage) -> str:
    """Let Tucano make a backup; return its time."""
    stage.platform.snapshot()
    return now(stage)


def restore(stage: Stage) -> None:
    stage.platform.restore()
    stage.forget_sent()


def summary(stage: Stage) -> str:
    ((said,),) = stage.rows("SELECT summary FROM batch ORDER BY batch_id DESC LIMIT 1")
    return str(said)


def look_at(stage: Stage, number: str, **parameters: object) -> reset_subscription.Look:
    return reset_subscription.look(
        stage.connections,
        stage.next_run(),
        {"subscription_number": number, **parameters},
        provider_file=stage.write_provider(),
    )


@pytest.fixture
def lost(stage: Stage) -> dict[str, str]:
    """Subscribers who changed in every way after the backup that Tucano was put back to, and its time under 'since'."""
    changed = {
        name: stage.subscriber("GEOLOGICAL", "ENTERTAIN")
        for name in ("same", "gained", "suspended", "ended", "swapped")
    }
    stage.run()
    since = backup(stage)
    changed["new"] = stage.subscriber("GEOLOGICAL")
    changed["came and went"] = stage.subscriber("RELIGION")
    stage.act("ADD_SERVICE", changed["gained"], services=[{"code": "RELIGION", "distributors": ["VP1"]}])
    stage.act("REMOVESERVICE", changed["suspended"], services=["ENTERTAIN"])
    stage.act("TERMINATE_SUBSCRIPTION", changed["ended"])
    box = {"serial_number": f"NEW-{changed['swapped']}", "type": "STB_HD", "distributor": "VP1"}
    stage.act(
        "SWAP_INSTALLED_ITEM", changed["swapped"], pairs=[{"from": f"BOX-{changed['swapped']}", "to": box}]
    )
    stage.run()
    stage.act("TERMINATE_SUBSCRIPTION", changed["came and went"])
    stage.run()
    restore(stage)
    return {"since": since, **changed}


def wanted(lost: dict[str, str]) -> dict[str, dict[str, object]]:
    both = ["VP1:ENTERTAIN", "VP1:GEOLOGICAL"]
    return {
        lost["same"]: {"exists": True, "options": both, "boxes": [f"VP1:BOX-{lost['same']}"]},
        lost["gained"]: {
            "exists": True,
            "options": [*both, "VP1:RELIGION"],
            "boxes": [f"VP1:BOX-{lost['gained']}"],
        },
        lost["suspended"]: {
            "exists": True,
            "options": ["VP1:GEOLOGICAL"],
            "boxes": [f"VP1:BOX-{lost['suspended']}"],
        },
        lost["ended"]: {"exists": True, "options": [], "boxes": []},
        lost["swapped"]: {"exists": True, "options": both, "boxes": [f"VP1:NEW-{lost['swapped']}"]},
        lost["new"]: {"exists": True, "options": ["VP1:GEOLOGICAL"], "boxes": [f"VP1:BOX-{lost['new']}"]},
        lost["came and went"]: {"exists": False, "options": [], "boxes": []},
    }


def test_without_distrust_a_run_sees_nothing_of_the_restore(stage: Stage, lost: dict[str, str]) -> None:
    stage.run()

    assert stage.sent() == []
    assert stage.holds(lost["gained"])["options"] == ["VP1:ENTERTAIN", "VP1:GEOLOGICAL"]


def test_a_run_with_distrust_brings_back_what_was_lost_and_takes_away_what_came_back(
    stage: Stage, lost: dict[str, str]
) -> None:
    stage.run(distrust_since=lost["since"])

    assert {number: stage.holds(number) for number in wanted(lost)} == wanted(lost)
    assert {number: stage.known(number) for number in wanted(lost)} == wanted(lost)
    assert stage.sent(lost["same"]) == [], "what is older than the backup is not asked for"
    assert stage.rows("SELECT account FROM distrusted") == []
    assert "6 accounts were distrusted" in summary(stage)
    stage.forget_sent()
    stage.run()
    assert stage.sent() == []


def test_distrust_changes_nothing_where_tucano_lost_nothing(stage: Stage) -> None:
    since = backup(stage)
    number, ended = stage.subscriber("GEOLOGICAL"), stage.subscriber("RELIGION")
    stage.run()
    stage.act("TERMINATE_SUBSCRIPTION", ended)
    stage.run()
    before = stage.holds(number), stage.holds(ended)

    counts = stage.run(distrust_since=since)

    assert counts["requests_rejected"] == 0, "already so is success"
    assert (stage.holds(number), stage.holds(ended)) == before
    assert stage.rows("SELECT account FROM distrusted") == []
    stage.forget_sent()
    stage.run()
    assert stage.sent() == []


def test_a_dry_run_shows_the_plan_and_leaves_no_trace(stage: Stage, lost: dict[str, str]) -> None:
    counts = stage.run(distrust_since=lost["since"], dry_run=True)

    assert counts["out_of_sync_before"] == 6
    ((planned,),) = stage.rows(
        "SELECT planned FROM batch_item WHERE account = %s ORDER BY batch_id DESC LIMIT 1", lost["suspended"]
    )
    assert planned == [{"command": "SUSPEND_OPTIONS", "distributor": "VP1", "options": ["ENTERTAIN"]}]
    assert stage.rows("SELECT account FROM distrust") == []
    assert stage.sent() == []
    stage.run()
    assert stage.sent() == []


def test_a_single_reset_asks_for_what_is_distrusted_too(stage: Stage, lost: dict[str, str]) -> None:
    stage.platform.set_faults({"kind": "reject", "error_code": "INVALID_REQUEST"})
    stage.run(distrust_since=lost["since"])
    stage.platform.clear_faults()
    assert (lost["gained"],) in stage.rows("SELECT account FROM distrusted"), "a refusal settles nothing"

    look = look_at(stage, lost["gained"])
    reset_subscription.send(stage.connections, look.batch_id)

    assert stage.holds(lost["gained"]) == wanted(lost)[lost["gained"]]
    assert (lost["gained"],) not in stage.rows("SELECT account FROM distrusted")
    assert look_at(stage, lost["gained"], dry_run=True).commands == ()


def test_what_one_night_could_not_settle_the_next_one_asks_again(stage: Stage, lost: dict[str, str]) -> None:
    stage.platform.set_faults(
        {"kind": "reject", "error_code": "INVALID_REQUEST", "accounts": [lost["gained"], lost["suspended"]]}
    )
    stage.run(distrust_since=lost["since"])
    stage.platform.clear_faults()
    assert "2 accounts are distrusted until Tucano answers" in summary(stage)

    stage.run()

    assert {number: stage.holds(number) for number in wanted(lost)} == wanted(lost)
    assert stage.rows("SELECT account FROM distrusted") == []


def test_removals_after_a_restore_pass_the_gate_like_all_others(stage: Stage) -> None:
    stage.set(removals_count=2, removals_share=0.1)
    numbers = [stage.subscriber("GEOLOGICAL") for _ in range(4)]
    stage.run()
    since = backup(stage)
    for number in numbers[:3]:
        stage.act("TERMINATE_SUBSCRIPTION", number)
    stage.run(allow_removals=True, allow_removals_reason="the end of a trial")
    restore(stage)

    counts = stage.run(distrust_since=since)

    assert counts["accounts_held"] == 3
    assert stage.sent() == []
    shown = release_removals.show(stage.connections, {})
    batch = release_removals.release(
        stage.connections, stage.next_run(), shown, decided_by="nora", provider_file=stage.provider_file
    )
    for chunk in release_removals.chunks_of(stage.connections, batch["batch_id"]):
        dispatch.run(stage.connections, batch["batch_id"], chunk.chunk_number)
    close_batch.run(stage.connections, batch["batch_id"])
    assert [stage.holds(number)["options"] for number in numbers] == [[], [], [], ["VP1:GEOLOGICAL"]]
    assert stage.rows("SELECT account FROM distrusted") == []


def test_a_box_that_changed_hands_since_leaves_its_old_account_again_first(stage: Stage) -> None:
    # The new account's turn comes first, unless it waits.
    stage.set(in_flight=1)
    new = stage.subscriber("GEOLOGICAL", boxes={})
    old = stage.subscriber("GEOLOGICAL", boxes={"VP1": "WANDERER"})
    stage.run()
    since = backup(stage)
    stage.act("REMOVE_INSTALLED_ITEM", old, items=["WANDERER"])
    stage.run()
    stage.act(
        "ADD_INSTALLED_ITEM",
        new,
        items=[{"serial_number": "WANDERER", "type": "STB_HD", "distributor": "VP1"}],
    )
    stage.run()
    restore(stage)
    assert stage.holds(old)["boxes"] == ["VP1:WANDERER"]

    counts = stage.run(distrust_since=since)

    assert counts["requests_rejected"] == 0
    assert stage.sent() == ["REMOVE_MATERIAL(VP1, WANDERER)", "ADD_MATERIAL(VP1, WANDERER)"]
    assert (stage.holds(old)["boxes"], stage.holds(new)["boxes"]) == ([], ["VP1:WANDERER"])


def test_an_account_that_tucano_forgot_is_made_anew_whatever_is_trusted(stage: Stage) -> None:
    stage.platform.snapshot()
    number = stage.subscriber("GEOLOGICAL")
    stage.run()
    since = now(stage)  # too late a time: the account's creation is trusted, and gone
    stage.act("ADD_SERVICE", number, services=[{"code": "RELIGION", "distributors": ["VP1"]}])
    stage.run()
    restore(stage)

    stage.run(distrust_since=since)

    assert stage.holds(number) == {
        "exists": True,
        "options": ["VP1:GEOLOGICAL", "VP1:RELIGION"],
        "boxes": [f"VP1:BOX-{number}"],
    }
    assert stage.known(number) == stage.holds(number)
    assert stage.rows("SELECT account FROM distrusted") == []


def test_a_box_that_an_inactive_subscription_keeps_is_left_alone_until_it_is_active(stage: Stage) -> None:
    number = stage.subscriber("GEOLOGICAL", boxes={})
    stage.run()
    since = backup(stage)
    stage.act(
        "ADD_INSTALLED_ITEM",
        number,
        items=[{"serial_number": f"BOX-{number}", "type": "STB_HD", "distributor": "VP1"}],
    )
    stage.run()
    stage.act("DEACTIVATE_SUBSCRIPTION", number)
    stage.run()
    restore(stage)

    stage.run(distrust_since=since)

    assert stage.sent() == ["SUSPEND_OPTIONS(VP1, [GEOLOGICAL])"]
    assert stage.rows("SELECT options, materials FROM distrusted") == [([], [f"VP1:BOX-{number}"])]
    stage.run()
    assert len(stage.sent()) == 1, "what cannot be asked makes nobody out of sync"
    stage.act("ACTIVATESUBSCRIPTION", number)
    stage.run()
    assert stage.holds(number) == {
        "exists": True,
        "options": ["VP1:GEOLOGICAL"],
        "boxes": [f"VP1:BOX-{number}"],
    }
    assert stage.rows("SELECT account FROM distrusted") == []


def test_a_detection_that_runs_again_does_not_distrust_what_was_settled_meanwhile(
    stage: Stage, lost: dict[str, str]
) -> None:
    batch_id, chunks = stage.guarded(distrust_since=lost["since"])
    for chunk in chunks:
        dispatch.run(stage.connections, batch_id, chunk.chunk_number)
    sent = stage.sent()

    detect.run(stage.connections, batch_id)

    assert stage.rows("SELECT account FROM distrusted") == []
    assert sent == stage.sent()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [("yesterday", "is no time"), ("2026-01-31T02:00:00", "has no zone")],
)
def test_a_time_that_is_none_is_refused_before_anything_is_done(
    stage: Stage, given: str, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        reset_run.open_batch_of_run(stage.connections, stage.next_run(), {"distrust_since": given})

    assert stage.rows("SELECT batch_id FROM batch") == []


def test_a_time_in_a_deleted_month_is_refused_with_the_month(stage: Stage, postgres: Postgres) -> None:
    with psycopg.connect(postgres.dsn(stage.db.info.dbname, "provisioning_owner")) as owner:
        owner.execute(
            """
            INSERT INTO archive_manifest (month, operation, tier, closed_from, closed_to, rows_before, checksum_before,
                bytes, performed_by, run_id)
            VALUES ('2026-01-01', 'DELETE', 'deleted', '2026-01-01', '2026-02-01', 1, 1, 1, 'tester', 'by hand')
            """
        )

    with pytest.raises(close_batch.RunFailed, match=r"2026-01 were deleted .* tucano_import_requests"):
        stage.run(distrust_since="2026-01-15T00:00:00+00:00")
