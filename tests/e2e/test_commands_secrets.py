"""No random password of a started stack is seen where it does not belong: logs, process lists, XCom, any table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import StartedStack, rows_holding

KEPT_IN = {"secrets.json", "superuser_password", "passwords.json"}  # files that exist to keep them, mode 0600


@pytest.fixture(scope="package")
def secrets(stack: StartedStack) -> dict[str, str]:
    """Every random password and key of the stack, by name."""
    superuser = (stack.runtime.folder / "postgres" / "superuser_password").read_text()
    return stack.runtime.secrets() | {"superuser_password": superuser}


def test_there_is_a_secret_of_every_kind(secrets: dict[str, str]) -> None:
    assert {
        "airflow_password", "airflow_fernet_key", "airflow_jwt_secret", "airflow_secret_key", "tucano_password",
        "password_of_airflow", "password_of_crm_owner", "password_of_crm_reader", "password_of_provisioning_owner",
        "password_of_archivist", "password_of_provisioner", "password_of_pages", "password_of_data_team",
        "superuser_password",
    } <= set(secrets)  # fmt: skip
    assert all(len(secret) >= 32 for secret in secrets.values())


def test_no_secret_is_in_a_log(stack: StartedStack, ended_run: str, secrets: dict[str, str]) -> None:
    logs = [path for path in stack.runtime.folder.rglob("*.log") if path.is_file()]
    task_logs = [path for path in logs if ended_run in str(path)]

    found = [f"{name} in {path}" for path in logs for name, secret in secrets.items() if holds(path, secret)]

    assert task_logs, "no task has written a log: this test would prove nothing"
    assert found == []


@pytest.mark.usefixtures("ended_run")
def test_a_secret_is_in_no_other_file_than_those_that_keep_it(
    stack: StartedStack, secrets: dict[str, str]
) -> None:
    # The cluster's own files hold verifiers of the passwords, not the passwords; they are looked through as well.
    files = [path for path in stack.runtime.folder.rglob("*") if path.is_file() and path.name not in KEPT_IN]

    found = [f"{name} in {path}" for path in files for name, secret in secrets.items() if holds(path, secret)]

    assert found == []
    for path in stack.runtime.folder.rglob("*"):
        assert path.name not in KEPT_IN or path.stat().st_mode & 0o077 == 0, f"{path} is open to others"


@pytest.mark.usefixtures("stack")
def test_no_secret_is_in_a_command_line(secrets: dict[str, str]) -> None:
    lines = {path: read(path) for path in Path("/proc").glob("[0-9]*/cmdline")}

    assert sum(b"airflow" in line for line in lines.values()) >= 4
    assert [
        name for name, secret in secrets.items() if any(secret.encode() in line for line in lines.values())
    ] == []


def test_no_secret_is_in_xcom_or_a_rendered_field_or_any_table_of_airflow(
    stack: StartedStack, ended_run: str, secrets: dict[str, str]
) -> None:
    assert rows_holding(stack.metadata_dsn, ended_run), "the run left no row: this test would prove nothing"
    assert {name: rows_holding(stack.metadata_dsn, secret) for name, secret in secrets.items()} == {
        name: [] for name in secrets
    }


def test_no_secret_is_in_any_table_of_the_provisioning_database(
    stack: StartedStack, ended_run: str, secrets: dict[str, str]
) -> None:
    dsn = stack.metadata_dsn.replace("/airflow", "/provisioning")

    assert rows_holding(dsn, ended_run)
    assert {name: rows_holding(dsn, secret) for name, secret in secrets.items()} == {
        name: [] for name in secrets
    }


def read(path: Path) -> bytes:
    """Return a file's bytes; a process or a scratch file may be gone by now."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def holds(path: Path, secret: str) -> bool:
    """Say whether a file holds the secret."""
    return secret.encode() in read(path)
