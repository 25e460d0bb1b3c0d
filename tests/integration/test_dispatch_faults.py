"""Each way in which the platform can misbehave, met by the shipped step: asked again or not, and right in the end.

One night for all of them, since several are only found out by a time-out: of three seconds here, not of half a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from demo.simulator.kinds import KINDS
from tests.integration.conftest import Stages
from tests.integration.nursery import Nursery
from tests.integration.stage import Stage
from tests.simulator_process import SimulatorProcess

ONCE, AGAIN = 1, 2
# Seconds of an answer, of the first and of the longest back-off.
HASTE = {"PATIENCE": "3,0.5,5"}
COMPLETED, REJECTED = ("COMPLETED", None), ("REJECTED", "INVALID_REQUEST")


@dataclass(frozen=True, kw_only=True)
class Met:
    """What has to follow: *receipts* of the one request, which of them changed the platform, how it is closed."""

    receipts: int
    applied_at: int | None
    closed: tuple[str, str | None] = COMPLETED
    fault: dict[str, Any] | None = None


MET = {
    "hang_before": Met(receipts=AGAIN, applied_at=2),
    "hang_after": Met(receipts=AGAIN, applied_at=1),
    "reset_after": Met(receipts=AGAIN, applied_at=1),
    "status": Met(receipts=AGAIN, applied_at=2, fault={"status": 500}),
    "slow": Met(receipts=ONCE, applied_at=1, fault={"delay_ms": 300}),
    "reject": Met(receipts=ONCE, applied_at=None, closed=REJECTED),
    "garbage": Met(receipts=AGAIN, applied_at=1),
    "ignore_keys": Met(receipts=ONCE, applied_at=1),
    "mixed_list_rejects": Met(receipts=ONCE, applied_at=1),
    "headers_then_silence": Met(receipts=AGAIN, applied_at=1),
    "half_body": Met(receipts=AGAIN, applied_at=1),
    "html_200": Met(receipts=AGAIN, applied_at=2),
    # A byte a second: each comes in time, the whole does not.
    "slow_drip": Met(receipts=AGAIN, applied_at=1),
    "compressed_body": Met(receipts=ONCE, applied_at=1),
    "retry_after_date": Met(receipts=AGAIN, applied_at=2, fault={"retry_after": 1}),
    "status_but_applied": Met(receipts=AGAIN, applied_at=1),
    # After the client has left and before it asks again: the second receipt finds it done.
    "apply_late": Met(receipts=AGAIN, applied_at=1, fault={"delay_ms": 100}),
}
# These stop a run: test_reset_run_platform_down.py. The third meets whoever connects: the last test here.
OF_CONNECTIONS_AND_RUNS = {"refuse", "unauthorised", "accept_never_read"}


@pytest.fixture(scope="module")
def night(
    stages: Stages, shared_platform: SimulatorProcess, nursery: Nursery
) -> Iterator[tuple[Stage, dict[str, str]]]:
    """A night in which each fault meets the ACTIVATE_OPTIONS of one account, once."""
    with stages(shared_platform) as stage:
        # The lowest number connects first: one that no other fault keeps waiting as well.
        stage.subscriber("NEWS", boxes={})
        number_by_kind = {kind: stage.subscriber("NEWS", boxes={}) for kind in MET}
        stage.set(fan_out_limit=1)
        about = {"commands": ["ACTIVATE_OPTIONS"], "count": 1}
        shared_platform.set_faults(
            {"kind": "accept_never_read", "count": 1},
            *(
                {"kind": kind, "accounts": [number], **about, **(MET[kind].fault or {})}
                for kind, number in number_by_kind.items()
            ),
        )
        assert nursery.bear(stage.environment("run") | HASTE).wait() == 0
        fired = {fault["kind"]: fault["fired"] for fault in shared_platform.faults()}
        shared_platform.clear_faults()
        assert fired == dict.fromkeys([*MET, "accept_never_read"], 1), "a fault met nobody"
        yield stage, number_by_kind


def test_no_kind_of_fault_is_forgotten_here() -> None:
    assert MET.keys() | OF_CONNECTIONS_AND_RUNS == KINDS.keys()


@pytest.mark.parametrize("kind", MET)
def test_a_fault_is_met_as_its_kind_deserves(night: tuple[Stage, dict[str, str]], kind: str) -> None:
    stage, number_by_kind = night
    number, met = number_by_kind[kind], MET[kind]

    receipts = [entry for entry in stage.ledger(number) if entry["command"] == "ACTIVATE_OPTIONS"]

    assert len(receipts) == met.receipts
    assert len({(entry["request_number"], entry["digest"]) for entry in receipts}) == 1, "not the same bytes"
    assert [n for n, entry in enumerate(receipts, 1) if entry["applied"]] == [
        n for n in [met.applied_at] if n is not None
    ]
    assert stage.rows(
        "SELECT state, error_code, attempts FROM request_history WHERE request_number = %s",
        receipts[0]["request_number"],
    ) == [(*met.closed, met.receipts)]
    assert stage.known(number) == stage.holds(number)
    assert stage.holds(number)["options"] == (["VP1:NEWS"] if met.applied_at else [])


def test_a_connection_that_is_never_read_costs_one_request_its_time_out_and_nothing_else(
    night: tuple[Stage, dict[str, str]],
) -> None:
    stage, _ = night

    timed_out = stage.rows(
        "SELECT command FROM request_history WHERE attempts = 2 AND command = 'CREATE_ACCOUNT'"
    )

    assert timed_out == [("CREATE_ACCOUNT",)]
    assert stage.rows("SELECT * FROM open_request") == []


def test_what_was_in_doubt_at_night_left_nothing_to_do_in_the_morning(
    night: tuple[Stage, dict[str, str]],
) -> None:
    stage, number_by_kind = night
    before = len(stage.ledger())

    counts = stage.run()

    assert counts["out_of_sync_before"] == 1, "the rejected one, and no other"
    assert {entry["account"] for entry in stage.ledger()[before:]} == {number_by_kind["reject"]}
