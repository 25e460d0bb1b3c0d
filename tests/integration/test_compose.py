"""Holds docker-compose.yaml to the Compose Specification and to its promises: secrets, health, order, profiles.

No container is started here. What the code needs of the file is in test_compose_environment.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest

from tests.integration.compose_file import (
    AIRFLOW_SERVICES,
    COMPOSE_FILE,
    ENV_EXAMPLE,
    HOME,
    ONE_SHOT,
    PROJECT,
    VARIABLE,
    document,
    example,
    services,
    strings,
)

SCHEMA = Path(__file__).with_name("compose_spec") / "compose-spec.json"
DOCKERFILE = (PROJECT / "Dockerfile").read_text()

# A variable that holds a secret has such a name; a literal under such a name is a secret in the file.
SECRET_NAME = re.compile(r"PASSWORD|SECRET|_KEY$|REDISCLI_AUTH|DSN|CONN|BROKER_URL|RESULT_BACKEND")
GIVEN_BY_THE_OPERATOR = {"TUCANO_HOST": "tucano.example", "TUCANO_USER": "crm", "TUCANO_PASSWORD": "given"}


@pytest.fixture
def new_env(tmp_path: Path) -> Path:
    """A .env as docs/deploy.md has it made."""
    command = [sys.executable, PROJECT / "deploy" / "new_env.py"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for name, value in GIVEN_BY_THE_OPERATOR.items():
        printed = printed.replace(f"\n{name}=\n", f"\n{name}={value}\n")
    path = tmp_path / "env"
    path.write_text(printed)
    return path


def docker_compose(env_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("docker-compose")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("docker-compose is not installed: apt-get install docker-compose (.ci/run does)")
        pytest.skip("docker-compose is not installed: apt-get install docker-compose")
    command = [program, "--env-file", env_file, "-f", COMPOSE_FILE, *arguments]
    # Variables of whoever runs the tests would win over the file.
    environment = {"PATH": os.environ["PATH"], "HOME": str(env_file.parent)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_file_is_valid_by_the_compose_specification() -> None:
    # By name of the draft: the schema's own link to it is one that no validator knows.
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(document())


@pytest.mark.parametrize("profile", [(), ("--profile", "demo")], ids=["production", "demo"])
def test_docker_compose_accepts_the_file_with_a_new_env(new_env: Path, profile: tuple[str, ...]) -> None:
    answer = docker_compose(new_env, *profile, "config", "--quiet")

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_docker_compose_names_the_secret_that_is_missing(new_env: Path) -> None:
    new_env.write_text(
        re.sub(r"^REDIS_PASSWORD=.*$", "REDIS_PASSWORD=", new_env.read_text(), flags=re.MULTILINE)
    )

    answer = docker_compose(new_env, "config", "--quiet")

    assert answer.returncode != 0
    assert "set REDIS_PASSWORD in .env" in answer.stderr


def test_every_required_variable_says_which_one_to_set() -> None:
    required = [found for found in VARIABLE.finditer(COMPOSE_FILE.read_text()) if found["separator"] == ":?"]

    assert required
    assert [found[0] for found in required if found["rest"] != f"set {found['name']} in .env"] == []


def test_every_variable_is_in_the_example_with_a_comment_and_nothing_else_is() -> None:
    used = {found["name"] for found in VARIABLE.finditer(COMPOSE_FILE.read_text())}
    lines = ENV_EXAMPLE.read_text().splitlines()
    uncommented = [line for above, line in pairwise(lines) if re.match(r"[A-Z]", line) and above[:2] != "# "]

    assert set(example()) == used
    assert uncommented == []


def test_the_example_holds_no_value_for_a_secret_and_the_defaults_of_the_file_for_the_rest() -> None:
    # A key that is only there while it is changed is empty in both.
    defaults = {
        found["name"]: found["rest"]
        for found in VARIABLE.finditer(COMPOSE_FILE.read_text())
        if found["separator"] == ":-" and found["rest"]
    }
    set_here = {name: value for name, value in example().items() if value}
    required_though_known = {"AIRFLOW_ADMIN_USER": "admin", "AIRFLOW_ADMIN_EMAIL": "admin@example.com"}

    assert [name for name in set_here if SECRET_NAME.search(name)] == []
    assert set_here == defaults | required_though_known


def test_no_secret_stands_in_the_file() -> None:
    literal = []
    for service, settings in services().items():
        for name, value in settings.get("environment", {}).items():
            if not SECRET_NAME.search(name) or name == "AIRFLOW__CORE__EXECUTION_API_SERVER_URL":
                continue
            required = [found for found in VARIABLE.finditer(value) if found["separator"] == ":?"]
            beside = VARIABLE.sub("", value)
            # `login:password@` and a JSON password are secrets; the variable must be all there is of them.
            if not required or re.search(r":[^/:@\"]+@|\"password\": \"[^\"]", beside):
                literal.append(f"{service}: {name}")

    assert literal == []


def test_no_secret_is_an_argument_of_a_process_or_of_the_build() -> None:
    exposed = [
        text
        for settings in services().values()
        for key in ("command", "entrypoint", "build", "healthcheck")
        for text in strings(settings.get(key))
        for found in VARIABLE.finditer(text)
        if SECRET_NAME.search(found["name"])
    ]

    assert exposed == []
    assert not re.search(r"^\s*(ARG|ENV)\b.*(PASSWORD|SECRET|TOKEN|DSN)", DOCKERFILE, re.MULTILINE)


def test_a_new_env_has_another_secret_for_each_variable_and_is_never_twice_the_same(new_env: Path) -> None:
    from deploy.new_env import fill

    secrets = dict(re.findall(r"^([A-Z]\w*)=(.+)$", new_env.read_text(), re.MULTILINE))
    made = {name: value for name, value in secrets.items() if not example()[name]}

    assert len(set(made.values())) == len(made)
    assert fill(ENV_EXAMPLE.read_text()) != fill(ENV_EXAMPLE.read_text())


def test_every_service_has_a_health_check_or_runs_once() -> None:
    settings_by_service = services()
    unchecked = {name for name, settings in settings_by_service.items() if "healthcheck" not in settings}

    assert unchecked == set(ONE_SHOT)
    assert {name for name in settings_by_service if settings_by_service[name]["restart"] == "no"} == set(
        ONE_SHOT
    )


def test_whoever_waits_for_a_service_waits_for_its_health_or_its_success() -> None:
    wrong = [
        f"{name} -> {other}: {wait['condition']}"
        for name, settings in services().items()
        for other, wait in (settings.get("depends_on") or {}).items()
        if wait["condition"] != ("service_completed_successfully" if other in ONE_SHOT else "service_healthy")
    ]

    assert wrong == []


def test_airflow_starts_only_after_the_migration_and_the_migration_after_the_databases() -> None:
    waits = {name: set(settings.get("depends_on") or {}) for name, settings in services().items()}

    assert [name for name in AIRFLOW_SERVICES if not {"migrate", "redis"} <= waits[name]] == []
    assert waits["migrate"] == {"databases"}
    assert waits["databases"] == {"postgres"}


def test_the_demo_starts_only_with_its_profile_and_nothing_else_needs_it() -> None:
    settings_by_service = services()
    demo = {name for name, settings in settings_by_service.items() if settings.get("profiles") == ["demo"]}
    built_for_the_demo = {
        name
        for name, settings in settings_by_service.items()
        if settings.get("build", {}).get("target") == "demo"
    }
    needed = {
        other
        for name in settings_by_service.keys() - demo
        for other in settings_by_service[name].get("depends_on", {})
    }

    assert demo == built_for_the_demo == {"demo-crm", "simulator"}
    assert all(settings_by_service[name]["profiles"] == ["demo"] for name in demo)
    assert needed & demo == set()


def test_workers_can_be_many_since_nothing_of_them_is_unique() -> None:
    worker = services()["worker"]

    assert {"container_name", "ports", "hostname"} & worker.keys() == set()


def test_only_the_api_server_is_reached_from_outside_and_only_by_loopback_unless_told() -> None:
    published = {name: settings["ports"] for name, settings in services().items() if "ports" in settings}

    assert published == {"api-server": ["${AIRFLOW_LISTEN:-127.0.0.1}:${AIRFLOW_PORT:-8080}:8080"]}


def test_every_image_ends_as_the_unprivileged_user_and_airflow_gains_nothing() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    last_users = [re.findall(r"^USER (\w+)$", stage, re.MULTILINE)[-1:] for stage in stages]
    ours = [settings for settings in services().values() if "build" in settings]

    assert last_users == [["airflow"], ["airflow"], []]  # production adds nothing to the first
    assert all(settings["cap_drop"] == ["ALL"] for settings in ours)
    assert all(settings["security_opt"] == ["no-new-privileges:true"] for settings in ours)


def test_every_mount_of_the_project_lies_over_the_copy_in_the_image_and_is_read_only() -> None:
    mounts = [
        mount for settings in services().values() for mount in settings.get("volumes", []) if mount[0] == "."
    ]

    assert mounts
    for source, target, mode in (mount.split(":") for mount in mounts):
        assert (PROJECT / source).is_dir()
        assert target == f"{HOME}/{source.removeprefix('./')}"
        assert mode == "ro"


def test_the_demo_crm_and_the_simulator_stay_out_of_the_production_image() -> None:
    production = re.split(r"^FROM .* AS demo$", DOCKERFILE, flags=re.MULTILINE)[0]
    copied = re.findall(r"^COPY (\S+)", production, re.MULTILINE)

    assert copied == ["requirements.txt", "dags", "plugins", "include", "deploy"]
    assert [line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line[:1] == "!"] == [
        "requirements.txt", "requirements-dev.txt", "dags", "plugins", "include", "deploy", "demo",
    ]  # fmt: skip
