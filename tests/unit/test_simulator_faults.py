"""Holds faults to what an operator asked for: which fire, how often, and what is not understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from demo.simulator.capacity import Capacity
from demo.simulator.faults import BadFaultError, Chosen, Faults, read_faults
from demo.simulator.kinds import KINDS

COMMANDS = ("CREATE_ACCOUNT", "ACTIVATE_OPTIONS")
CODES = ("UNKNOWN_OPTION", "INVALID_REQUEST")


def in_force(*asked: dict[str, Any], seed: int = 0) -> Faults:
    faults, _ = read_faults({"faults": list(asked)}, commands=COMMANDS, error_codes=CODES)
    force = Faults()
    force.replace(faults, seed=seed)
    return force


def meet(faults: Faults, command: str = "CREATE_ACCOUNT", account: str = "S1", *options: str) -> Chosen:
    return faults.choose(command=command, account=account, options=options)


def fires(chosen: Chosen) -> str | None:
    return chosen.fault.kind if chosen.fault else None


def test_a_fault_fires_as_often_as_its_count_and_then_lets_requests_through() -> None:
    faults = in_force({"kind": "hang_before", "count": 2})

    assert [fires(meet(faults)) for _ in range(3)] == ["hang_before", "hang_before", None]


def test_the_filters_by_command_account_and_option_must_all_agree() -> None:
    faults = in_force(
        {"kind": "garbage", "commands": ["ACTIVATE_OPTIONS"], "accounts": ["S1"], "options": ["A", "B"]}
    )

    assert fires(meet(faults, "ACTIVATE_OPTIONS", "S1", "B", "C")) == "garbage"
    assert fires(meet(faults, "CREATE_ACCOUNT", "S1", "B")) is None
    assert fires(meet(faults, "ACTIVATE_OPTIONS", "S2", "B")) is None
    assert fires(meet(faults, "ACTIVATE_OPTIONS", "S1", "C")) is None


def test_the_first_fault_that_fires_decides_and_modifiers_add_up() -> None:
    faults = in_force(
        {"kind": "ignore_keys"},
        {"kind": "hang_after", "commands": ["ACTIVATE_OPTIONS"]},
        {"kind": "reset_after"},
        {"kind": "slow", "delay_ms": 20},
        {"kind": "slow", "delay_ms": 30},
    )

    chosen = meet(faults)

    assert fires(chosen) == "reset_after"
    assert chosen.modifiers == {"ignore_keys", "slow"}
    assert chosen.slow_seconds == pytest.approx(0.05)


def test_a_fault_that_was_not_reached_does_not_use_up_its_count() -> None:
    faults = in_force({"kind": "reset_after", "count": 1}, {"kind": "hang_after", "count": 1})

    assert [fires(meet(faults)) for _ in range(3)] == ["reset_after", "hang_after", None]


def test_a_probability_draws_the_same_for_the_same_seed_and_about_its_share() -> None:
    asked = {"kind": "hang_before", "probability": 0.3}
    once = in_force(asked, seed=7)
    again = in_force(asked, seed=7)
    other = in_force(asked, seed=8)

    drawn = [fires(meet(once)) for _ in range(1000)]

    assert drawn == [fires(meet(again)) for _ in range(1000)]
    assert drawn != [fires(meet(other)) for _ in range(1000)]
    assert 250 < len([kind for kind in drawn if kind]) < 350


def test_a_refusal_without_count_or_doubt_means_the_platform_is_down() -> None:
    assert in_force({"kind": "refuse"}).is_down()
    assert not in_force({"kind": "refuse", "count": 1}).is_down()
    assert not in_force({"kind": "refuse", "probability": 0.5}).is_down()
    assert not in_force({"kind": "hang_before"}).is_down()


def test_a_fault_about_connections_never_meets_a_request() -> None:
    faults = in_force({"kind": "refuse", "count": 1}, {"kind": "accept_never_read", "count": 1})

    assert fires(meet(faults)) is None
    assert [faults.at_connect() for _ in range(3)] == ["refuse", "accept_never_read", None]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"kind": "explode"}, "unknown kind 'explode'"),
        ({}, "unknown kind None"),
        ({"kind": "status", "colour": "red"}, "unknown field 'colour'"),
        ({"kind": "refuse", "accounts": ["S1"]}, "does not read 'accounts'"),
        ({"kind": "hang_before", "status": 503}, "does not read 'status'"),
        ({"kind": "slow_drip", "applied": False}, "does not read 'applied'"),
        ({"kind": "status", "status": 99}, "status: 99"),
        ({"kind": "status", "status": True}, "status: True"),
        ({"kind": "status", "retry_after": -1}, "retry_after: -1"),
        ({"kind": "status", "retry_after": "soon"}, "retry_after: 'soon'"),
        ({"kind": "status", "applied": "yes"}, "applied: 'yes'"),
        ({"kind": "slow", "delay_ms": -5}, "delay_ms: -5"),
        ({"kind": "slow", "delay_ms": 0.5}, "delay_ms: 0.5"),
        ({"kind": "reject", "error_code": "NO_SUCH"}, "error_code: 'NO_SUCH'"),
        ({"kind": "garbage", "probability": 2}, "probability: 2"),
        ({"kind": "garbage", "count": 0}, "count: 0"),
        ({"kind": "garbage", "commands": ["DELETE_ACCOUNT"]}, "commands: ['DELETE_ACCOUNT']"),
        ({"kind": "garbage", "accounts": "S1"}, "accounts: 'S1'"),
        ("refuse", "not an object"),
    ],
)
def test_a_fault_that_is_not_understood_is_refused_by_name(asked: Any, named: str) -> None:
    with pytest.raises(BadFaultError) as refusal:
        read_faults({"faults": [{"kind": "slow"}, asked]}, commands=COMMANDS, error_codes=CODES)

    assert "fault 2" in str(refusal.value)
    assert named in str(refusal.value)


@pytest.mark.parametrize(
    "body", [None, [], {}, {"faults": {}}, {"faults": [], "seeds": 1}, {"faults": [], "seed": "x"}]
)
def test_a_body_that_is_no_list_of_faults_is_refused(body: object) -> None:
    with pytest.raises(BadFaultError):
        read_faults(body, commands=COMMANDS, error_codes=CODES)


def test_a_field_given_as_null_counts_as_not_given() -> None:
    nulls = dict.fromkeys(
        ("status", "retry_after", "delay_ms", "error_code", "count", "commands", "accounts")
    )

    assert in_force({"kind": "refuse", **nulls}).is_down()


def test_every_kind_can_be_asked_for_without_any_field() -> None:
    faults, _ = read_faults(
        {"faults": [{"kind": kind} for kind in KINDS]}, commands=COMMANDS, error_codes=CODES
    )

    assert [fault.kind for fault in faults] == list(KINDS)


def test_the_manual_teaches_every_kind() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")

    assert [kind for kind in KINDS if f"\n| `{kind}`" not in manual] == []


def test_faults_are_shown_as_they_were_asked_for_with_how_often_they_fired() -> None:
    faults = in_force({"kind": "status", "status": 503, "accounts": ["S2", "S1"], "count": 9})
    meet(faults)

    assert faults.listed() == [
        {
            "kind": "status",
            "status": 503,
            "accounts": ["S1", "S2"],
            "count": 9,
            "probability": 1.0,
            "fired": 1,
        }
    ]


def test_capacity_lets_a_burst_in_and_then_its_rate() -> None:
    capacity = Capacity(requests_per_second=10, burst=3, refilled_at=0)

    at_once = [capacity.seconds_to_wait(0) for _ in range(4)]
    a_moment_later = [capacity.seconds_to_wait(0.1), capacity.seconds_to_wait(0.1)]

    assert at_once == [0, 0, 0, pytest.approx(0.1)]
    assert a_moment_later == [0, pytest.approx(0.1)]
