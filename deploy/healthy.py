"""Tell by the exit code whether a component works: `python deploy/healthy.py worker` (docker-compose.yaml).

`airflow jobs check` and `celery --app airflow... inspect ping` ask the same, but they import Airflow: 7 to 9 CPU
seconds a call, which on three components every half minute would keep a core busy. This takes a fraction of one.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.error
import urllib.request
from urllib.parse import urljoin

TIMEOUT_SECONDS = 8  # below the 10 s after which docker-compose.yaml gives a check up
SCHEDULER_URL = (
    "http://127.0.0.1:8974/health"  # served by the scheduler's own loop, so that a stuck one fails
)

# Component -> its name in the answer of /api/v2/monitor/health, which knows every component's last heartbeat.
# A second triggerer would hide behind the first one there: docker-compose.yaml runs one of each.
MONITORED = {"api-server": "metadatabase", "dag-processor": "dag_processor", "triggerer": "triggerer"}


def main(arguments: list[str]) -> str | None:
    """Return None if the component named in *arguments* is healthy, else one line saying what is wrong."""
    component = arguments[0] if len(arguments) == 1 else ""
    try:
        if component == "worker":
            return _worker_trouble(os.environ["AIRFLOW__CELERY__BROKER_URL"])
        if component == "scheduler":
            _get(SCHEDULER_URL)
            return None
        if component in MONITORED:
            api_server = os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
            return _monitored_trouble(urljoin(api_server, "../api/v2/monitor/health"), MONITORED[component])
    except (OSError, ValueError) as error:
        return f"{component} is not healthy: {error}"
    return f"name one of {', '.join(['scheduler', 'worker', *MONITORED])}"


def _monitored_trouble(url: str, name: str) -> str | None:
    status = json.loads(_get(url)).get(name, {}).get("status")
    return None if status == "healthy" else f"{name} is {status} according to {url}"


def _worker_trouble(broker_url: str) -> str | None:
    from celery import Celery  # half a second that the other checks need not spend

    # The node of this container alone: with --scale each container answers for its own worker.
    node = f"celery@{socket.gethostname()}"
    app = Celery(broker=broker_url)
    app.conf.broker_transport_options = {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
    }
    try:
        answers = app.control.ping(destination=[node], timeout=TIMEOUT_SECONDS / 2, limit=1)
    except Exception as error:  # kombu wraps the broker's errors in its own and the transport's
        # The type alone: the message may hold the broker's URL, and Docker keeps what a check prints.
        return f"the broker of {node} does not answer: {type(error).__name__}"
    return None if answers else f"{node} does not answer"


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  # our own http URLs
        content: bytes = answer.read()
        return content


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
