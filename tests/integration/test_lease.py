"""Claims with real processes: two workers, one frozen past its lease, one killed, one that cannot renew.

A lease lasts some seconds here instead of half a minute, and whoever has lost one is found out by the platform's own
ledger: commands of one account are never concurrent, out of order, or doubled in effect.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.nursery import Nursery, Worker
from tests.integration.stage import Stage

# seconds of a lease, of its renewal, and before its end that sending stops
SHORT = {"CLAIM": "6,2,2"}
FREEZES_WHILE_IT_WRITES = {
    "CLAIM": "3,1,1",
    "PROVISIONING_FAILPOINT": "outcome.held",
    "PROVISIONING_FAILPOINT_SIGNAL": "SIGSTOP",
}
# The harder platform of the two: nothing here is made good by its memory of keys (test_crash_anywhere.py tries both).
FORGETFUL = {"kind": "ignore_keys"}
PLAN = ["CREATE_ACCOUNT", "ADD_MATERIAL", "ACTIVATE_OPTIONS"]
WAIT_SECONDS = 60  # for what takes a second on an idle machine


def until(true: Callable[[], Any]) -> None:
    """Wait until *true* holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it does not come to this"
        time.sleep(0.02)


@pytest.fixture
def chunk(stage: Stage) -> Callable[..., dict[str, str]]:
    """Plan a night of new subscribers in one chunk; return what a worker on it has to be told."""

    def plan(subscribers: int, **settings: Any) -> dict[str, str]:
        # What an earlier test left unfinished is no part of this one.
        stage.rows("DELETE FROM claim RETURNING account")
        stage.run()
        stage.forget_sent()
        stage.set(fan_out_limit=1, **settings)
        for _ in range(subscribers):
            stage.subscriber("GEOLOGICAL")
        batch_id, (only,) = stage.guarded()
        return stage.environment("dispatch", BATCH_ID=batch_id, CHUNK=only.chunk_number) | SHORT

    return plan


def accounts_of(stage: Stage) -> list[str]:
    rows = stage.rows("SELECT account FROM batch_item WHERE batch_id = (SELECT max(batch_id) FROM batch)")
    return sorted(account for (account,) in rows)


def check(stage: Stage, *, sent_once: bool) -> None:
    """Hold the ledger of all accounts of the batch against the promise, and our log against the ledger."""
    for account in accounts_of(stage):
        entries = stage.ledger(account)
        assert not any(entry["overlapping"] for entry in entries), "two requests of one account at once"
        took_effect = [entry["command"] for entry in entries if entry["applied"] and not entry["replayed"]]
        assert took_effect == PLAN, "out of order, or doubled in effect"
        assert not sent_once or [entry["command"] for entry in entries] == PLAN
        assert [(command, state) for command, state, _ in stage.log(account)] == [
            (command, "COMPLETED") for command in PLAN
        ]
        assert stage.known(account) == stage.holds(account)
    assert stage.rows("SELECT 1 FROM open_request") == []


def claims_ended(stage: Stage) -> bool:
    return stage.rows("SELECT 1 FROM claim WHERE until > clock_timestamp()") == []


def test_two_workers_on_one_chunk_send_each_request_once(
    stage: Stage, nursery: Nursery, chunk: Callable[..., dict[str, str]]
) -> None:
    told = chunk(40, in_flight=4)
    stage.platform.set_faults({"kind": "slow", "delay_ms": 15})

    workers = [nursery.bear(told), nursery.bear(told)]

    assert [worker.wait() for worker in workers] == [0, 0], nursery.said()
    check(stage, sent_once=True)


def test_a_task_that_starts_again_while_it_runs_and_a_person_at_one_account_double_nothing(
    stage: Stage, nursery: Nursery, chunk: Callable[..., dict[str, str]]
) -> None:
    told = chunk(10, in_flight=2)
    stage.platform.set_faults({"kind": "slow", "delay_ms": 60})

    first = nursery.bear(told)
    until(lambda: len(stage.ledger()) >= 3)
    again = nursery.bear(told)
    person = nursery.bear(stage.environment("single", SUBSCRIPTION=accounts_of(stage)[-1]) | SHORT)

    assert [worker.wait() for worker in (first, again, person)] == [0, 0, 0], nursery.said()
    check(stage, sent_once=True)


def test_what_a_worker_learns_after_its_lease_is_not_written(
    stage: Stage, nursery: Nursery, chunk: Callable[..., dict[str, str]]
) -> None:
    told = chunk(1)
    stage.platform.set_faults({"kind": "slow", "delay_ms": 500, "count": 1}, FORGETFUL)
    frozen = nursery.bear(told)
    until(lambda: stage.ledger())

    # Its first answer comes while it is frozen; it reads it when somebody else has long been at the account.
    frozen.freeze()
    until(lambda: claims_ended(stage))
    assert nursery.bear(told).wait() == 0, nursery.said()
    before = len(stage.ledger())
    frozen.wake()

    assert frozen.wait() == 0, nursery.said()
    assert len(stage.ledger()) == before, "it went on sending"
    check(stage, sent_once=False)


def test_what_was_planned_under_a_claim_that_ended_is_not_written(stage: Stage, nursery: Nursery) -> None:
    number = stage.subscriber("GEOLOGICAL", "RELIGION")
    stage.run()
    stage.act("REMOVESERVICE", number, services=["RELIGION"])
    stage.set(fan_out_limit=1)
    batch_id, (only,) = stage.guarded()
    told = stage.environment("dispatch", BATCH_ID=batch_id, CHUNK=only.chunk_number) | SHORT
    frozen = nursery.bear(
        told | {"PROVISIONING_FAILPOINT": "requests.drafted", "PROVISIONING_FAILPOINT_SIGNAL": "SIGSTOP"}
    )
    until(lambda: stands_still(frozen))

    # It is about to take what is wanted again by the time that its claim is somebody else's.
    stage.act("ADD_SERVICE", number, services=[{"code": "RELIGION", "distributors": ["VP1"]}])
    until(lambda: claims_ended(stage))
    stage.run()
    frozen.wake()

    assert frozen.wait() == 0, nursery.said()
    assert stage.rows("SELECT 1 FROM open_request WHERE account = %s", number) == []
    stage.run()
    assert "SUSPEND_OPTIONS(VP1, [RELIGION])" not in stage.sent(number)
    assert stage.holds(number)["options"] == ["VP1:GEOLOGICAL", "VP1:RELIGION"]


def test_a_worker_frozen_while_it_writes_keeps_nobody_waiting_for_longer_than_two_leases(
    stage: Stage, nursery: Nursery, chunk: Callable[..., dict[str, str]]
) -> None:
    told = chunk(1)
    stage.platform.set_faults(FORGETFUL)
    frozen = nursery.bear(told | FREEZES_WHILE_IT_WRITES)
    until(lambda: stands_still(frozen))

    # It has locked its claim, as a paused container may for days.
    assert nursery.bear(told).wait() == 0, nursery.said()
    assert stands_still(frozen)

    frozen.wake()
    assert frozen.wait() != 0, "its session has ended"
    stage.run()
    check(stage, sent_once=False)


def test_a_lane_frozen_while_it_writes_keeps_no_single_reset_waiting_and_goes_on_when_it_wakes(
    stage: Stage, nursery: Nursery
) -> None:
    frozen = nursery.bear(stage.environment("lane", LANE_SECONDS=600) | FREEZES_WHILE_IT_WRITES)
    until(lambda: stage.rows("SELECT 1 FROM real_time_lane WHERE alive_at IS NOT NULL"))
    number = stage.subscriber("GEOLOGICAL")
    until(lambda: stands_still(frozen))

    assert nursery.bear(stage.environment("single", SUBSCRIPTION=number)).wait() == 0, nursery.said()
    assert stands_still(frozen)
    assert stage.known(number) == stage.holds(number)

    frozen.wake()
    state = "SELECT state FROM action_inbox WHERE subscription_number = %s"
    until(lambda: stage.rows(state, number) == [("DONE",)])
    check(stage, sent_once=False)
    frozen.kill()


def stands_still(worker: Worker) -> bool:
    """Say whether a worker stopped at its failpoint."""
    return Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"


def test_a_worker_frozen_past_its_lease_sends_nothing_more(
    stage: Stage, nursery: Nursery, chunk: Callable[..., dict[str, str]]
) -> None:
    told = chunk(2, in_flight=1)
    stage.platform.set_faults({"kind": "slow", "delay_ms": 500})
    frozen = nursery.bear(told)
    until(lambda: stage.ledger())

    # The next one is claimed, and its first request committed as leaving: only the lease holds it back now.
    frozen.freeze()
    before = len(stage.ledger())
    leaving = len(stage.rows("SELECT 1 FROM open_request WHERE sent_at IS NOT NULL"))
    until(lambda: claims_ended(stage))
    frozen.wake()
    frozen.wait()

    assert leaving == 2
    assert len(stage.ledger()) == before, "it sent without a lease"
    stage.platform.clear_faults()
    assert nursery.bear(told).wait() == 0, nursery.said()
    check(stage, sent_once=False)


def test_a_worker_that_cannot_renew_stops_before_its_claims_end(
    stage: Stage, nursery: Nursery, chunk: Callable[..., dict[str, str]]
) -> None:
    # The first answer comes when too little of the lease is left for another request, and the second account waits.
    told = chunk(2, in_flight=1) | {"CLAIM": "8,1,6"}
    stage.platform.set_faults({"kind": "slow", "delay_ms": 4000})
    with psycopg.connect(stage.connections.provisioning_dsn) as sitting:
        worker = nursery.bear(told)
        until(lambda: stage.ledger())
        # Somebody sits on the rows of all claims: they can neither be renewed nor be written about.
        sitting.execute("SELECT 1 FROM claim FOR UPDATE")
        until(lambda: claims_ended(stage))
        until(lambda: stage.ledger()[0]["status"])
        sent = stage.ledger()
        leaving = stage.rows("SELECT 1 FROM open_request WHERE sent_at IS NOT NULL")
    worker.wait()

    assert len(sent) == 1, "it sent without knowing whether it still has the account"
    assert len(leaving) == 2


def test_a_worker_that_hears_of_a_lost_claim_stops_at_once(
    stage: Stage, nursery: Nursery, chunk: Callable[..., dict[str, str]]
) -> None:
    # A minute of lease: by its own clock it could go on.
    told = chunk(2, in_flight=1) | {"CLAIM": "60,0.3,1"}
    stage.platform.set_faults({"kind": "slow", "delay_ms": 3000})
    worker = nursery.bear(told)
    until(lambda: stage.ledger())

    stage.rows("UPDATE claim SET owner = 'somebody else', token = nextval('claim_token') RETURNING account")
    worker.wait()

    assert len(stage.ledger()) == 1, "it went on until its own clock stopped it"
    assert stage.rows("SELECT 1 FROM request_log WHERE account = ANY(%s)", accounts_of(stage)) == []


def test_what_a_killed_worker_held_is_finished_by_the_next_one_when_its_lease_has_ended(
    stage: Stage, nursery: Nursery, chunk: Callable[..., dict[str, str]]
) -> None:
    told = chunk(6, in_flight=3)
    stage.platform.set_faults({"kind": "slow", "delay_ms": 300}, FORGETFUL)
    killed: Worker = nursery.bear(told)
    until(lambda: len(stage.ledger()) >= 5)

    killed.kill()
    in_doubt = stage.rows("SELECT request_number FROM open_request WHERE sent_at IS NOT NULL")
    ends = dict(stage.rows("SELECT account, until FROM claim"))
    before = len(stage.ledger())
    assert nursery.bear(told).wait() == 0, nursery.said()

    after = stage.ledger()[before:]
    held = [entry for entry in after if (entry["request_number"],) in in_doubt]
    assert held, "nothing was in doubt"
    assert all(datetime.fromisoformat(entry["received_at"]) >= ends[entry["account"]] for entry in held)
    check(stage, sent_once=False)


def test_a_worker_keeps_its_accounts_for_longer_than_its_lease(
    stage: Stage, nursery: Nursery, chunk: Callable[..., dict[str, str]]
) -> None:
    told = chunk(2, in_flight=1) | {"CLAIM": "5,0.5,1"}
    stage.platform.set_faults({"kind": "slow", "delay_ms": 1500})

    assert nursery.bear(told).wait() == 0, nursery.said()

    check(stage, sent_once=True)


def test_what_is_in_doubt_stays_so_though_a_later_attempt_never_left(
    stage: Stage, nursery: Nursery, chunk: Callable[..., dict[str, str]]
) -> None:
    told = chunk(1)
    stage.platform.set_faults({"kind": "hang_after"})
    killed = nursery.bear(told)
    until(lambda: stage.ledger() and stage.ledger()[0]["applied"])
    killed.kill()
    stage.rows("UPDATE claim SET until = now() RETURNING account")

    stage.platform.set_faults({"kind": "refuse"})
    assert nursery.bear(told).wait() == 1, "the platform is down"

    ((state, left),) = stage.rows(
        "SELECT state, sent_at IS NOT NULL FROM open_request ORDER BY plan_position LIMIT 1"
    )
    assert (state, left) == ("UNKNOWN", True)
    stage.platform.clear_faults()
    stage.run()
    check(stage, sent_once=False)
