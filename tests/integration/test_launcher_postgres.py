"""The embedded PostgreSQL: who it runs as, what it trusts, what it survives; and the databases made on it."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from demo.launcher.errors import LauncherError
from demo.launcher.postgres import NOBODY, PostgresServer
from demo.launcher.processes import LOOPBACK, command_line


@pytest.fixture
def server(runtime_folder: Path, request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A server of the test's own, stopped at its end whatever the test did to it."""
    own = PostgresServer(runtime_folder / request.node.name, durable=False, shared_buffers="16MB")
    yield own
    own.stop()


def test_a_killed_server_comes_back_with_what_was_committed(server: PostgresServer) -> None:
    server.start()
    with psycopg.connect(server.admin_dsn(), autocommit=True) as db:
        db.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    server.kill()
    server.start()

    with psycopg.connect(server.admin_dsn()) as db:
        assert db.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_server_killed_just_after_an_unlogged_table_was_not_emptied_comes_back_too(
    server: PostgresServer,
) -> None:
    server.start()
    with psycopg.connect(server.admin_dsn(), autocommit=True) as db:
        # What rolled back is written to disk by the next commit, or after this time: here the power goes before.
        db.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        db.execute("CREATE UNLOGGED TABLE landed (number int)")
        db.execute("CREATE TABLE committed (number int)")
        db.execute("CHECKPOINT")
    server.restart()
    with (
        psycopg.connect(server.admin_dsn(), autocommit=True) as db,
        psycopg.connect(server.admin_dsn()) as landing,
    ):
        landing.execute("TRUNCATE landed")
        db.execute("INSERT INTO committed VALUES (1)")
        landing.rollback()
        server.kill()

    server.start()

    with psycopg.connect(server.admin_dsn()) as db:
        assert db.execute("SELECT count(*) FROM landed").fetchone() == (0,)


def test_a_restart_keeps_the_port_so_that_a_dsn_stays_good(server: PostgresServer) -> None:
    dsn = server.start().admin_dsn()

    server.restart()

    assert server.admin_dsn() == dsn
    psycopg.connect(dsn).close()


def test_the_same_folder_brings_the_cluster_back_under_its_password(server: PostgresServer) -> None:
    server.start().create_database("kept")
    server.stop()

    with PostgresServer(server.folder, durable=False) as again:
        assert again.has_database("kept")


def test_a_wrong_password_is_refused(server: PostgresServer) -> None:
    dsn = server.start().admin_dsn()

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(dsn.replace(server.passwords["postgres"], "guessed"))


def test_the_server_does_not_run_as_root_and_owns_nothing_but_its_cluster(server: PostgresServer) -> None:
    server.start()

    assert server.identity is not None
    runs_as = Path(f"/proc/{server.identity.pid}").stat().st_uid
    assert runs_as == (NOBODY if os.geteuid() == 0 else os.geteuid())
    assert server.cluster.stat().st_uid == runs_as
    assert (server.folder / "superuser_password").stat().st_uid == os.geteuid()
    assert not [path for path in server.folder.rglob("*") if path.stat().st_mode & 0o022], (
        "writable by others"
    )


def test_no_password_is_left_in_the_log_or_seen_in_the_process_list(server: PostgresServer) -> None:
    server.start()
    password = server.passwords["postgres"]

    assert server.identity is not None
    assert not any(password in argument for argument in command_line(server.identity.pid))
    assert password not in server.log.read_text()
    assert not (server.folder / "initial_password").exists()
    assert (server.folder / "superuser_password").stat().st_mode & 0o777 == 0o600


def test_a_port_in_use_is_named(runtime_folder: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(LauncherError, match=f"port {port} is in use"):
            PostgresServer(runtime_folder / "port_in_use", durable=False, port=port).start()


def test_a_second_server_on_the_same_cluster_is_refused_and_the_first_goes_on(server: PostgresServer) -> None:
    server.start()

    with pytest.raises(LauncherError, match="already runs"):
        PostgresServer(server.folder, durable=False).start()
    psycopg.connect(server.admin_dsn()).close()


def test_a_lock_file_whose_pid_belongs_to_another_process_now_is_no_hindrance(server: PostgresServer) -> None:
    server.start()
    server.kill()
    as_the_server = {"user": NOBODY} if os.geteuid() == 0 else {}
    stranger = subprocess.Popen(["/bin/sleep", "60"], **as_the_server)
    try:
        lock_file = server.cluster / "postmaster.pid"
        _, newline, rest = lock_file.read_text().partition("\n")
        lock_file.write_text(f"{stranger.pid}{newline}{rest}")

        server.start()

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_start_that_fails_shows_the_end_of_the_log(server: PostgresServer) -> None:
    server.start()
    server.stop()
    (server.cluster / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(LauncherError, match="no_such_setting"):
        server.start()


def test_a_role_meets_in_a_copied_database_the_rights_it_has_in_the_template(
    provisioning_db: str, dsn_as: Callable[[str, str], str]
) -> None:
    with psycopg.connect(dsn_as(provisioning_db, "provisioner")) as db:
        db.execute("SELECT count(*) FROM open_request")
    with (
        psycopg.connect(dsn_as(provisioning_db, "data_team")) as db,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        db.execute("SELECT count(*) FROM open_request")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(dsn_as(provisioning_db, "crm_reader"))
