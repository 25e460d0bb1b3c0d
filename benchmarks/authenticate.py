"""How long a portal waits for its answer from a real API server, beside the CRM's bare query of the same row."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks.bars import Ratio, Tell
from demo.launcher.processes import free_port
from demo.launcher.rest import ENDED, AirflowClient
from demo.launcher.runtime import Runtime
from demo.launcher.settings import Environment, Wanted
from demo.launcher.stack import Stack
from provisioner.adapters import sql

SUBSCRIPTIONS = 2000  # or fewer where everything is small
ROTATION_SECONDS = 15  # of the real-time lane: an hour is too long to wait for
QUESTIONS = 300
WARM_UP = 20
ENOUGH_DURING = 100  # questions, below which a p95 says nothing


class WrongAnswerError(Exception):
    """The door did not give a token to somebody who may order: a wrong answer has no speed."""


class Portal:
    """One portal with one connection, as a well-written one keeps it."""

    def __init__(self, environment: Environment) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(environment.airflow_url).netloc, timeout=60)
        log_in = {"username": environment.airflow_user, "password": environment.airflow_password}
        self._token = ""
        self._token = self._post("/auth/token", log_in)["access_token"]

    def milliseconds(self, number: str) -> float:
        """Return how long the answer for *number* took."""
        began = time.perf_counter()
        answer = self._post("/provisioning/authenticate", {"subscription_identifier": {"number": number}})
        took = (time.perf_counter() - began) * 1000
        if answer.get("subscription_number") != number:
            raise WrongAnswerError(f"{number} was answered {answer}")
        return took

    def _post(self, path: str, body: object) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        self._connection.request("POST", path, json.dumps(body), headers)
        answer: dict[str, str] = json.loads(self._connection.getresponse().read())
        return answer


class Question:
    """A running platform, a portal that asks for each Active subscription in turn, and the bare query of its row."""

    def __init__(
        self,
        environment: Environment,
        crm: psycopg.Connection[sql.Row],
        *,
        pages_dsn: str,
        admin_dsn: str,
        questions: int,
    ) -> None:
        """Choose who asks so many *questions* a round.

        *pages_dsn* and *admin_dsn* are of the provisioning database, for what is measured of the pages.
        """
        self.questions = questions
        self.environment, self.pages_dsn, self.admin_dsn = environment, pages_dsn, admin_dsn
        self.portal = Portal(environment)
        self._crm = crm
        # Not the showcase and the scenes: some of them are wrong on purpose.
        found = crm.execute(
            "SELECT subscription_number FROM crm.subscriptions WHERE state = 'EFFECTIVE'"
            " AND subscription_number > 'S0000000100' ORDER BY 1"
        ).fetchall()
        self._numbers = cycle(self._may_order([number for (number,) in found][: 2 * questions]))

    def _may_order(self, numbers: list[str]) -> list[str]:
        chosen = []
        for number in numbers:
            try:
                self.portal.milliseconds(number)
            except WrongAnswerError:
                continue
            chosen.append(number)
            if len(chosen) == self.questions:
                break
        return chosen

    def pair(self) -> tuple[float, float]:
        """Return milliseconds of one answer, and of the bare query of the same row."""
        number = next(self._numbers)
        ours = self.portal.milliseconds(number)
        began = time.perf_counter()
        sql.rows(self._crm, "crm/extract_by_number", subscription_numbers=[number])
        return ours, (time.perf_counter() - began) * 1000


@contextmanager
def running(tell: Tell, *, subscriptions: int) -> Iterator[Question]:
    """Start the whole platform with that many subscriptions in a folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="provisioning-bench-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)  # PostgreSQL runs as an unprivileged user, who must pass through
    runtime = Runtime(folder / "stack")
    try:
        # A port of its own: another stack that comes up at the same time may want the preferred one.
        wanted = Wanted(
            subscriptions=subscriptions, rotation_seconds=ROTATION_SECONDS, airflow_port=free_port()
        )
        stack = Stack(runtime, wanted, tell)
        environment = stack.start()
        provisioning = str(conninfo_to_dict(stack.pages_dsn)["dbname"])
        with psycopg.connect(environment.crm_dsn, autocommit=True) as crm:
            yield Question(
                environment,
                crm,
                pages_dsn=stack.pages_dsn,
                admin_dsn=stack.postgres.admin_dsn(provisioning),
                questions=min(QUESTIONS, subscriptions // 5),
            )
    finally:
        runtime.end()
        shutil.rmtree(folder, ignore_errors=True)


def authenticate_p95_ms(question: Question, tell: Tell, *, repetitions: int) -> Ratio:
    """Return the 95th percentile of the answers; beside it the bare query's, in turn with them."""
    for _ in range(WARM_UP):
        question.pair()
    ours, bare = [], []
    for repetition in range(repetitions):
        pairs = [question.pair() for _ in range(question.questions)]
        ours.append(p95([one for one, _ in pairs]))
        bare.append(p95([other for _, other in pairs]))
        tell(f"authenticate_p95_ms: round {repetition + 1}, {ours[-1]:.3g} ms, bare query {bare[-1]:.3g} ms")
    return Ratio(
        name="authenticate_p95_ms",
        value=statistics.median(ours),
        sides=f"{statistics.median(ours):.3g} ms, bare query {statistics.median(bare):.3g} ms",
    )


def authenticate_p95_reset_ms(question: Question, tell: Tell, *, repetitions: int) -> Ratio:
    """Return the same while a full reset run is at work, whatever *repetitions* says: the first one has most to do."""
    environment = question.environment
    airflow = AirflowClient(environment.airflow_url, environment.airflow_user, environment.airflow_password)
    airflow.wait_for_dag("tucano_reset_run")
    run = airflow.trigger("tucano_reset_run", {})
    tell(f"authenticate_p95_reset_ms: {run} is at work, {repetitions=} counts once")
    ours, bare = [], []
    while airflow.state("tucano_reset_run", run) not in ENDED:
        for _ in range(10):
            one, other = question.pair()
            ours.append(one)
            bare.append(other)
    if len(ours) < ENOUGH_DURING:
        tell(f"authenticate_p95_reset_ms: only {len(ours)} questions fitted into the run")
    return Ratio(
        name="authenticate_p95_reset_ms",
        value=p95(ours),
        sides=f"{p95(ours):.3g} ms, bare query {p95(bare):.3g} ms, {len(ours)} questions",
    )


def p95(milliseconds: list[float]) -> float:
    """Return the 95th percentile."""
    return statistics.quantiles(milliseconds, n=20)[-1]
