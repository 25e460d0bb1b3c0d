"""The server and the databases that everything is measured on: made here, gone at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import psycopg

from demo.launcher.databases import prepare_crm, prepare_provisioning, prepare_roles
from demo.launcher.postgres import PostgresServer
from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.steps import load_provider, reset_run

Database: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

SQL_FOLDER = Path(__file__).parent / "sql"
SHIPPED_PROVIDER = load_provider.PROVIDER_FILE
# What only asks the databases has no platform to talk to.
NO_PLATFORM = Endpoint(url="http://127.0.0.1:1", user="-", password="-")  # noqa: S106


@contextmanager
def server() -> Iterator[PostgresServer]:
    """Start PostgreSQL with the demo's durable settings in a folder that is removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="provisioning-bench-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)  # PostgreSQL runs as an unprivileged user, who must pass through
    try:
        with PostgresServer(folder / "postgres") as postgres:
            prepare_roles(postgres)
            yield postgres
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Ground:
    """A pair of databases, CRM and provisioning, on one server."""

    def __init__(self, postgres: PostgresServer, name: str) -> None:
        """Create the databases crm_*name* (empty) and provisioning_*name* (migrated)."""
        self.postgres = postgres
        self.crm_name, self.provisioning_name = f"crm_{name}", f"provisioning_{name}"
        self._runs = 0
        prepare_crm(postgres, self.crm_name)
        prepare_provisioning(postgres, self.provisioning_name)

    def connections(self, tucano: Endpoint = NO_PLATFORM) -> Connections:
        """Return what the shipped steps are given, with the rights they have in production."""
        return Connections(
            provisioning_dsn=self.postgres.dsn(self.provisioning_name, "provisioner"),
            crm_dsn=self.postgres.dsn(self.crm_name, "crm_reader"),
            tucano=tucano,
        )

    def open_batch(
        self, parameters: dict[str, Any] | None = None, *, provider: Path = SHIPPED_PROVIDER
    ) -> int:
        """Open the batch of a new reset run and load its provider; return its number."""
        self._runs += 1
        run = reset_run.Run(run_id=f"benchmark {self._runs}", requested_by="benchmarks")
        connections = self.connections()
        batch_id = reset_run.open_batch_of_run(connections, run, parameters or {})
        load_provider.run(connections, batch_id, provider)
        return batch_id

    def admin(self, name: str) -> Database:
        """Connect to a database as its superuser, each statement a transaction; the caller closes."""
        return psycopg.connect(self.postgres.admin_dsn(name), autocommit=True)

    def settle(self) -> None:
        """Give the planner its statistics and write out what waits, so that no side pays for another one's work."""
        with self.admin(self.provisioning_name) as db:
            db.execute("VACUUM (ANALYZE)")
            db.execute("CHECKPOINT")


def rows(db: Database, name: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """Run benchmarks/sql/*name*.sql and return the rows of its last statement, none where that returns none."""
    cursor = db.execute(_statements(name), parameters)
    while cursor.nextset():
        pass
    return cursor.fetchall() if cursor.description else []


def one(db: Database, name: str) -> tuple[Any, ...]:
    """Run benchmarks/sql/*name*.sql and return its first row, or an empty one."""
    return next(iter(rows(db, name)), ())


@cache
def _statements(name: str) -> bytes:
    # Bytes, not text: psycopg takes only literal strings as queries, so that none is put together by accident.
    return (SQL_FOLDER / f"{name}.sql").read_bytes()
