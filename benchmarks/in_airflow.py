"""What a person waits for in a real Airflow: a single reset from its trigger on, an action while the lane rotates."""

from __future__ import annotations

import itertools
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg

from benchmarks.authenticate import Question
from benchmarks.bars import Ratio, Tell
from benchmarks.sending import NotSentError
from demo.launcher.rest import ENDED, AirflowClient
from demo.launcher.settings import Environment
from demo.launcher.simulator import Control

RESET, LANE = "tucano_reset_subscription", "tucano_real_time"
# Of a new subscriber: CREATE_ACCOUNT, ADD_MATERIAL, ACTIVATE_OPTIONS.
REQUESTS = 3
LOOK_SECONDS = 0.02
ACTIONS_A_SECOND = 5
PATIENCE_SECONDS = 300

# Beyond those of the demo's generator.
_numbers = (f"S7{n:09d}" for n in itertools.count(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """Seconds from the trigger of a single reset to Tucano's receipt of its last request, and to the run's end."""

    to_last_request: float
    to_end: float


class Subscribers:
    """People who become subscribers of the demo's CRM, and when Tucano heard of each."""

    def __init__(self, environment: Environment) -> None:
        self.airflow = AirflowClient(
            environment.airflow_url, environment.airflow_user, environment.airflow_password
        )
        self._crm_dsn = environment.crm_dsn
        self._control = Control(environment.tucano_control_url)
        self._read = 0
        self._heard: dict[str, list[float]] = {}
        self.heard()

    def become(self) -> str:
        """Let one more become a subscriber; return the number, which is the account."""
        number = next(_numbers)
        details = {
            "account": {"name": f"Ada {number}"},
            "services": [{"code": "GEOLOGICAL", "distributors": ["VP1"]}],
            "items": [{"serial_number": f"BOX-{number}", "type": "STB_HD", "distributor": "VP1"}],
        }
        with psycopg.connect(self._crm_dsn) as crm:
            crm.execute(
                "SELECT crm.act('BECOMESUBSCRIBER', %s, %s, 'benchmark')", (number, json.dumps(details))
            )
        return number

    def heard(self) -> dict[str, list[float]]:
        """Return when Tucano received each request so far, by account."""
        while True:
            page = self._control.call("GET", f"/control/ledger?after={self._read}")
            if not page["entries"]:
                return self._heard
            for entry in page["entries"]:
                at = datetime.fromisoformat(entry["received_at"]).timestamp()
                self._heard.setdefault(entry["account"], []).append(at)
            self._read = page["next"]

    def reset(self) -> Took:
        """Let one become a subscriber, reset him through REST and wait until that is over."""
        number = self.become()
        began = time.time()
        run = self.airflow.trigger(RESET, {"subscription_number": number})
        while (state := self.airflow.state(RESET, run)) not in ENDED:
            if time.time() - began > PATIENCE_SECONDS:
                raise NotSentError(f"the reset of {number} does not end")
            time.sleep(LOOK_SECONDS)
        ended = time.time()
        requests = self.heard().get(number, [])
        if state != "success" or len(requests) != REQUESTS:
            raise NotSentError(f"the reset of {number} ended as {state}, with {len(requests)} requests")
        return Took(to_last_request=max(requests) - began, to_end=ended - began)

    @contextmanager
    def lane(self) -> Iterator[None]:
        """Let the lane work until the block ends."""
        self._set_paused(paused=False)
        try:
            yield
        finally:
            self._set_paused(paused=True)

    def lane_runs(self) -> int:
        """Return how many runs of the lane have ended."""
        runs = self.airflow.call("GET", f"/api/v2/dags/{LANE}/dagRuns?limit=100")["dag_runs"]
        failed = [run["dag_run_id"] for run in runs if run["state"] == "failed"]
        if failed:
            raise NotSentError(f"{failed} failed")
        return sum(run["state"] == "success" for run in runs)

    def _set_paused(self, *, paused: bool) -> None:
        self.airflow.call("PATCH", f"/api/v2/dags/{LANE}", {"is_paused": paused})


def reset_subscription_s(question: Question, tell: Tell, *, repetitions: int) -> Ratio:
    """Return the median time from a trigger through REST to the arrival of the last request; the first warms up."""
    subscribers = Subscribers(question.environment)
    subscribers.airflow.wait_for_dag(RESET)
    subscribers.reset()
    found = []
    for repetition in range(repetitions):
        found.append(subscribers.reset())
        tell(
            f"reset_subscription_s: round {repetition + 1}, {found[-1].to_last_request:.2f} s, "
            f"run over after {found[-1].to_end:.2f} s"
        )
    value = statistics.median(one.to_last_request for one in found)
    over = statistics.median(one.to_end for one in found)
    return Ratio(
        name="reset_subscription_s",
        value=value,
        sides=f"{value:.2f} s, run over after {over:.2f} s, {_load()}",
    )


def real_time_gap_s(question: Question, tell: Tell, *, repetitions: int) -> Ratio:
    """Return the longest wait of an action while they come without pause and the lane rotates; none may be lost."""
    subscribers = Subscribers(question.environment)
    subscribers.airflow.wait_for_dag(LANE)
    committed: dict[str, float] = {}
    with subscribers.lane():
        first = subscribers.become()
        _wait(lambda: first in subscribers.heard(), "the lane began")
        before = subscribers.lane_runs()
        rotations = 0
        until = time.time() + PATIENCE_SECONDS * repetitions
        while rotations < repetitions and time.time() < until:
            for _ in range(ACTIONS_A_SECOND):
                number = subscribers.become()
                committed[number] = time.time()
                time.sleep(1 / ACTIONS_A_SECOND)
            rotations = subscribers.lane_runs() - before
        # The last one is over when the next lane has taken what came meanwhile.
        _wait(lambda: _all_heard(subscribers, committed), f"Tucano heard of {len(committed)} actions")
    heard = subscribers.heard()
    odd = [number for number in committed if len(heard[number]) != REQUESTS]
    if odd or rotations < repetitions:
        raise NotSentError(f"{rotations} rotations; not each request once: {odd}")
    waited = sorted(heard[number][0] - at for number, at in committed.items())
    tell(f"real_time_gap_s: {rotations} rotations, {len(committed)} actions, none lost")
    return Ratio(
        name="real_time_gap_s",
        value=waited[-1],
        sides=f"{waited[-1]:.2f} s, median {statistics.median(waited) * 1000:.0f} ms, {len(waited)} actions, {_load()}",
    )


def _all_heard(subscribers: Subscribers, committed: dict[str, float]) -> bool:
    heard = subscribers.heard()
    return all(len(heard.get(number, ())) >= REQUESTS for number in committed)


def _wait(claim: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not claim():
        if time.monotonic() > until:
            raise NotSentError(f"never: {what}")
        time.sleep(LOOK_SECONDS)


def _load() -> str:
    """Say how busy the machine was: both are times of a whole machine, and no ratios."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
