"""A real Airflow with the LocalExecutor: its environment, its four processes and when they are healthy.

Every secret travels in the environment, which other users cannot read; none in a command line or a log.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

from psycopg.conninfo import conninfo_to_dict

from demo.launcher.errors import LauncherError
from demo.launcher.processes import LOOPBACK, log_tail
from demo.launcher.runtime import PROJECT, Runtime, plain_environment, write_private

COMPONENTS = ("api-server", "dag-processor", "scheduler", "triggerer")
HEALTHY_SECONDS = (
    180  # a quarter minute on an idle machine; the first start compiles Airflow's modules as well
)
USER = "admin"
PREFERRED_PORT = 8080
MIGRATION = "db-migrate"


class Airflow:
    """Airflow on one port, with its own tables in *metadata_dsn*."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        port: int,
        metadata_dsn: str,
        timezone: str | None = None,
        rotation_seconds: int | None = None,
    ) -> None:
        self.runtime = runtime
        self.url = f"http://{LOOPBACK}:{port}"
        self.home = runtime.folder / "airflow"
        self.home.mkdir(mode=0o700, exist_ok=True)
        self.password = runtime.secret("airflow_password")
        self._environment = plain_environment() | self._settings(port, metadata_dsn)
        if timezone:
            self._environment["PROVISIONING_TIMEZONE"] = timezone
        if rotation_seconds:
            self._environment["PROVISIONING_ROTATION_SECONDS"] = str(rotation_seconds)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def begin_migration(self) -> None:
        """Begin to make or upgrade Airflow's own tables; `start` waits for the end."""
        self._processes[MIGRATION] = self._run(MIGRATION, "db", "migrate")

    def _run(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        return self.runtime.start(
            f"airflow-{name}", [sys.executable, "-m", "airflow", *arguments], self._environment
        )

    def start(self, connections: Mapping[str, str]) -> None:
        """Start the four processes, which know *connections* by their ids; they are not healthy yet."""
        if self._processes.pop(MIGRATION).wait() != 0:
            raise LauncherError(
                f"`airflow db migrate` failed:\n{log_tail(self.runtime.log(f'airflow-{MIGRATION}'))}"
            )
        write_private(self.home / "passwords.json", json.dumps({USER: self.password}))
        self._environment |= {f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections.items()}
        for component in COMPONENTS:
            # Logs lie on this machine, where the API server reads them itself: no port is opened for them.
            own = ["--skip-serve-logs"] if component in ("scheduler", "triggerer") else []
            self._processes[component] = self._run(component, component, *own)

    def wait_until_healthy(self, *, seconds: float = HEALTHY_SECONDS) -> None:
        """Return when every component has reported; raise LauncherError with the log of one that did not."""
        deadline = time.monotonic() + seconds
        while unhealthy := self._unhealthy():
            for component, process in self._processes.items():
                if process.poll() is not None:
                    raise LauncherError(
                        f"Airflow's {component} ended with {process.returncode}; the end of its log:\n"
                        f"{log_tail(self.runtime.log(f'airflow-{component}'))}"
                    )
            if time.monotonic() > deadline:
                raise LauncherError(
                    f"Airflow's {unhealthy[0]} did not report within {seconds:g} s; the end of its log:\n"
                    f"{log_tail(self.runtime.log(f'airflow-{unhealthy[0]}'))}"
                )
            time.sleep(0.25)

    def _unhealthy(self) -> list[str]:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/monitor/health", timeout=5) as answer:  # noqa: S310
                health = json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            return ["api-server"]
        parts = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
        return [name for name, key in parts.items() if health.get(key, {}).get("status") != "healthy"]

    def _settings(self, port: int, metadata_dsn: str) -> dict[str, str]:
        settings = {
            "CORE__EXECUTOR": "LocalExecutor",
            "CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "CORE__PARALLELISM": str(min(8, 3 * (os.cpu_count() or 1))),  # more only adds contention
            "CORE__FERNET_KEY": self._fernet_key(),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            # Written before the first start: Airflow would invent a password and write it to its log.
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "DATABASE__SQL_ALCHEMY_CONN": metadata_dsn.replace("postgresql://", "postgresql+psycopg2://", 1),
            "API__HOST": LOOPBACK,
            "API__PORT": str(port),
            "API__BASE_URL": self.url,
            "API__SECRET_KEY": self.runtime.secret("airflow_secret_key"),
            "API_AUTH__JWT_SECRET": self.runtime.secret("airflow_jwt_secret", secrets.token_hex(32)),
            "LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(self.home / "logs" / "dag_processor"),
            "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",  # seconds a short task holds its slot; 5 by default
            # A task that cannot reach an API server at work within the default 5 s counts as failed.
            "WORKERS__EXECUTION_API_TIMEOUT": "30",
            "DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",  # a second between two tasks of a person who waits
        }
        return {f"AIRFLOW__{name}": value for name, value in settings.items()} | {
            "AIRFLOW_HOME": str(self.home),
            "PROVISIONING_ARCHIVE_FOLDER": str(self.runtime.folder / "archive"),
            "PROVISIONING_IMPORT_FOLDER": str(PROJECT / "include" / "import"),
            "PYTHONPATH": str(PROJECT / "plugins"),
            "PYTHONUNBUFFERED": "1",
            "SPT_NOENV": "1",  # process titles must not overwrite the environment that marks our processes
        }

    def _fernet_key(self) -> str:
        return self.runtime.secret(
            "airflow_fernet_key", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        )


def postgres_connection(dsn: str, *, read_only: bool = False) -> str:
    """Return a libpq DSN as the JSON of an Airflow connection."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
    connection: dict[str, object] = {
        "conn_type": "postgres",
        "host": parts.pop("host", LOOPBACK),
        "port": int(parts.pop("port", "5432")),
        "schema": parts.pop("dbname", ""),
        "login": parts.pop("user", ""),
        "password": parts.pop("password", ""),
    }
    if read_only:
        parts["options"] = f"{parts.get('options', '')} -c default_transaction_read_only=on".strip()
    return json.dumps(connection | {"extra": parts})


def key_connection(key: str) -> str:
    """Return a secret key as the JSON of an Airflow connection."""
    return json.dumps({"conn_type": "generic", "password": key})


def http_connection(url: str, user: str, password: str) -> str:
    """Return the platform's address as the JSON of an Airflow connection; the host holds all of it, also a path."""
    return json.dumps({"conn_type": "http", "host": url.rstrip("/"), "login": user, "password": password})
