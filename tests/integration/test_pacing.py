"""The limiter on real parts: a platform with a limit, one that is dead for several runs, one that is slow and lossy.

How near to the allowed rate it gets is shown in simulated time (tests/unit/test_pacing.py): no test measures seconds.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from provisioner.adapters import batches, request_log
from provisioner.core.pacing import PROBES
from provisioner.steps import close_batch, dispatch
from provisioner.steps.close_batch import RunFailed
from provisioner.steps.pacing import Pace
from tests.integration.stage import Stage


@pytest.fixture
def stage(empty_stage: Stage) -> Stage:
    """What is learned of a platform stays in the database: each test has its own."""
    return empty_stage


def learned(stage: Stage) -> dict[str, Any]:
    ((refused_rate, silent),) = stage.rows(
        "SELECT refused_rate, silent_since IS NOT NULL FROM sending_rate WHERE provider NOT LIKE '%:%'"
    )
    return {"refused_rate": refused_rate, "silent": silent}


def all_in_step(stage: Stage, numbers: list[str]) -> bool:
    return all(stage.known(number) == stage.holds(number) for number in numbers) and all(
        stage.holds(number)["options"] for number in numbers
    )


def test_two_workers_find_the_rate_that_the_platform_allows_and_share_it(stage: Stage) -> None:
    numbers = [stage.subscriber("NEWS", boxes={}) for _ in range(150)]
    stage.set(fan_out_limit=1, chunk_size=75, requests_per_second=200)
    batch_id, chunks = stage.guarded()
    stage.platform.capacity(40, burst=4)

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(lambda one: dispatch.run(stage.connections, batch_id, one.chunk_number), chunks))

    refusals = [entry for entry in stage.ledger() if entry["status"] == 429]
    assert len(chunks) == 2
    assert all_in_step(stage, numbers)
    assert 0 < len(refusals) <= 30, "sends were to stay below requests x 1.1"
    assert 0.5 * 40 <= learned(stage)["refused_rate"] <= 1.5 * 40
    assert "Tucano refused more than" in summary(stage, batch_id)


def test_two_workers_together_never_exceed_the_rate_that_was_announced(stage: Stage) -> None:
    numbers = [stage.subscriber("NEWS", boxes={}) for _ in range(150)]
    stage.set(fan_out_limit=1, chunk_size=75, requests_per_second=40)
    batch_id, chunks = stage.guarded()
    # Two seconds of it may come at once: a busy machine bunches what left at an even pace.
    stage.platform.capacity(40, burst=80)

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(lambda one: dispatch.run(stage.connections, batch_id, one.chunk_number), chunks))

    assert len(stage.ledger()) == 300
    assert [entry for entry in stage.ledger() if entry["status"] == 429] == []
    assert all_in_step(stage, numbers)


def summary(stage: Stage, batch_id: int) -> str:
    close_batch.run(stage.connections, batch_id)
    ((text,),) = stage.rows("SELECT summary FROM batch WHERE batch_id = %s", batch_id)
    return str(text)


def test_a_platform_that_stays_dead_is_probed_by_later_runs_and_then_met_as_before(stage: Stage) -> None:
    numbers = [stage.subscriber("NEWS", boxes={}) for _ in range(40)]
    stage.set(fan_out_limit=1)
    stage.platform.set_faults({"kind": "status", "status": 500})
    with pytest.raises(RunFailed, match="gave no answer 20 times in a row"):
        stage.run()
    first = len(stage.ledger())
    for _ in range(3):
        stage.forget_sent()
        with pytest.raises(RunFailed, match=f"gave no answer {PROBES} times in a row"):
            stage.run()
        assert len(stage.ledger()) == PROBES
    dead = learned(stage)["silent"]
    stage.platform.clear_faults()

    stage.run()

    assert first < 40
    assert dead and not learned(stage)["silent"]
    assert all_in_step(stage, numbers)


def test_a_platform_that_cannot_be_reached_is_tried_by_one_request_at_a_time_from_then_on(
    stage: Stage,
) -> None:
    numbers = [stage.subscriber("NEWS", boxes={}) for _ in range(12)]
    stage.set(fan_out_limit=1)
    stage.platform.set_faults({"kind": "refuse"})
    for _ in range(2):
        with pytest.raises(RunFailed, match="Tucano cannot be reached"):
            stage.run()
    dead = learned(stage)["silent"]
    stage.platform.clear_faults()

    stage.run()

    assert dead and not learned(stage)["silent"]
    assert stage.rows("SELECT max(attempts) FROM request_log") == [(1,)]
    assert all_in_step(stage, numbers)


def test_a_brown_out_costs_less_than_a_tenth_more_sends(stage: Stage) -> None:
    numbers = [stage.subscriber("NEWS", boxes={}) for _ in range(100)]
    stage.set(fan_out_limit=1)
    stage.platform.set_faults(
        {"kind": "slow", "delay_ms": 100},
        {"kind": "reset_after", "probability": 0.03},
        {"kind": "status", "status": 500, "probability": 0.03},
        seed=11,
    )

    stage.run()

    requests = len({entry["request_number"] for entry in stage.ledger()})
    assert requests < len(stage.ledger()) <= requests * 1.1
    assert all_in_step(stage, numbers)


def test_a_platform_that_comes_and_goes_is_served_in_the_end_and_nothing_twice(stage: Stage) -> None:
    numbers = [stage.subscriber("NEWS", boxes={}) for _ in range(30)]
    stage.set(fan_out_limit=1)
    for fault in ({"kind": "refuse"}, {"kind": "status", "status": 500}, {"kind": "unauthorised"}):
        stage.platform.set_faults(fault)
        with pytest.raises(RunFailed):
            stage.run()
    stage.platform.clear_faults()

    stage.run()

    applied = [entry["request_number"] for entry in stage.ledger() if entry["applied"]]
    assert len(applied) == len(set(applied)) == 60
    assert all_in_step(stage, numbers)


def test_all_doors_stand_in_one_queue(stage: Stage) -> None:
    slowly = {"provider": "ONE", "count": 1, "requests_per_second": 0.01}
    with stage.connections.provisioning() as one, stage.connections.provisioning() as other:
        first = request_log.reserve(one, **slowly).wait  # type: ignore[arg-type]
        one.commit()
        second = request_log.reserve(other, **slowly).wait  # type: ignore[arg-type]
        other.commit()
        third = request_log.reserve(one, **slowly).wait  # type: ignore[arg-type]

    assert first == 0
    assert second > 50, "the second place is a hundred seconds after the first"
    assert third - second > 50


def turn(stage: Stage, door: str) -> bool:
    """Let a door wait for one place where a request leaves every hundred seconds and half of them are the lane's."""

    async def wait() -> bool:
        with stage.connections.provisioning() as db:
            pace = Pace(
                db,
                provider="TWO",
                requests_per_second=0.01,
                stop=asyncio.Event(),
                real_time_share=0.5,
                door=door,
            )
            return await pace.turn()

    return asyncio.run(wait())


def test_a_night_leaves_the_lane_its_share_and_the_lane_never_waits_behind_it(stage: Stage) -> None:
    night = turn(stage, batches.RESET_RUN)
    ((over_in,),) = stage.rows(
        "SELECT extract(epoch FROM next_at - clock_timestamp())::float FROM sending_rate WHERE provider = 'TWO'"
    )

    lane = turn(stage, batches.REAL_TIME)

    assert night
    assert over_in > 150, "half of the rate is the night's: its next place is in two hundred seconds"
    assert lane


@pytest.mark.parametrize("kind", ["status", "retry_after_date"])
def test_nothing_is_sent_before_the_time_that_the_platform_named(stage: Stage, kind: str) -> None:
    numbers = [stage.subscriber("NEWS", boxes={}) for _ in range(5)]
    stage.set(fan_out_limit=1, in_flight=1)
    stage.platform.set_faults({"kind": kind, "status": 503, "retry_after": 2, "count": 1})

    stage.run()

    told, *later = [datetime.fromisoformat(entry["received_at"]) for entry in stage.ledger()]
    assert min(later) - told >= timedelta(seconds=1.9)
    assert all_in_step(stage, numbers)
