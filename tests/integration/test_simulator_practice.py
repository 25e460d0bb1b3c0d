"""Each exercise of docs/simulator.md is done as an operator does it, and what he is told to see is there.

The calls are those of the manual; nights are the shipped run in a process of its own, which waits for answers and
backs off in seconds instead of half a minute.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.conftest import Stages
from tests.integration.nursery import Nursery
from tests.integration.stage import Stage, as_written
from tests.integration.test_every_exception import states
from tests.integration.test_simulator_exercises import EXERCISES
from tests.simulator_client import ask
from tests.simulator_process import SimulatorProcess

# The subscriber whom the manual names.
ANNA = "S0000000309"
# Seconds of an answer, of the first and of the longest back-off.
HASTE = {"PATIENCE": "1.5,0.25,0.5"}


def curls(title: str) -> list[dict[str, Any]]:
    """Return the bodies of the exercise with this *title*, in order."""
    for comment, calls in re.findall(r"((?:^# .*\n)+)((?:^curl .*\n)+)", EXERCISES, re.MULTILINE):
        if title_of(comment) == title:
            return [json.loads(body) for body in re.findall(r"-d '([^']*)'", calls)]
    raise AssertionError(f"docs/simulator.md has no exercise {title!r}")


def title_of(comment: str) -> str:
    """Return what a comment calls its exercise."""
    return re.split(r"\. |: ", comment.removeprefix("# "))[0]


@dataclass(kw_only=True)
class Practice:
    """An operator at an exercise."""

    stage: Stage
    nursery: Nursery

    def begin(self, body: dict[str, Any]) -> None:
        """Start a fault with the manual's own call."""
        self.stage.platform.control("PUT", "/control/faults", body)

    def night(self) -> tuple[int, str]:
        """Let a night pass; return its exit code and what its last task says."""
        ended = self.nursery.bear(self.stage.environment("run") | HASTE).wait()
        ((summary,),) = self.stage.rows("SELECT summary FROM batch ORDER BY batch_id DESC LIMIT 1")
        return ended, str(summary)

    def attempts(self, *numbers: str) -> list[int]:
        """How often each request of these accounts left, in the order of the log."""
        return [
            attempts
            for (attempts,) in self.stage.rows(
                "SELECT attempts FROM request_log WHERE account = ANY(%s) AND sent_at IS NOT NULL"
                " ORDER BY log_number",
                list(numbers),
            )
        ]

    def receipts(self, number: str, command: str) -> list[dict[str, Any]]:
        return [entry for entry in self.stage.ledger(number) if entry["command"] == command]


@pytest.fixture(scope="module")
def at_home(stages: Stages) -> Iterator[Stage]:
    """The databases and the platform of an operator who practises one exercise after the other."""
    with SimulatorProcess() as platform, stages(platform) as stage:
        stage.subscriber("NEWS", number=ANNA)
        stage.run()
        yield stage


@pytest.fixture
def practice(at_home: Stage, nursery: Nursery) -> Iterator[Practice]:
    """One exercise. In the end the fault is ended and a night passes: nothing is left to do, no effect came twice."""
    at_home.begin()
    yield Practice(stage=at_home, nursery=nursery)
    at_home.platform.clear_faults()
    at_home.platform.capacity(None)
    at_home.rows("UPDATE sending_rate SET next_at = clock_timestamp() RETURNING provider")
    at_home.run()
    assert states(at_home) == {}, "the query shows something after the exercise"
    applied = [one["request_number"] for one in at_home.ledger() if one["applied"] and not one["replayed"]]
    assert len(applied) == len(set(applied))


def new(practice: Practice, *services: str) -> str:
    return practice.stage.subscriber(*(services or ("NEWS",)))


def refuse(practice: Practice, body: dict[str, Any]) -> None:
    new(practice)
    practice.begin(body)
    ended, said = practice.night()
    assert ended == 1 and "cannot be reached" in said
    assert "NEVER_LEFT" in states(practice.stage)


def accept_never_read(practice: Practice, body: dict[str, Any]) -> None:
    numbers = [new(practice) for _ in range(3)]
    practice.begin(body)
    ended, _ = practice.night()
    assert (ended, sorted(practice.attempts(*numbers))) == (0, [1] * 8 + [2])


def hang(practice: Practice, body: dict[str, Any]) -> None:
    number = new(practice)
    practice.begin(body)
    ended, _ = practice.night()
    first, second = practice.receipts(number, "ACTIVATE_OPTIONS")
    applies = body["faults"][0]["kind"] == "hang_after"
    assert (first["applied"], second["applied"], second["replayed"]) == (applies, not applies, applies)
    assert (ended, practice.attempts(number)) == (0, [1, 1, 2])


def reset_after(practice: Practice, body: dict[str, Any]) -> None:
    practice.stage.act("SWAPSERVICE", ANNA, **{"from": "NEWS", "to": {"code": "KIDS"}})
    practice.begin(body)
    ended, said = practice.night()
    sent = {entry["request_number"] for entry in practice.stage.ledger(ANNA)}
    assert ended == 0 and "Accounts parked: 1" in said
    assert {"PARKED", "IN_DOUBT"} <= states(practice.stage).keys()
    practice.stage.platform.clear_faults()
    practice.night()
    entries = practice.stage.ledger(ANNA)
    assert len(sent) == 1 and entries[10]["request_number"] in sent, (
        "the next night asks under the same number"
    )
    practice.stage.act("SWAPSERVICE", ANNA, **{"from": "KIDS", "to": {"code": "NEWS"}})


def two_attempts(practice: Practice, body: dict[str, Any]) -> None:
    number = new(practice)
    practice.begin(body)
    ended, _ = practice.night()
    assert (ended, sorted(practice.attempts(number))) == (0, [1, 1, 2])


def one_attempt(practice: Practice, body: dict[str, Any]) -> None:
    number = new(practice)
    practice.begin(body)
    ended, _ = practice.night()
    assert (ended, practice.attempts(number)) == (0, [1, 1, 1])
    assert practice.stage.platform.faults()[0]["fired"] == 3


def apply_late(practice: Practice, body: dict[str, Any]) -> None:
    number = new(practice)
    practice.begin(body)
    ended, _ = practice.night()
    first, second = practice.receipts(number, "CREATE_ACCOUNT")
    assert ended == 0 and first["applied"] and second["replayed"]


def status_429(practice: Practice, body: dict[str, Any]) -> None:
    new(practice)
    practice.begin(body)
    ended, said = practice.night()
    assert ended == 0 and "Tucano refused more than about" in said


def status_429_for_long(practice: Practice, body: dict[str, Any]) -> None:
    new(practice)
    practice.begin(body)
    seconds = body["faults"][0]["retry_after"]
    ended, said = practice.night()
    assert ended == 1 and f"asks to wait {seconds} s" in said
    ended, said = practice.night()
    assert ended == 1 and "asked to wait another" in said


def status_500(practice: Practice, body: dict[str, Any]) -> None:
    for _ in range(20):
        new(practice)
    practice.begin(body)
    ended, said = practice.night()
    assert ended == 1 and "gave no answer 20 times in a row" in said
    practice.stage.forget_sent()
    ended, said = practice.night()
    assert (ended, len(practice.stage.ledger())) == (1, 3)


def status_422(practice: Practice, body: dict[str, Any]) -> None:
    number = new(practice)
    practice.begin(body)
    practice.night()
    assert practice.stage.log(number) == [
        ("CREATE_ACCOUNT", "REJECTED", "HTTP_422"),
        ("ADD_MATERIAL", "REJECTED", "EARLIER_REQUEST_REJECTED"),
        ("ACTIVATE_OPTIONS", "REJECTED", "EARLIER_REQUEST_REJECTED"),
    ]


def a_proxy(practice: Practice, body: dict[str, Any]) -> None:
    new(practice)
    practice.stage.act("ADD_SERVICE", ANNA, services=[{"code": "RELIGION", "distributors": ["VP1"]}])
    practice.begin(body)
    ended, _ = practice.night()
    entries = practice.stage.ledger(ANNA)
    assert ended == 0
    assert [(one["status"], one["applied"]) for one in entries] == [(503, True), (404, False), (200, False)]
    assert len({one["request_number"] for one in entries}) == 1
    practice.stage.act("REMOVESERVICE", ANNA, services=["RELIGION"])


def status_but_applied(practice: Practice, body: dict[str, Any]) -> None:
    number = new(practice)
    practice.begin(body)
    practice.night()
    first, second = practice.receipts(number, "CREATE_ACCOUNT")
    assert (first["status"], first["applied"], second["replayed"]) == (503, True, True)


def unauthorised(practice: Practice, body: dict[str, Any]) -> None:
    new(practice)
    practice.begin(body)
    ended, said = practice.night()
    assert ended == 1 and "connection 'tucano'" in said
    assert len(practice.stage.ledger()) == 1


def reject(practice: Practice, body: dict[str, Any]) -> None:
    number = new(practice)
    practice.stage.run()
    practice.stage.act("SWAPSERVICE", number, **{"from": "NEWS", "to": {"code": "SPORT"}})
    practice.begin(body)
    practice.night()
    assert practice.stage.holds(number)["options"] == ["VP1:NEWS"]
    assert "REJECTED" in states(practice.stage)


def garbage(practice: Practice, body: dict[str, Any]) -> None:
    numbers = [new(practice) for _ in range(3)]
    practice.begin(body)
    ended, _ = practice.night()
    assert (ended, sum(practice.attempts(*numbers))) == (0, 3 * 3 + 5)


def ignore_keys(practice: Practice, body: dict[str, Any]) -> None:
    number = new(practice, "NEWS", "KIDS")
    practice.begin(body)
    ended, _ = practice.night()
    closed = [(command, state) for command, state, _ in practice.stage.log(number)]
    assert ended == 0 and ("CREATE_ACCOUNT", "COMPLETED") in closed
    assert practice.stage.holds(number) == practice.stage.known(number)
    # Both lost answers were the first request's: the third receipt says what the first one did.
    created = practice.receipts(number, "CREATE_ACCOUNT")
    assert [one["applied"] for one in created] == [True, False, False]
    assert created[2]["body"]["error_code"] == "ACCOUNT_EXISTS"


def mixed_list(practice: Practice, body: dict[str, Any]) -> None:
    by_hand = ask(practice.stage.platform, "ACTIVATE_OPTIONS", ANNA, distributor="VP1", options=["KIDS"])
    assert by_hand.body["status"] == "ACCEPTED"
    for code in ("KIDS", "RELIGION"):
        practice.stage.act("ADD_SERVICE", ANNA, services=[{"code": code, "distributors": ["VP1"]}])
    practice.stage.forget_sent()
    practice.begin(body)
    practice.night()
    assert [as_written(entry) for entry in practice.stage.ledger(ANNA)] == [
        "ACTIVATE_OPTIONS(VP1, [KIDS, RELIGION])",
        "ACTIVATE_OPTIONS(VP1, [KIDS])",
        "ACTIVATE_OPTIONS(VP1, [RELIGION])",
    ]
    assert practice.stage.holds(ANNA) == practice.stage.known(ANNA)
    practice.stage.act("REMOVESERVICE", ANNA, services=["KIDS", "RELIGION"])


def retry_after_date(practice: Practice, body: dict[str, Any]) -> None:
    number = new(practice)
    practice.begin(body)
    practice.night()
    first, second = practice.receipts(number, "CREATE_ACCOUNT")
    assert first["request_number"] == second["request_number"]
    assert first["received_at"][:19] < second["received_at"][:19]


def bad_weather(practice: Practice, body: dict[str, Any]) -> None:
    numbers = [new(practice) for _ in range(10)]
    practice.begin(body)
    practice.night()
    assert [practice.stage.holds(one) for one in numbers] == [practice.stage.known(one) for one in numbers]


PRACTICE: dict[str, Callable[[Practice, dict[str, Any]], None]] = {
    "refuse": refuse,
    "accept_never_read": accept_never_read,
    "hang_before": hang,
    "hang_after": hang,
    "reset_after, without an end": reset_after,
    "headers_then_silence, half_body, slow_drip": two_attempts,
    "slow": one_attempt,
    "apply_late": apply_late,
    "status 429": status_429,
    "status 429 for long": status_429_for_long,
    "status 500, for twenty new subscribers or more": status_500,
    "status 422": status_422,
    "A proxy in front, and something to do for S0000000309": a_proxy,
    "retry_after_date": retry_after_date,
    "status_but_applied": status_but_applied,
    "unauthorised": unauthorised,
    "reject, after a swap to SPORT": reject,
    "garbage": garbage,
    "html_200": two_attempts,
    "compressed_body": one_attempt,
    "ignore_keys with lost answers": ignore_keys,
    "mixed_list_rejects": mixed_list,
    "An hour of bad weather": bad_weather,
}


@pytest.mark.parametrize("title", PRACTICE)
def test_an_exercise_shows_what_the_manual_says(practice: Practice, title: str) -> None:
    for body in curls(title):
        practice.stage.forget_sent()
        PRACTICE[title](practice, body)
