"""Holds the environment of docker-compose.yaml to the code: what it reads is provided, what is provided it reads.

The code is read as text (ast); no container, no Airflow process.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from deploy.create_databases import OWNERS, PASSWORD_VARIABLES
from tests.integration.compose_file import (
    AIRFLOW_SERVICES,
    HOME,
    PROJECT,
    example,
    interpolate,
    services,
    strings,
)

ENVIRONMENT = {name: value or f"a-value-for-{name}" for name, value in example().items()}
WIRING = PROJECT / "plugins" / "provisioner" / "wiring.py"

# The pages and the portal's door run in the API server and never in a task, with a role and keys of their own.
API_SERVER_ALONE = ("provisioning_pages_db", "tucano_jwt")
# Portals are answered from the CRM's data of the moment.
API_SERVER_TOO = ("crm_db",)

# Read by programs that are not ours: the base image's entry point, uvicorn, redis-cli, the postgres image.
READ_BY_OTHERS = {"DUMB_INIT_SETSID", "FORWARDED_ALLOW_IPS", "REDISCLI_AUTH", "POSTGRES_PASSWORD"}

# What only tests set: where a process is to die (provisioner/failpoint.py).
NEVER_SET = {"PROVISIONING_FAILPOINT", "PROVISIONING_FAILPOINT_SIGNAL"}

# Path -> who runs what lies there; variables read there must reach these services, and only they need them.
READERS: dict[str, tuple[str, ...]] = {
    "dags/": ("dag-processor", "worker"),
    "plugins/provisioner/migrate.py": ("migrate",),
    "plugins/provisioner/web/": ("api-server",),
    "plugins/": ("worker",),
    "deploy/create_databases.py": ("databases",),
    "deploy/healthy.py": ("worker", "dag-processor", "triggerer", "api-server"),
    "deploy/lane_alive.py": ("real-time",),
    "demo/crm/": ("demo-crm",),
    "demo/simulator/": ("simulator",),
}


def environment_of(service: str) -> dict[str, str]:
    return {
        name: interpolate(str(value), ENVIRONMENT)
        for name, value in services()[service].get("environment", {}).items()
    }


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((PROJECT / folder).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def connection_ids(module: ast.Module) -> set[str]:
    """Return the connection ids that *module* looks up: constants it passes to a call, or a literal to a look-up."""
    constants = {
        target.id: node.value.value
        for node in module.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    found = set()
    for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
        look_up = ast.unparse(call.func) in {
            "Connection.get",
            "BaseHook.get_connection",
            "_get",
            "_dsn",
            "_endpoint",
        }
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            if isinstance(argument, ast.Name) and argument.id in constants:
                found.add(constants[argument.id])
            elif look_up and isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                found.add(argument.value)
    return {value for value in found if re.fullmatch(r"[a-z][a-z0-9_]*", value)}


def variables_read(module: ast.Module) -> set[str]:
    """Return the environment variables that *module* reads by a literal name."""
    reads = r"os\.environ\[|os\.environ\.get\(|os\.getenv\(|environ\[|environ\.get\("
    return {
        name
        for node in ast.walk(module)
        if isinstance(node, ast.Call | ast.Subscript)
        for name in re.findall(rf"^(?:{reads})'(\w+)'", ast.unparse(node))
    }


def provided_connections(service: str) -> set[str]:
    names = environment_of(service)
    return {name.removeprefix("AIRFLOW_CONN_").lower() for name in names if name.startswith("AIRFLOW_CONN_")}


def test_worker_and_api_server_get_the_connections_they_use_and_nobody_gets_more() -> None:
    wired = connection_ids(ast.parse(WIRING.read_text()))
    alone = set(API_SERVER_ALONE)

    assert {"crm_db", "provisioning_db", "tucano"} | alone <= wired
    assert provided_connections("worker") == wired - alone
    assert provided_connections("api-server") == alone | set(API_SERVER_TOO)
    # In place of a worker's task, so that it gets what that task uses.
    assert provided_connections("real-time") == {"crm_db", "provisioning_db", "tucano"}
    assert [
        name
        for name in services()
        if name not in ("worker", "api-server", "real-time") and provided_connections(name)
    ] == []


def test_nothing_but_the_wiring_looks_up_a_connection() -> None:
    looking = [
        str(path)
        for path, module in sources("plugins", "dags")
        for call in ast.walk(module)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).endswith(("Connection.get", "get_connection"))
        and path != WIRING
    ]

    assert looking == []


@pytest.mark.parametrize("connection", ["crm_db", "provisioning_db", "provisioning_archive_db"])
def test_a_database_connection_logs_in_as_the_role_made_for_it(connection: str) -> None:
    given = json.loads(environment_of("worker")[f"AIRFLOW_CONN_{connection.upper()}"])
    role = {
        "crm_db": "crm_reader", "provisioning_db": "provisioner", "provisioning_archive_db": "archivist"
    }[connection]  # fmt: skip

    assert (given["conn_type"], given["host"], given["port"]) == ("postgres", "postgres", 5432)
    assert (given["login"], given["schema"]) == (role, connection.split("_")[0])
    assert given["password"] == ENVIRONMENT[PASSWORD_VARIABLES[role]]
    assert given["schema"] in OWNERS


def test_the_api_server_is_the_role_that_reads_and_signs_with_the_secret_of_the_environment() -> None:
    given = {
        name: json.loads(environment_of("api-server")[f"AIRFLOW_CONN_{name.upper()}"])
        for name in API_SERVER_ALONE
    }

    assert given["provisioning_pages_db"]["login"] == "pages"
    assert given["provisioning_pages_db"]["password"] == ENVIRONMENT["PAGES_PASSWORD"]
    assert given["tucano_jwt"]["password"] == ENVIRONMENT["TUCANO_JWT_SECRET"]
    assert given["tucano_jwt"]["extra"] == {"previous_key": ENVIRONMENT["TUCANO_JWT_PREVIOUS_SECRET"]}
    assert (
        environment_of("api-server")["AIRFLOW_CONN_CRM_DB"] == environment_of("worker")["AIRFLOW_CONN_CRM_DB"]
    )


def test_the_connection_to_tucano_is_the_operators_over_tls() -> None:
    given = json.loads(environment_of("worker")["AIRFLOW_CONN_TUCANO"])

    assert given == {
        "conn_type": "http", "schema": "https", "host": ENVIRONMENT["TUCANO_HOST"], "port": 443,
        "login": ENVIRONMENT["TUCANO_USER"], "password": ENVIRONMENT["TUCANO_PASSWORD"],
    }  # fmt: skip


def variables_read_by_service() -> dict[str, set[str]]:
    """Return what each service's own code reads: the Python files and scripts that READERS says it runs."""
    read: dict[str, set[str]] = {name: set() for name in services()}
    for path, module in sources("dags", "plugins", "deploy", "demo/crm", "demo/simulator"):
        relative = str(path.relative_to(PROJECT))
        names = variables_read(module) - NEVER_SET
        if relative == "deploy/create_databases.py":
            names |= set(PASSWORD_VARIABLES.values())
        if not names:
            continue
        runs = next((who for prefix, who in READERS.items() if relative.startswith(prefix)), None)
        assert runs is not None, f"{relative} reads {sorted(names)}: say in READERS who runs it"
        for service in runs:
            read[service] |= names
    read["migrate"] |= set(re.findall(r"\$(\w+)", (PROJECT / "deploy" / "migrate.sh").read_text()))
    return read


def test_every_variable_the_code_reads_reaches_those_who_run_it() -> None:
    missing = {
        service: sorted(names - environment_of(service).keys())
        for service, names in variables_read_by_service().items()
    }

    assert {service: names for service, names in missing.items() if names} == {}


def test_nothing_is_provided_that_nobody_reads() -> None:
    read = variables_read_by_service()
    unused = {
        service: sorted(
            name
            for name in environment_of(service)
            if not name.startswith(("AIRFLOW__", "AIRFLOW_CONN_"))
            and name not in READ_BY_OTHERS | read[service]
        )
        for service in services()
    }

    assert {service: names for service, names in unused.items() if names} == {}


def test_the_owners_of_databases_are_known_to_the_one_shots_alone() -> None:
    owners = {
        "POSTGRES_ADMIN_DSN": "databases",
        "PROVISIONING_OWNER_DSN": "migrate",
        "CRM_DSN": "demo-crm",
    }

    assert {
        variable: [service for service in services() if variable in environment_of(service)]
        for variable in owners
    } == {variable: [service] for variable, service in owners.items()}


def test_all_of_airflow_shares_the_secrets_that_must_be_the_same() -> None:
    shared = ("CORE__FERNET_KEY", "API_AUTH__JWT_SECRET", "API__SECRET_KEY", "DATABASE__SQL_ALCHEMY_CONN")
    values = [
        tuple(environment_of(service)[f"AIRFLOW__{name}"] for name in shared)
        for service in (*AIRFLOW_SERVICES, "migrate")
    ]

    assert len(set(values)) == 1


def test_the_broker_asks_for_the_password_that_airflow_gives() -> None:
    asked = environment_of("redis")["REDISCLI_AUTH"]

    assert environment_of("worker")["AIRFLOW__CELERY__BROKER_URL"] == f"redis://:{asked}@redis:6379/0"
    assert "requirepass $REDISCLI_AUTH" in interpolate(services()["redis"]["command"][-1], {})


def test_each_database_url_logs_in_with_the_password_of_its_role() -> None:
    urls = {
        "airflow": environment_of("worker")["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", ""),
        "provisioning_owner": environment_of("migrate")["PROVISIONING_OWNER_DSN"],
        "crm_owner": environment_of("demo-crm")["CRM_DSN"],
    }

    for role, url in urls.items():
        given = conninfo_to_dict(url)
        assert (given["user"], given["password"]) == (role, ENVIRONMENT[PASSWORD_VARIABLES[role]])
        assert given["dbname"] in OWNERS


def test_the_code_that_runs_in_a_container_is_at_the_path_it_is_called_by() -> None:
    called = [
        word
        for settings in services().values()
        for key in ("command", "entrypoint", "healthcheck")
        for word in strings(settings.get(key))
        if word.startswith(f"{HOME}/")
        and "simulator/" not in word  # the simulator's state file is made there
    ]

    assert called
    assert [path for path in called if not (PROJECT / path.removeprefix(f"{HOME}/")).is_file()] == []
