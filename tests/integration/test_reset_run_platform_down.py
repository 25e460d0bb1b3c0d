"""A platform that is down, silent, shut or refuses us: said clearly, nothing lost, the next run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from provisioner.core.errors import ConfigurationError, PlatformUnavailable
from provisioner.core.pacing import FIRST_WIDTH
from provisioner.steps import close_batch, dispatch, sending
from provisioner.steps.close_batch import RunFailed
from tests.integration.conftest import Stages
from tests.integration.stage import Stage
from tests.simulator_process import SimulatorProcess


@dataclass(frozen=True, kw_only=True)
class Night:
    """A run that met a platform which refuses connections."""

    stage: Stage
    numbers: list[str]
    batch_id: int
    error: BaseException
    planned: list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def night(stages: Stages, shared_platform: SimulatorProcess) -> Iterator[Night]:
    """One such run for several tests: five attempts to connect take eight seconds."""
    with stages(shared_platform) as stage:
        numbers = [stage.subscriber("FLEX_A") for _ in range(3)]
        stage.set(fan_out_limit=1)
        batch_id, _ = stage.guarded()
        shared_platform.set_faults({"kind": "refuse"})
        with pytest.raises(PlatformUnavailable) as caught:
            dispatch.run(stage.connections, batch_id, 0)
        shared_platform.clear_faults()
        yield Night(
            stage=stage,
            numbers=numbers,
            batch_id=batch_id,
            error=caught.value,
            planned=stage.rows(
                "SELECT request_number, state, sent_at, attempts, last_failure FROM open_request ORDER BY 1"
            ),
        )


def test_a_platform_that_cannot_be_reached_says_so_and_what_to_do(night: Night) -> None:
    assert "Tucano cannot be reached" in str(night.error)
    assert "run again" in str(night.error)


def test_what_never_left_is_pending_and_proves_it_by_having_no_sending_time(night: Night) -> None:
    assert {(state, sent_at, attempts) for _, state, sent_at, attempts, _ in night.planned} == {
        ("PENDING", None, 0)
    }
    assert len(night.planned) == 9
    assert any("never left" in (failure or "") for *_, failure in night.planned)


def test_nobody_is_left_locked_out(night: Night) -> None:
    assert night.stage.rows("SELECT count(*) FROM claim") == [(0,)]


def test_closing_such_a_run_fails_and_tells_it(night: Night) -> None:
    with pytest.raises(RunFailed, match="Tucano cannot be reached"):
        close_batch.run(night.stage.connections, night.batch_id)


def test_the_next_run_finishes_under_the_numbers_that_were_kept(night: Night) -> None:
    night.stage.run()

    assert {entry["request_number"] for entry in night.stage.ledger()} == {
        number for number, *_ in night.planned
    }
    assert [night.stage.known(number) for number in night.numbers] == [
        night.stage.holds(number) for number in night.numbers
    ]


def test_refused_credentials_name_the_connection_and_lose_nothing(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    batch_id, chunks = stage.guarded()
    stage.platform.set_faults({"kind": "unauthorised"})

    with pytest.raises(ConfigurationError, match="connection 'tucano'"):
        dispatch.run(stage.connections, batch_id, chunks[-1].chunk_number)

    assert stage.rows("SELECT DISTINCT state, sent_at FROM open_request WHERE account = %s", number) == [
        ("PENDING", None)
    ]
    stage.platform.clear_faults()
    stage.run()
    assert stage.holds(number)["options"] == ["VP1:NEWS"]


def test_refused_credentials_are_tried_by_no_more_than_were_on_their_way(stage: Stage) -> None:
    numbers = [stage.subscriber("NEWS", boxes={}) for _ in range(40)]
    stage.set(fan_out_limit=1)
    batch_id, _ = stage.guarded()
    stage.platform.set_faults({"kind": "unauthorised"})

    with pytest.raises(ConfigurationError, match="connection 'tucano'"):
        dispatch.run(stage.connections, batch_id, 0)

    assert 0 < len(stage.ledger()) <= FIRST_WIDTH
    stage.platform.clear_faults()
    stage.run()
    assert all(stage.known(number) == stage.holds(number) for number in numbers)


def test_a_platform_that_throttles_without_end_is_left_to_the_next_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = stage.subscriber("NEWS", boxes={})
    # Two hundred would take a quarter of an hour: each refusal slows the next one down.
    monkeypatch.setattr(sending, "THROTTLED_IN_A_ROW", 6)
    stage.platform.set_faults(
        {"kind": "status", "status": 429, "retry_after": 0, "accounts": [number], "count": 12}
    )

    with pytest.raises(RunFailed, match="HTTP 429 6 times in a row: run again later"):
        stage.run()

    assert len(stage.sent(number)) == 6
    stage.platform.clear_faults()
    stage.run()
    assert stage.known(number) == stage.holds(number)
    assert stage.holds(number)["options"] == ["VP1:NEWS"]


def test_other_tasks_of_the_run_stop_as_well(stage: Stage) -> None:
    first, second = stage.subscriber("NEWS", boxes={}), stage.subscriber("NEWS", boxes={})
    batch_id, chunks = stage.guarded()
    stage.platform.set_faults({"kind": "unauthorised", "accounts": [first]})
    with pytest.raises(ConfigurationError):
        dispatch.run(stage.connections, batch_id, chunks[0].chunk_number)

    with pytest.raises(PlatformUnavailable):
        dispatch.run(stage.connections, batch_id, chunks[1].chunk_number)

    assert stage.sent(second) == []


def test_twenty_silences_in_a_row_stop_the_run_and_the_next_one_settles_them(stage: Stage) -> None:
    numbers = [stage.subscriber("NEWS", boxes={}) for _ in range(30)]
    stage.set(fan_out_limit=1, in_flight=4)
    stage.platform.set_faults({"kind": "status", "status": 500})

    with pytest.raises(RunFailed, match="gave no answer 20 times in a row"):
        stage.run()
    silent = len(stage.ledger())
    stage.platform.clear_faults()
    stage.run()

    assert 20 <= silent < 30
    assert all(stage.known(number) == stage.holds(number) for number in numbers)
    assert all(stage.holds(number)["options"] == ["VP1:NEWS"] for number in numbers)


def test_a_platform_that_asks_to_wait_longer_than_a_minute_is_left_alone_that_long(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.platform.set_faults(
        {"kind": "status", "status": 429, "retry_after": 600, "accounts": [number], "count": 1}
    )

    with pytest.raises(RunFailed, match="asks to wait 600 s"):
        stage.run()
    with pytest.raises(RunFailed, match=r"asked to wait another \d+ s: run again after that"):
        stage.run()
    within_the_pause = stage.sent(number)
    ten_minutes_later(stage)
    stage.run()

    assert within_the_pause == ["CREATE_ACCOUNT"]
    assert stage.holds(number)["options"] == ["VP1:NEWS"]


def ten_minutes_later(stage: Stage) -> None:
    """Let the pause that the platform asked for be over."""
    stage.db.execute("UPDATE sending_rate SET next_at = clock_timestamp()")
