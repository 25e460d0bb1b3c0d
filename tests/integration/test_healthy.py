"""Holds the health checks of the containers to their exit code: alive is 0, anything else is 1 with a reason.

Each runs as Docker runs it, as a process of its own, against a real socket.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.integration.compose_file import PROJECT

PASSWORD = "broker-password"


def check(component: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, PROJECT / "deploy" / "healthy.py", component]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture
def monitor() -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    """The execution API's URL of a server whose health answer the test fills in."""
    answer: dict[str, dict[str, str]] = {}

    class Monitor(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Monitor)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/execution/", answer
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("component", "name"),
    [("api-server", "metadatabase"), ("dag-processor", "dag_processor"), ("triggerer", "triggerer")],
)
def test_a_component_is_as_healthy_as_the_api_server_says(
    monitor: tuple[str, dict[str, dict[str, str]]], component: str, name: str
) -> None:
    url, answer = monitor
    answer |= {other: {"status": "healthy"} for other in ("metadatabase", "dag_processor", "triggerer")}

    alive = check(component, AIRFLOW__CORE__EXECUTION_API_SERVER_URL=url)
    answer[name] = {"status": "unhealthy"}
    dead = check(component, AIRFLOW__CORE__EXECUTION_API_SERVER_URL=url)

    assert (alive.returncode, alive.stderr) == (0, "")
    assert (dead.returncode, dead.stderr.split(" according")[0]) == (1, f"{name} is unhealthy")


def test_a_component_the_api_server_knows_nothing_of_is_not_healthy(
    monitor: tuple[str, dict[str, dict[str, str]]],
) -> None:
    assert check("triggerer", AIRFLOW__CORE__EXECUTION_API_SERVER_URL=monitor[0]).returncode == 1


def test_an_api_server_that_is_not_there_is_not_healthy() -> None:
    dead = check(
        "api-server", AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"http://127.0.0.1:{closed_port()}/execution/"
    )

    assert (dead.returncode, "not healthy" in dead.stderr) == (1, True)


def test_a_worker_whose_broker_is_gone_is_not_healthy_and_the_password_is_not_said() -> None:
    dead = check("worker", AIRFLOW__CELERY__BROKER_URL=f"redis://:{PASSWORD}@127.0.0.1:{closed_port()}/0")

    assert (dead.returncode, "does not answer" in dead.stderr) == (1, True)
    assert PASSWORD not in dead.stdout + dead.stderr


def test_a_component_nobody_knows_is_not_healthy() -> None:
    assert check("webserver").returncode == 1


def closed_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
