"""Two workers on one chunk, a worker that is killed, a claim that is lost: no account is ever sent to twice at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from provisioner.steps import close_batch, dispatch
from tests.integration.stage import Stage

ROOT = Path(__file__).parents[2]
ACCOUNTS = 12
A_WORKER = """
import json, os
from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.steps import dispatch
given = json.loads(os.environ["WORK"])
dispatch.run(
    Connections(provisioning_dsn=given["provisioning"], crm_dsn=given["crm"], tucano=Endpoint(**given["tucano"])),
    given["batch_id"], given["chunk_number"],
)
"""


def subscribers(stage: Stage, count: int = ACCOUNTS) -> list[str]:
    return [stage.subscriber("FLEX_A") for _ in range(count)]


def one_chunk(stage: Stage) -> int:
    """Plan everything as one chunk and return the batch."""
    stage.set(fan_out_limit=1)
    batch_id, chunks = stage.guarded()
    assert len(chunks) == 1
    return batch_id


def a_worker(stage: Stage, batch_id: int) -> subprocess.Popen[bytes]:
    """Start a process that runs the shipped step on chunk 0."""
    tucano = stage.connections.tucano
    given: dict[str, Any] = {
        "provisioning": stage.connections.provisioning_dsn,
        "crm": stage.connections.crm_dsn,
        "tucano": {"url": tucano.url, "user": tucano.user, "password": tucano.password},
        "batch_id": batch_id,
        "chunk_number": 0,
    }
    environment = os.environ | {"PYTHONPATH": str(ROOT / "plugins"), "WORK": json.dumps(given)}
    return subprocess.Popen([sys.executable, "-c", A_WORKER], cwd=ROOT, env=environment)


def wait_until(holds: Callable[[], object], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def applied(stage: Stage, numbers: list[str]) -> Counter[tuple[str, str]]:
    """How often the platform did what, by account and request as written."""
    return Counter(
        (entry["account"], entry["command"])
        for entry in stage.ledger()
        if entry["account"] in numbers and entry["applied"]
    )


def once_each(numbers: list[str]) -> Counter[tuple[str, str]]:
    return Counter(
        (number, command)
        for number in numbers
        for command in ("CREATE_ACCOUNT", "ADD_MATERIAL", "ACTIVATE_OPTIONS")
    )


def test_two_workers_on_one_chunk_never_send_to_an_account_at_once_nor_twice(stage: Stage) -> None:
    numbers = subscribers(stage)
    batch_id = one_chunk(stage)
    stage.platform.set_faults({"kind": "slow", "delay_ms": 30})

    with ThreadPoolExecutor(2) as workers:
        ended = [workers.submit(dispatch.run, stage.connections, batch_id, 0) for _ in range(2)]
        counts = [one.result() for one in ended]

    assert applied(stage, numbers) == once_each(numbers)
    assert [entry for entry in stage.ledger() if entry["overlapping"] or entry["replayed"]] == []
    assert all(one["left"] == 0 for one in counts)


def test_no_more_accounts_are_claimed_than_half_a_second_of_sending_reaches(stage: Stage) -> None:
    numbers = [stage.subscriber("FLEX_A", boxes={}) for _ in range(6)]
    stage.set(requests_per_second=8)
    batch_id = one_chunk(stage)

    claimed = [0]
    with ThreadPoolExecutor(1) as worker:
        ended = worker.submit(dispatch.run, stage.connections, batch_id, 0)
        while not ended.done():
            found = stage.rows("SELECT account FROM claim WHERE until > clock_timestamp()")
            claimed.append(len([account for (account,) in found if account in numbers]))
            time.sleep(0.01)

    assert ended.result()["left"] == 0
    assert 1 <= max(claimed) <= 4


def test_a_worker_of_another_process_is_no_different(stage: Stage) -> None:
    numbers = subscribers(stage)
    batch_id = one_chunk(stage)
    stage.platform.set_faults({"kind": "slow", "delay_ms": 100})
    other = a_worker(stage, batch_id)
    wait_until(stage.ledger)

    dispatch.run(stage.connections, batch_id, 0)

    assert other.wait(timeout=60) == 0
    assert applied(stage, numbers) == once_each(numbers)
    assert [entry for entry in stage.ledger() if entry["overlapping"]] == []


def test_a_worker_killed_in_the_middle_leaves_nothing_that_the_next_run_does_twice(stage: Stage) -> None:
    numbers = subscribers(stage)
    batch_id = one_chunk(stage)
    stage.platform.set_faults({"kind": "slow", "delay_ms": 300})
    worker = a_worker(stage, batch_id)
    wait_until(lambda: len(stage.ledger()) > ACCOUNTS * 3 // 2)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    in_doubt = stage.rows("SELECT count(*) FROM open_request WHERE sent_at IS NOT NULL")
    stage.platform.clear_faults()
    half_a_minute_later(stage)

    stage.run()

    assert in_doubt[0][0] > 0
    assert applied(stage, numbers) == once_each(numbers)
    assert [entry for entry in stage.ledger() if entry["overlapping"]] == []
    assert [stage.known(number) for number in numbers] == [stage.holds(number) for number in numbers]
    assert stage.rows("SELECT count(*) FROM open_request") == [(0,)]


def half_a_minute_later(stage: Stage) -> None:
    """Let the claims of a dead worker have run out."""
    stage.db.execute("UPDATE claim SET until = clock_timestamp() - interval '1 second'")


def test_whoever_loses_his_claim_writes_nothing_more_and_sends_nothing_more(stage: Stage) -> None:
    number = stage.subscriber("FLEX_A")
    batch_id = one_chunk(stage)
    stage.platform.set_faults({"kind": "slow", "delay_ms": 700, "commands": ["ADD_MATERIAL"]})
    ended = threading.Thread(target=dispatch.run, args=(stage.connections, batch_id, 0))
    ended.start()
    wait_until(lambda: len(stage.ledger(number)) == 2)

    stage.db.execute(
        "UPDATE claim SET owner = 'thief', token = nextval('claim_token') WHERE account = %s", (number,)
    )
    ended.join()

    assert stage.log(number) == [("CREATE_ACCOUNT", "COMPLETED", None)]
    assert stage.sent(number) == ["CREATE_ACCOUNT", f"ADD_MATERIAL(VP1, BOX-{number})"]
    assert stage.ending(number) == (None, None)
    assert stage.rows("SELECT owner FROM claim WHERE account = %s", number) == [("thief",)]
    stage.db.execute("DELETE FROM claim WHERE account = %s", (number,))
    stage.run()
    assert stage.known(number) == stage.holds(number)


def test_an_account_that_somebody_is_busy_with_is_asked_for_again(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    batch_id = one_chunk(stage)
    stage.db.execute(
        "INSERT INTO claim VALUES (%s, 'somebody', nextval('claim_token'), clock_timestamp() + interval '1 second')",
        (number,),
    )

    counts = dispatch.run(stage.connections, batch_id, 0)

    assert counts == {"finished": 1, "left": 0}
    assert stage.holds(number)["options"] == ["VP1:NEWS"]


def test_claims_are_given_back_when_the_work_is_done(stage: Stage) -> None:
    subscribers(stage, 3)

    stage.run()

    assert stage.rows("SELECT count(*) FROM claim") == [(0,)]


def test_what_is_sent_is_planned_from_the_crm_of_that_moment(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    batch_id = one_chunk(stage)
    stage.act("SWAPSERVICE", number, **{"from": "NEWS", "to": {"code": "KIDS"}})

    dispatch.run(stage.connections, batch_id, 0)

    assert stage.sent(number) == ["CREATE_ACCOUNT", "ACTIVATE_OPTIONS(VP1, [KIDS])"]


def test_a_removal_that_the_guard_has_not_seen_is_not_sent_by_this_batch(stage: Stage) -> None:
    number = stage.subscriber("NEWS", "KIDS", boxes={})
    stage.run()
    stage.act("ADD_SERVICE", number, services=[{"code": "MUSIC", "distributors": ["VP1"]}])
    batch_id = one_chunk(stage)
    stage.act("STOPSERVICE", number, services=["KIDS"])
    stage.forget_sent()

    dispatch.run(stage.connections, batch_id, 0)

    assert stage.sent(number) == ["ACTIVATE_OPTIONS(VP1, [MUSIC])"]


def test_a_subscription_that_left_the_crm_meanwhile_is_left_alone(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    batch_id = one_chunk(stage)
    for table in ("subscription_services", "subscription_actions", "subscriptions"):
        stage.crm.execute(f"DELETE FROM crm.{table} WHERE subscription_number = %s".encode(), (number,))  # noqa: S608

    dispatch.run(stage.connections, batch_id, 0)
    close_batch.run(stage.connections, batch_id)

    assert stage.sent(number) == []
    assert stage.ending(number)[0] == "ROW_REJECTED"
