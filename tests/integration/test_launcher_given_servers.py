"""Servers that already run: a given CRM is only ever read, a given provisioning database migrated only on request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from demo.launcher import demo
from demo.launcher.administration import Postgres
from demo.launcher.airflow import http_connection, postgres_connection
from demo.launcher.errors import LauncherError
from demo.launcher.postgres import PostgresServer
from demo.launcher.runtime import Runtime
from demo.launcher.settings import Wanted
from demo.launcher.stack import Stack
from provisioner import migrate


def quiet(_text: str) -> None:
    """Tell nobody."""


@pytest.fixture
def stack(runtime_folder: Path, request: pytest.FixtureRequest) -> Callable[[Wanted], Stack]:
    """Make a stack, nothing of it started, that wants what a test says."""
    return lambda wanted: Stack(Runtime(runtime_folder / request.node.name), wanted, quiet)


@pytest.fixture
def empty_db(postgres: Postgres) -> Iterator[str]:
    """The DSN of an empty database, as its administrator."""
    postgres.create_database("theirs")
    yield postgres.admin_dsn("theirs")
    postgres.drop_database("theirs")


@pytest.fixture
def their_server(runtime_folder: Path, request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A server that has never seen us: none of our roles exists."""
    with PostgresServer(
        runtime_folder / f"their_{request.node.name}", durable=False, shared_buffers="16MB"
    ) as server:
        yield server


def tables(dsn: str) -> list[str]:
    """Return the names of the tables a database has outside the system's schemas."""
    with psycopg.connect(dsn) as db:
        found = db.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        ).fetchall()
    return [name for (name,) in found if not name.startswith(("pg_catalog.", "information_schema."))]


def test_nothing_is_made_in_a_given_crm(stack: Callable[[Wanted], Stack], empty_db: str) -> None:
    ours = stack(Wanted(crm_dsn=empty_db))

    ours.prepare_crm()

    assert tables(empty_db) == []
    assert ours.crm_reader_dsn == empty_db


def test_the_tasks_session_at_a_given_crm_cannot_write(empty_db: str) -> None:
    connection = postgres_connection(empty_db, read_only=True)

    assert '"options": "-c default_transaction_read_only=on"' in connection


def test_a_given_crm_that_does_not_answer_is_named_without_its_password(
    stack: Callable[[Wanted], Stack],
) -> None:
    wanted = Wanted(crm_dsn="postgresql://reader:topsecret@127.0.0.1:1/crm")

    with pytest.raises(LauncherError, match="the database of CRM_DSN cannot be opened") as raised:
        stack(wanted).prepare_crm()
    assert "topsecret" not in str(raised.value)


def test_the_demo_refuses_a_given_crm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DSN", "postgresql://reader@crm.example/crm")

    with pytest.raises(LauncherError, match="unset CRM_DSN"):
        demo.demo(quiet)


def test_a_given_provisioning_database_without_our_schema_is_refused_and_left_as_it_is(
    stack: Callable[[Wanted], Stack], empty_db: str
) -> None:
    with pytest.raises(LauncherError, match=r"has no schema of ours.*nothing was changed.*MIGRATE=yes"):
        stack(Wanted(provisioning_dsn=empty_db)).prepare_provisioning()

    assert tables(empty_db) == []


def test_a_given_provisioning_database_of_an_old_schema_is_refused_and_named(
    stack: Callable[[Wanted], Stack], provisioning_db: str, dsn_as: Callable[[str, str], str]
) -> None:
    with psycopg.connect(dsn_as(provisioning_db, "provisioning_owner")) as db:
        db.execute("UPDATE schema_version SET version_num = '0000'")

    with pytest.raises(LauncherError, match="at schema version 0000, and this code needs"):
        stack(Wanted(provisioning_dsn=provisioning_db)).prepare_provisioning()


def test_a_given_provisioning_database_of_the_newest_schema_is_used(
    stack: Callable[[Wanted], Stack], provisioning_db: str
) -> None:
    ours = stack(Wanted(provisioning_dsn=provisioning_db))

    ours.prepare_provisioning()

    assert ours.provisioning_dsn == provisioning_db


def test_migrate_yes_makes_schema_and_roles_and_the_data_team_can_log_in(
    stack: Callable[[Wanted], Stack], their_server: PostgresServer
) -> None:
    their_server.create_database("theirs")
    ours = stack(Wanted(provisioning_dsn=their_server.admin_dsn("theirs"), migrate=True))

    ours.prepare_provisioning()

    assert migrate.version(their_server.admin_dsn("theirs")) == migrate.newest_version()
    with psycopg.connect(ours.data_team_dsn) as db:
        db.execute("SELECT count(*) FROM request_history")


def test_migrate_yes_leaves_roles_that_exist_their_passwords(
    stack: Callable[[Wanted], Stack], postgres: Postgres, empty_db: str
) -> None:
    ours = stack(Wanted(provisioning_dsn=empty_db, migrate=True))

    ours.prepare_provisioning()

    assert ours.data_team_dsn == ""
    psycopg.connect(postgres.dsn("theirs", "data_team")).close()


def test_migrate_yes_with_a_user_who_may_not_is_told_so(
    stack: Callable[[Wanted], Stack], their_server: PostgresServer
) -> None:
    their_server.create_role("nobody_special", "p")
    their_server.create_database("theirs")
    wanted = Wanted(provisioning_dsn=their_server.dsn("theirs", "nobody_special"), migrate=True)

    with pytest.raises(LauncherError, match="MIGRATE=yes needs"):
        stack(wanted).prepare_provisioning()


def test_a_platform_below_a_path_keeps_its_path() -> None:
    connection = http_connection("https://tucano.example:8443/north/", "u", "p")

    assert '"host": "https://tucano.example:8443/north"' in connection
