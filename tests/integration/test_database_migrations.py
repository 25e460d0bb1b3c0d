"""Migrations: twice, at once, and on the oldest PostgreSQL that is promised, with a whole night on it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from demo.crm import install
from demo.launcher.administration import Postgres
from demo.launcher.databases import prepare_crm, prepare_provisioning, prepare_roles
from demo.launcher.postgres import PostgresServer
from provisioner import migrate
from tests.integration.conftest import unique
from tests.integration.stage import opened
from tests.simulator_process import SimulatorProcess

DEBIANS = Path("/usr/lib/postgresql/15")


@pytest.fixture
def empty_database(postgres: Postgres) -> Iterator[str]:
    """The owner's DSN of a database with roles and no tables."""
    name = unique("migrated")
    postgres.create_database(name)
    migrate.create_roles(postgres.admin_dsn(name), {})
    yield postgres.dsn(name, "provisioning_owner")
    postgres.drop_database(name)


def schema_of(dsn: str) -> list[tuple[object, ...]]:
    """Every column, constraint and index with its definition."""
    with psycopg.connect(dsn) as db:
        return db.execute(
            """
            SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
            WHERE table_schema = 'public'
            UNION ALL
            SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), '', '' FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
            UNION ALL
            SELECT tablename::text, indexname::text, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
            ORDER BY 1, 2, 3
            """
        ).fetchall()


def test_an_empty_database_reaches_the_newest_version(empty_database: str) -> None:
    assert migrate.version(empty_database) == ""

    assert migrate.migrate(empty_database) == migrate.newest_version()


def test_migrating_again_changes_nothing(empty_database: str) -> None:
    migrate.migrate(empty_database)
    before = schema_of(empty_database)

    assert migrate.migrate(empty_database) == migrate.newest_version()
    assert schema_of(empty_database) == before


def test_several_who_migrate_at_once_all_reach_the_newest_version(empty_database: str) -> None:
    with ThreadPoolExecutor(3) as several:
        reached = list(several.map(migrate.migrate, [empty_database] * 3))

    assert reached == [migrate.newest_version()] * 3


def test_a_database_in_use_keeps_its_rows(empty_database: str) -> None:
    migrate.migrate(empty_database)
    with psycopg.connect(empty_database) as db:
        db.execute("INSERT INTO known_state (account, account_exists) VALUES ('A', true)")

    migrate.migrate(empty_database)

    with psycopg.connect(empty_database) as db:
        assert db.execute("SELECT account FROM known_state").fetchall() == [("A",)]


def test_migrations_are_a_chain_without_a_way_back() -> None:
    versions = sorted((migrate.SCHEMA_FOLDER / "versions").glob("[0-9]*.py"))

    assert [path.name[:4] for path in versions] == [f"{n:04d}" for n in range(1, len(versions) + 1)]
    assert not [path.name for path in versions if "def downgrade" in path.read_text(encoding="utf-8")]


class DebiansServer(PostgresServer):
    """Debian's PostgreSQL 15 in place of the embedded one."""

    def _server_files(self) -> Path:
        return DEBIANS


@pytest.fixture(scope="module")
def oldest(runtime_folder: Path) -> Iterator[PostgresServer]:
    if not (DEBIANS / "bin" / "initdb").exists():
        pytest.skip(f"no PostgreSQL 15 at {DEBIANS}: apt-get install postgresql-15")
    with DebiansServer(runtime_folder / "postgres-15", durable=False, shared_buffers="32MB") as server:
        prepare_roles(server)
        yield server


def test_on_postgresql_15_the_schema_is_the_same(
    oldest: PostgresServer, provisioning_db: str, postgres: Postgres
) -> None:
    prepare_provisioning(oldest, "migrated")

    newest = schema_of(postgres.dsn(provisioning_db.rpartition("/")[2], "provisioning_owner"))
    # PostgreSQL 18 lists NOT NULL among the constraints.
    newest = [row for row in newest if not str(row[2]).startswith("NOT NULL")]
    assert schema_of(oldest.dsn("migrated", "provisioning_owner")) == newest


def test_on_postgresql_15_a_whole_night_runs(
    oldest: PostgresServer, shared_platform: SimulatorProcess
) -> None:
    prepare_crm(oldest, "crm")
    with psycopg.connect(oldest.dsn("crm", "crm_owner")) as db:
        install.create_tables(db)
        install.tie_up(db)
    prepare_provisioning(oldest, "provisioning")
    with opened(oldest, "crm", "provisioning", shared_platform) as stage:
        number = stage.subscriber("FLEX_A")
        stage.run()
        stage.act("SWAPSERVICE", number, **{"from": "FLEX_A", "to": {"code": "FLEX_B"}})
        stage.run()

        ((version,),) = stage.rows("SELECT current_setting('server_version_num')::integer / 10000")
        assert version == 15
        assert stage.holds(number)["options"] == ["VP1:GEOLOGICAL", "VP1:RELIGION"]
        assert stage.known(number) == stage.holds(number)
