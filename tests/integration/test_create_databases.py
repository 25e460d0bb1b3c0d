"""Holds deploy/create_databases.py to least privilege on a real PostgreSQL server of its own.

Of its own, since it sets the passwords of roles that the other tests of the session log in with.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from demo.launcher.postgres import PostgresServer
from deploy.create_databases import (
    OWNERS,
    PASSWORD_VARIABLES,
    DeploymentError,
    create_databases,
    read_passwords,
)
from provisioner import migrate

MAY_CONNECT = {
    "airflow": {"airflow"},
    "crm": {"crm_owner", "crm_reader"},
    "provisioning": {"provisioning_owner", "archivist", "provisioner", "pages", "data_team"},
}


def new_passwords() -> dict[str, str]:
    return {role: secrets.token_hex(16) for role in PASSWORD_VARIABLES}


@pytest.fixture(scope="module")
def server(runtime_folder: Path) -> Iterator[PostgresServer]:
    with PostgresServer(runtime_folder / "postgres_of_deploy", durable=False) as server:
        yield server


@pytest.fixture
def passwords(server: PostgresServer) -> dict[str, str]:
    """The passwords of a server on which the script has run, however often."""
    made = new_passwords()
    create_databases(server.admin_dsn(), made)
    server.passwords |= made
    return made


@pytest.mark.usefixtures("passwords")
def test_each_role_may_connect_to_its_database_and_to_no_other(server: PostgresServer) -> None:
    connected: dict[str, set[str]] = {name: set() for name in OWNERS}
    for database in OWNERS:
        for role in PASSWORD_VARIABLES:
            try:
                psycopg.connect(server.dsn(database, role)).close()
            except psycopg.OperationalError as error:
                assert "permission denied for database" in str(error)  # noqa: PT017  # the reason of the refusal
                continue
            connected[database].add(role)

    assert connected == MAY_CONNECT


@pytest.mark.usefixtures("passwords")
def test_no_role_may_make_roles_or_databases_or_see_past_its_rights(server: PostgresServer) -> None:
    with psycopg.connect(server.admin_dsn()) as db:
        powerful = db.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
            " AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)",
            [list(PASSWORD_VARIABLES)],
        ).fetchall()

    assert powerful == []


@pytest.mark.usefixtures("passwords")
def test_the_owner_migrates_and_the_tasks_role_works_there(server: PostgresServer) -> None:
    version = migrate.migrate(server.dsn("provisioning", "provisioning_owner"))

    with psycopg.connect(server.dsn("provisioning", "provisioner")) as db:
        assert db.execute("SELECT count(*) FROM known_state").fetchone() == (0,)
    assert version == migrate.newest_version()


@pytest.mark.usefixtures("passwords")
def test_the_crms_reader_cannot_write_even_where_it_was_given_the_right(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn("crm", "crm_owner")) as db:
        db.execute("CREATE TABLE IF NOT EXISTS box (serial_number text)")
        db.execute("GRANT ALL ON box TO crm_reader")

    with (
        psycopg.connect(server.dsn("crm", "crm_reader")) as db,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        db.execute("INSERT INTO box VALUES ('1')")


@pytest.mark.usefixtures("passwords")
def test_doing_it_again_changes_the_passwords_and_keeps_the_rows(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn("airflow", "airflow")) as db:
        db.execute("CREATE TABLE kept (id integer)")
    old = server.dsn("airflow", "airflow")
    changed = new_passwords()

    made = create_databases(server.admin_dsn(), changed)

    server.passwords |= changed
    assert made == []
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)
    with psycopg.connect(server.dsn("airflow", "airflow")) as db:
        assert db.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_the_servers_log_never_holds_a_password(server: PostgresServer, passwords: dict[str, str]) -> None:
    with psycopg.connect(server.admin_dsn(), autocommit=True) as db:
        db.execute("ALTER ROLE postgres SET log_statement = 'ddl'")
    later = {role: secrets.token_hex(16) for role in passwords}

    create_databases(server.admin_dsn(), later)

    server.passwords |= later
    log = server.log.read_text()
    assert "ALTER ROLE" in log
    assert [role for role, password in later.items() if password in log] == []


@pytest.mark.parametrize("unfit", ["", "short", "with a space in it", "slash/and@colon:0000"])
def test_a_password_that_a_uri_cannot_carry_is_refused_by_the_name_of_its_variable(unfit: str) -> None:
    environment = {variable: secrets.token_hex(16) for variable in PASSWORD_VARIABLES.values()}

    with pytest.raises(DeploymentError, match=r"^PAGES_PASSWORD: set at least 16 letters"):
        read_passwords(environment | {"PAGES_PASSWORD": unfit})
