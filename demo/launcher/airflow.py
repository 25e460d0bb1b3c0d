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
from pathlib import Path
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from demo.launcher.errors import LauncherError
from demo.launcher.processes import LOOPBACK, log_tail
from demo.launcher.runtime import PROJECT, Runtime, write_private

COMPONENTS = ("api-server", "dag-processor", "scheduler", "triggerer")
HEALTHY_SECONDS = (
    180  # a quarter minute on an idle machine; the first start compiles Airflow's modules as well
)
USER = "admin"
PREFERRED_PORT = 8080
OURS = (
    "AIRFLOW",
    "TUCANO_",
    "CRM_DSN",
    "PROVISIONING_",
    "DATA_TEAM_DSN",
)  # beginnings of variables we decide on


class Airflow:
    """Airflow on one port, with its metadata in *metadata_dsn* and the platform's *connections* by id."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        port: int,
        metadata_dsn: str,
        connections: Mapping[str, str],
        timezone: str | None = None,
    ) -> None:
        self.runtime = runtime
        self.url = f"http://{LOOPBACK}:{port}"
        self.home = runtime.folder / "airflow"
        self.home.mkdir(mode=0o700, exist_ok=True)
        self.password = runtime.secret("airflow_password")
        self.environment = self._environment(port, metadata_dsn, connections, timezone)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def migrate(self) -> None:
        """Make or upgrade Airflow's own tables; raises LauncherError with the end of the log."""
        process = self.runtime.start("airflow-db-migrate", self._command("db", "migrate"), self.environment)
        if process.wait() != 0:
            raise LauncherError(
                f"`airflow db migrate` failed:\n{log_tail(self.runtime.log('airflow-db-migrate'))}"
            )

    def start(self) -> None:
        """Start the four processes; they are not healthy yet."""
        write_private(self.home / "passwords.json", json.dumps({USER: self.password}))
        for component in COMPONENTS:
            # Logs lie on this machine, where the API server reads them itself: no port is opened for them.
            own = ["--skip-serve-logs"] if component in ("scheduler", "triggerer") else []
            self._processes[component] = self.runtime.start(
                f"airflow-{component}", self._command(component, *own), self.environment
            )

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

    @staticmethod
    def _command(*arguments: str) -> list[str | Path]:
        return [sys.executable, "-m", "airflow", *arguments]

    def _environment(
        self, port: int, metadata_dsn: str, connections: Mapping[str, str], timezone: str | None
    ) -> dict[str, str]:
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
            "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        environment |= {f"AIRFLOW__{name}": value for name, value in settings.items()}
        environment |= {f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections.items()}
        environment |= {
            "AIRFLOW_HOME": str(self.home),
            "PYTHONPATH": str(PROJECT / "plugins"),
            "PYTHONUNBUFFERED": "1",
            "SPT_NOENV": "1",  # process titles must not overwrite the environment that marks our processes
        }
        if timezone:
            environment["PROVISIONING_TIMEZONE"] = timezone
        return environment

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


def http_connection(url: str, user: str, password: str) -> str:
    """Return the platform's address as the JSON of an Airflow connection; a path stays part of the host."""
    parts = urlsplit(url)
    default_port = 443 if parts.scheme == "https" else 80
    return json.dumps(
        {
            "conn_type": "http",
            "schema": parts.scheme,
            "host": f"{parts.hostname}",
            "port": parts.port or default_port,
            "login": user,
            "password": password,
            "extra": {"path": parts.path} if parts.path.strip("/") else {},
        }
    )
