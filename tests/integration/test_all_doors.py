"""Night, single reset and two lanes on the same accounts, one of them killed: nothing twice, nothing out of order."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from provisioner.core.errors import ProvisioningError
from provisioner.steps import reset_run, reset_subscription
from tests.integration.lane_at_work import eventually, is_done, running
from tests.integration.stage import Stage, as_written

ROOT = Path(__file__).parents[2]
CHANNELS = ("NEWS", "KIDS", "MUSIC", "NATURE")


def lane_process(stage: Stage, **environment: str) -> subprocess.Popen[str]:
    """Start a lane as a process that can be killed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.lane_process"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}", **environment},
        stdin=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    tucano = stage.connections.tucano
    given = {
        "provisioning_dsn": stage.connections.provisioning_dsn,
        "crm_dsn": stage.connections.crm_dsn,
        "tucano": {"url": tucano.url, "user": tucano.user, "password": tucano.password},
        "provider_file": str(stage.write_provider()),
    }
    process.stdin.write(json.dumps(given) + "\n")
    process.stdin.flush()
    return process


@pytest.mark.parametrize(
    "place",
    [
        *("actions.written", "actions.committed", "group.written", "group.committed"),
        *("request.answered", "outcome.committed"),
    ],
)
def test_a_lane_that_dies_anywhere_leaves_nothing_lost_and_nothing_doubled(stage: Stage, place: str) -> None:
    dying = lane_process(stage, PROVISIONING_FAILPOINT=place)
    number = stage.subscriber("GEOLOGICAL")
    try:
        assert dying.wait(60) == -signal.SIGKILL
    finally:
        dying.kill()
    # Its claims and leases run out by the database's clock; nobody waits half a minute for that here.
    stage.db.execute("UPDATE claim SET until = clock_timestamp() - interval '1 s'")
    stage.db.execute("UPDATE action_inbox SET due_at = clock_timestamp() WHERE state = 'WAITING'")

    with running(stage):
        eventually(is_done(stage, number), "the next lane finished it")

    applied = [as_written(entry) for entry in stage.ledger(number) if entry["applied"]]
    assert applied == [
        "CREATE_ACCOUNT",
        f"ADD_MATERIAL(VP1, BOX-{number})",
        "ACTIVATE_OPTIONS(VP1, [GEOLOGICAL])",
    ]


def test_all_doors_at_once_on_the_same_accounts_end_as_the_crm_wants(empty_stage: Stage) -> None:
    stage = empty_stage
    stage.set(removals_count=10_000)
    stage.write_provider()
    rng = random.Random(7)
    numbers = [stage.subscriber("GEOLOGICAL") for _ in range(8)]
    has: dict[str, set[str]] = {number: set() for number in numbers}
    over = threading.Event()

    def nights() -> None:
        while not over.is_set():
            reset_run.run_all(stage.connections, stage.next_run(), {}, provider_file=stage.provider_file)

    def resets() -> None:
        while not over.is_set():
            parameters = {"subscription_number": rng.choice(numbers)}
            try:
                found = reset_subscription.look(
                    stage.connections, stage.next_run(), parameters, provider_file=stage.provider_file
                )
                reset_subscription.send(stage.connections, found.batch_id)
            except ProvisioningError:
                continue  # another door was faster, and says so

    others = [threading.Thread(target=nights), threading.Thread(target=resets)]
    second = lane_process(stage)
    with running(stage):
        for other in others:
            other.start()
        for turn in range(80):
            number, channel = rng.choice(numbers), rng.choice(CHANNELS)
            if channel in has[number]:
                stage.act("REMOVESERVICE", number, services=[channel])
            else:
                stage.act("ADD_SERVICE", number, services=[{"code": channel, "distributors": ["VP1"]}])
            has[number] ^= {channel}
            if turn == 40:
                second.kill()
                second.wait()
        over.set()
        for other in others:
            other.join()
        eventually(is_done(stage, *numbers), "all actions were done")

    for number in numbers:
        wanted = sorted(f"VP1:{channel}" for channel in {"GEOLOGICAL", *has[number]})
        assert stage.holds(number) == {"exists": True, "options": wanted, "boxes": [f"VP1:BOX-{number}"]}
        assert stage.known(number) == stage.holds(number)
        assert overlapping(stage.ledger(number)) == []
    answered = Counter(entry["request_number"] for entry in stage.ledger() if entry["applied"])
    assert [number for number, times in answered.items() if times > 1] == []
    logged = stage.rows("SELECT request_number FROM request_log WHERE sent_at IS NOT NULL")
    assert {entry["request_number"] for entry in stage.ledger()} == {number for (number,) in logged}


def overlapping(entries: list[dict[str, Any]]) -> list[str]:
    """Return the requests of one account that changed what an earlier one had just made so."""
    state: set[str] = set()
    wrong = []
    for entry in (one for one in entries if one["applied"] and "options" in one["parameters"]):
        options = set(entry["parameters"]["options"])
        gives = entry["command"] == "ACTIVATE_OPTIONS"
        if options & state if gives else options - state:
            wrong.append(entry["request_number"])
        state = state | options if gives else state - options
    return wrong
