"""Holds the first start of docker-compose.yaml to its promise: databases, both schemas, an administrator who logs in.

Runs the two one-shot services' own programs in their own environments of the file, on a real PostgreSQL server.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from werkzeug.security import check_password_hash

from demo.launcher.postgres import PostgresServer
from deploy.new_env import fill
from provisioner import migrate
from tests.integration.compose_file import ENV_EXAMPLE, HOME, PROJECT, interpolate, services, variables

EXAMPLE = variables(fill(ENV_EXAMPLE.read_text()))


@pytest.fixture(scope="module")
def server(runtime_folder: Path) -> Iterator[PostgresServer]:
    with PostgresServer(runtime_folder / "postgres_of_first_start", durable=False) as server:
        yield server


@pytest.fixture
def run(server: PostgresServer, tmp_path: Path) -> dict[str, subprocess.CompletedProcess[str]]:
    """Run the one-shots in their order; what each of them said, by service."""
    ended = {}
    given = EXAMPLE | {"POSTGRES_PASSWORD": server.passwords[server.admin]}
    for service in ("databases", "migrate"):
        settings = services()[service]
        environment = {
            name: interpolate(value, given).replace("@postgres:5432", f"@{server.host}:{server.port}")
            for name, value in settings["environment"].items()
        }
        environment |= {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "AIRFLOW_HOME": str(tmp_path),
            "PYTHONPATH": str(PROJECT / "plugins"),
        }
        command = [word.replace(HOME, str(PROJECT)) for word in settings["entrypoint"]]
        ended[service] = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert ended[service].returncode == 0, ended[service].stderr
    return ended


def test_the_first_start_leaves_both_schemas_and_an_administrator(
    server: PostgresServer, run: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    with psycopg.connect(server.admin_dsn("airflow")) as db:
        users = db.execute(
            "SELECT username, password, name FROM ab_user"
            " JOIN ab_user_role ON user_id = ab_user.id JOIN ab_role ON role_id = ab_role.id"
        ).fetchall()
        rights_of_portals = db.execute(
            "SELECT action.name, resource.name FROM ab_role AS role"
            " JOIN ab_permission_view_role AS given ON given.role_id = role.id"
            " JOIN ab_permission_view AS permission ON permission.id = given.permission_view_id"
            " JOIN ab_permission AS action ON action.id = permission.permission_id"
            " JOIN ab_view_menu AS resource ON resource.id = permission.view_menu_id"
            " WHERE role.name = 'Portal'"
        ).fetchall()
    said = "".join(ended.stdout + ended.stderr for ended in run.values())

    ((user, verifier, role),) = users
    assert (user, role) == ("admin", "Admin")
    assert rights_of_portals == [("can_create", "Subscriber Authentication")]
    assert check_password_hash(verifier, EXAMPLE["AIRFLOW_ADMIN_PASSWORD"])
    assert migrate.version(server.admin_dsn("provisioning")) == migrate.newest_version()
    assert [
        name for name, value in EXAMPLE.items() if name.endswith("_PASSWORD") and value and value in said
    ] == []
