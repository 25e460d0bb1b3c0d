"""Airflow's REST API, as far as the demo and the end-to-end tests need it. Standard library only."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from demo.launcher.errors import LauncherError

ENDED = frozenset({"success", "failed"})


class AirflowClient:
    """A person's session at Airflow: asks for a token once, and again when it has run out."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self._log_in = {"username": user, "password": password}
        self._token: str | None = None

    def trigger(self, dag: str, conf: dict[str, Any]) -> str:
        """Start a run of *dag* with those parameters; return its run id."""
        body = {"conf": conf, "logical_date": None}
        return str(self.call("POST", f"/api/v2/dags/{dag}/dagRuns", body)["dag_run_id"])

    def state(self, dag: str, run: str) -> str:
        """Return the state of a run: queued, running, success or failed."""
        return str(self.call("GET", f"/api/v2/dags/{dag}/dagRuns/{quote(run)}")["state"])

    def task_instances(self, dag: str, run: str) -> list[dict[str, Any]]:
        """Return the task instances of a run; a mapped one bears its label in `rendered_map_index`."""
        path = f"/api/v2/dags/{dag}/dagRuns/{quote(run)}/taskInstances?limit=200"
        return list(self.call("GET", path)["task_instances"])

    def result(self, dag: str, run: str, task: str, map_index: int = -1) -> Any:
        """Return what a task returned."""
        path = f"/api/v2/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}/xcomEntries/return_value"
        value = self.call("GET", f"{path}?map_index={map_index}&deserialize=true")["value"]
        return json.loads(value) if isinstance(value, str) and value[:1] in "{[" else value

    def wait_for_dag(self, dag: str, *, seconds: float = 60) -> None:
        """Return when Airflow has read the file of *dag*; raise LauncherError with the import error."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.call("GET", f"/api/v2/dags/{dag}")
                return
            except RestError as error:
                errors = self.call("GET", "/api/v2/importErrors")["import_errors"]
                if error.status != 404 or errors or time.monotonic() > deadline:
                    said = "\n".join(item["stack_trace"] for item in errors) or str(error)
                    raise LauncherError(f"Airflow does not know the DAG {dag}:\n{said}") from error
            time.sleep(0.5)

    def wait(self, dag: str, run: str, *, seconds: float) -> str:
        """Wait for the end of a run; return its state, or raise LauncherError after *seconds*."""
        deadline = time.monotonic() + seconds
        while (state := self.state(dag, run)) not in ENDED:
            if time.monotonic() > deadline:
                raise LauncherError(f"run {run} of {dag} is still {state} after {seconds:g} s")
            time.sleep(0.5)
        return state

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call the API and return its JSON; raise RestError for any answer that is not a success."""
        if self._token is None:
            self._token = self._send("POST", "/auth/token", self._log_in)["access_token"]
        try:
            return self._send(method, path, body)
        except RestError as error:
            if error.status != 401:
                raise
            self._token = None
            return self.call(method, path, body)

    def _send(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        request = urllib.request.Request(  # noqa: S310 the address is our own Airflow
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        if self._token is not None:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise RestError(
                error.code, f"{method} {path}: {error.read().decode(errors='replace')[:2000]}"
            ) from error


class RestError(LauncherError):
    """Airflow answered with *status* instead of a success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"Airflow answered {status} to {message}")
        self.status = status
