"""Every curl of docs/simulator.md is understood by the simulator, and every kind of fault has an exercise."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.simulator.kinds import KINDS
from tests.simulator_client import an_existing_account, ask
from tests.simulator_process import SimulatorProcess

MANUAL = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
CALLS = [
    call.strip()
    for block in re.findall(r"```sh\n(.*?)```", MANUAL, re.DOTALL)
    for line in block.splitlines()
    for call in line.split(";")
    if call.strip().startswith("curl ") and "$CONTROL" in call
]
EXERCISES = MANUAL.split("## Practise each failure")[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def platform() -> Iterator[SimulatorProcess]:
    with SimulatorProcess() as simulator:
        yield simulator


def given(call: str) -> tuple[str, str, object]:
    """Return the method, the path and the body of a documented curl."""
    words = shlex.split(call.partition(" | ")[0])
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    (address,) = [word for word in words if word.startswith("$CONTROL")]
    return method, address.removeprefix("$CONTROL"), body


def test_the_manual_has_calls_at_all() -> None:
    assert len(CALLS) > len(KINDS)


@pytest.mark.parametrize("call", CALLS)
def test_a_documented_call_is_understood(platform: SimulatorProcess, call: str) -> None:
    method, path, body = given(call)
    if path == "/control/restore":
        platform.snapshot()

    platform.control(method, path, body)

    if method == "PUT" and path == "/control/faults":
        assert isinstance(body, dict)
        assert [fault["kind"] for fault in platform.faults()] == [fault["kind"] for fault in body["faults"]]
    platform.clear_faults()
    platform.capacity(None)
    assert ask(
        platform, "SUSPEND_OPTIONS", an_existing_account(platform), distributor="VP1", options=["A"]
    ).status


def test_every_kind_of_fault_has_an_exercise_that_says_what_to_see() -> None:
    practised = set(re.findall(r'"kind": "([a-z0-9_]+)"', EXERCISES))

    assert practised == KINDS.keys()
    for comment in re.findall(r"((?:^# .*\n)+)(?=curl -s -X PUT \S+faults)", EXERCISES, re.MULTILINE):
        assert "See:" in comment or "seed" in comment, comment
