"""An API server of Airflow with the pages, under SimpleAuthManager; no scheduler, so that a run stays queued."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from demo.launcher.administration import Postgres
from demo.launcher.airflow import key_connection, postgres_connection
from demo.launcher.databases import prepare_crm, prepare_provisioning
from demo.launcher.processes import LOOPBACK, port_to_use
from tests.integration.compose_file import PROJECT
from tests.integration.conftest import unique
from tests.integration.pages_data import Story

HEALTHY_SECONDS = 180
PASSWORD = secrets.token_hex(12)
SIMPLE_ROLES = ("viewer", "user", "op", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server answered; header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(kw_only=True)
class PagesServer:
    """*url*; *owner_dsn* of the provisioning database that it reads, *crm_dsn* of the CRM as its owner."""

    url: str
    owner_dsn: str
    crm_dsn: str
    log: Path
    story: Story = field(default_factory=lambda: Story(bad=0, running=0, dry=0))
    _tokens: dict[str, str] = field(default_factory=dict)

    def token(self, user: str) -> str:
        """Return a token of *user*, whose role has the same name."""
        if user not in self._tokens:
            answer = self.call("POST", "/auth/token", body={"username": user, "password": PASSWORD})
            assert answer.status in (200, 201), answer.text
            self._tokens[user] = answer.json()["access_token"]
        return self._tokens[user]

    def call(
        self,
        method: str,
        path: str,
        user: str | None = None,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call *path* as *user*, or as nobody, and return the answer, whatever it is; redirects are not followed."""
        given = dict(headers or {})
        if user is not None:
            given["Authorization"] = f"Bearer {self.token(user)}"
        sent = None
        if body is not None:
            sent = json.dumps(body).encode()
            given["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            connection.request(method, path, sent, given)
            answer = connection.getresponse()
            text = answer.read().decode()
            return Answer(
                status=answer.status,
                headers={name.lower(): value for name, value in answer.getheaders()},
                text=text,
            )
        finally:
            connection.close()

    def page(self, path: str, user: str | None = "viewer") -> Answer:
        """Ask for a page as a browser does."""
        return self.call("GET", path, user, headers={"Accept": "text/html,application/xhtml+xml"})


@contextmanager
def started(
    postgres: Postgres, crm_template: str, provisioning_template: str, home: Path
) -> Iterator[PagesServer]:
    """Start an API server with databases of its own, and Airflow's own tables in SQLite; all gone afterwards."""
    crm, provisioning = unique("crm"), unique("provisioning")
    prepare_crm(postgres, crm, crm_template)
    prepare_provisioning(postgres, provisioning, provisioning_template)
    port = port_to_use(None)
    url = f"http://{LOOPBACK}:{port}"
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps(dict.fromkeys(SIMPLE_ROLES, PASSWORD)), encoding="utf-8")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{role}:{role}" for role in SIMPLE_ROLES),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW_CONN_CRM_DB": postgres_connection(postgres.dsn(crm, "crm_reader"), read_only=True),
        "AIRFLOW_CONN_PROVISIONING_PAGES_DB": postgres_connection(postgres.dsn(provisioning, "pages")),
        "AIRFLOW_CONN_TUCANO_JWT": key_connection(secrets.token_hex(32)),
    }
    for program in (["db", "migrate"], ["dags", "reserialize"]):
        ended = subprocess.run(
            [sys.executable, "-m", "airflow", *program],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr[-3000:]
    log = home / "api-server.log"
    with log.open("wb") as writing:
        server = subprocess.Popen(
            [sys.executable, "-m", "airflow", "api-server"], env=environment, stdout=writing, stderr=writing
        )
    found = PagesServer(
        url=url,
        owner_dsn=postgres.admin_dsn(provisioning),
        crm_dsn=postgres.dsn(crm, "crm_owner"),
        log=log,
    )
    try:
        _wait_until_healthy(found, server)
        yield found
    finally:
        server.terminate()
        server.wait(30)
        postgres.drop_database(crm)
        postgres.drop_database(provisioning)


def _wait_until_healthy(server: PagesServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + HEALTHY_SECONDS
    while True:
        try:
            if server.call("GET", "/api/v2/version").status == 200:
                return
        except OSError:
            assert process.poll() is None, server.log.read_text()[-3000:]
            assert time.monotonic() < deadline, server.log.read_text()[-3000:]
        time.sleep(0.3)


def rows(dsn: str, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask a database, and commit."""
    with psycopg.connect(dsn) as db:
        cursor = db.execute(query.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []
