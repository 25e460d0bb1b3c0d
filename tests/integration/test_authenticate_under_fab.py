"""The portal's right under the FAB auth manager, in a real API server: one role, one right, and nothing beside it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.launcher.airflow import key_connection, postgres_connection
from demo.launcher.databases import prepare_crm, prepare_provisioning
from demo.launcher.processes import LOOPBACK, port_to_use
from tests.integration.compose_file import PROJECT
from tests.integration.conftest import unique

PASSWORD = secrets.token_hex(12)
HEALTHY_SECONDS = 180
# As deploy/migrate.sh makes the role, and then somebody of each kind; each role as Airflow ships it.
USERS = """
import os, sys
sys.path.insert(0, os.environ["DEPLOY"])
import portal_role
from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
portal_role.main()
with get_application_builder() as builder:
    for name in ("Portal", "Public", "Viewer", "User", "Op"):
        user = builder.sm.add_user(name.lower(), name, name, f"{name}@example.com", builder.sm.find_role(name),
                                   os.environ["USERS_PASSWORD"])
        assert user, name
"""
Caller = Callable[[str, str, str, Any], tuple[int, Any]]


@pytest.fixture(scope="module")
def call(
    postgres: Any, crm_template: str, provisioning_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Caller]:
    """Call a path as a user of that name, through an API server of this module's own."""
    home = tmp_path_factory.mktemp("airflow")
    crm, provisioning = unique("crm"), unique("provisioning")
    prepare_crm(postgres, crm, crm_template)
    prepare_provisioning(postgres, provisioning, provisioning_template)
    port = port_to_use(None)
    url = f"http://{LOOPBACK}:{port}"
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(PROJECT / "plugins"),
        "DEPLOY": str(PROJECT / "deploy"),
        "USERS_PASSWORD": PASSWORD,
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW_CONN_CRM_DB": postgres_connection(postgres.dsn(crm, "crm_reader"), read_only=True),
        "AIRFLOW_CONN_PROVISIONING_PAGES_DB": postgres_connection(postgres.dsn(provisioning, "pages")),
        "AIRFLOW_CONN_TUCANO_JWT": key_connection(secrets.token_hex(32)),
    }
    for command in (["-m", "airflow", "db", "migrate"], ["-c", USERS]):
        ended = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, env=environment, check=False
        )
        assert ended.returncode == 0, ended.stderr
    with (home / "api-server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "airflow", "api-server"], env=environment, stdout=log, stderr=log
        )
    tokens: dict[str, str] = {}

    def ask(user: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        if user and user not in tokens:
            log_in = {"username": user, "password": PASSWORD}
            tokens[user] = send(url, "POST", "/auth/token", log_in)[1]["access_token"]
        return send(url, method, path, body, tokens.get(user, ""))

    try:
        wait_until_healthy(url, server, home / "api-server.log")
        yield ask
    finally:
        server.terminate()
        server.wait(30)
        postgres.drop_database(crm)
        postgres.drop_database(provisioning)


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + HEALTHY_SECONDS
    while True:
        try:
            if send(url, "GET", "/api/v2/version")[0] == 200:
                return
        except OSError:
            assert server.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.3)


def send(url: str, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
    request = urllib.request.Request(  # noqa: S310 our own server
        url + path,
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {}),
        method=method,
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


ASKED = {"subscription_identifier": {"number": "S0000000309"}}


def test_the_role_portal_may_authenticate_subscribers(call: Caller) -> None:
    status, body = call("portal", "POST", "/provisioning/authenticate", ASKED)

    assert (status, body["subscription_number"]) == (200, "S0000000309")


@pytest.mark.parametrize("user", ["viewer", "op"])
def test_who_may_see_or_trigger_runs_may_not_ask_for_a_portal(call: Caller, user: str) -> None:
    status, body = call(user, "POST", "/provisioning/authenticate", ASKED)

    assert (status, body["error_code"]) == (403, "NOT_AUTHORIZED")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/provisioning/api/subscriptions/S0000000309", None),
        ("/provisioning/api/subscriptions/S0000000309/runs/1", None),
        ("/provisioning/api/provider", None),
        ("/provisioning/api/what-ifs/1", None),
        ("/provisioning/api/provider/check", {"provider_file": "x"}),
    ],
)
@pytest.mark.parametrize(
    ("user", "expected"),
    [("", 401), ("portal", 403), ("public", 403), ("viewer", 200), ("user", 200), ("op", 200)],
)
def test_the_pages_of_one_case_are_for_who_may_see_runs(
    call: Caller, path: str, body: Any, user: str, expected: int
) -> None:
    assert call(user, "GET" if body is None else "POST", path, body)[0] == expected


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/v2/dags/tucano_reset_run", None),
        ("GET", "/api/v2/connections", None),
        ("GET", "/api/v2/dags/tucano_reset_run/dagRuns", None),
        ("POST", "/api/v2/dags/tucano_reset_run/dagRuns", {"logical_date": None}),
        ("GET", "/api/v2/variables", None),
    ],
)
def test_the_role_portal_may_do_nothing_else(call: Caller, method: str, path: str, body: Any) -> None:
    status, _ = call("portal", method, path, body)

    assert status == 403


PAGES = (
    *("/provisioning/api/overview", "/provisioning/api/days", "/provisioning/api/batches"),
    *("/provisioning/api/requests", "/provisioning/api/batches/1", "/provisioning/api/batches/1/errors"),
)
ACT = f"/provisioning/api/batches/1/retry?signature={'0' * 32}"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("user", "allowed"),
    [("portal", False), ("public", False), ("viewer", True), ("user", True), ("op", True)],
)
def test_the_pages_are_for_who_may_see_runs(call: Caller, path: str, user: str, allowed: bool) -> None:
    status, _ = call(user, "GET", path, None)

    # There is no batch 1 yet: who may ask is told so.
    assert status == (403 if not allowed else 404 if "/batches/1" in path else 200)


@pytest.mark.parametrize(
    ("user", "status"),
    [("", 401), ("portal", 403), ("public", 403), ("viewer", 403), ("user", 404), ("op", 404)],
)
def test_acting_is_for_who_may_trigger_runs(call: Caller, user: str, status: int) -> None:
    assert call(user, "GET", ACT, None)[0] == status


@pytest.mark.parametrize("path", PAGES)
def test_nobody_reads_the_pages_without_logging_in(call: Caller, path: str) -> None:
    assert call("", "GET", path, None)[0] == 401
