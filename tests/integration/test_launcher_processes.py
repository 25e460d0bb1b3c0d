"""Processes of a stack: found again after a killed launcher, never mistaken for others; settings and the env file."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.launcher.errors import LauncherError
from demo.launcher.processes import ProcessIdentity, end_all, identify, is_running
from demo.launcher.runtime import MARK, Runtime, plain_environment, write_private
from demo.launcher.settings import Environment, Wanted

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
]  # fmt: skip
PARENT = [sys.executable, "-c", f"import subprocess; subprocess.run({SLEEP!r}, start_new_session=True)"]
ENVIRONMENT = {
    "airflow_url": "http://127.0.0.1:8080", "airflow_user": "admin", "airflow_password": "0123456789abcdef",
    "crm_dsn": "postgresql://crm_owner:p@127.0.0.1:5/crm", "provisioning_dsn": "host=h dbname=d password='a b'",
    "data_team_dsn": "", "tucano_url": "http://127.0.0.1:1", "tucano_user": "tucano", "tucano_password": "$x'y\"",
    "tucano_control_url": "",
}  # fmt: skip


@pytest.fixture
def runtime(runtime_folder: Path, request: pytest.FixtureRequest) -> Iterator[Runtime]:
    """A stack's folder without a stack; whatever a test started in it is ended."""
    own = Runtime(runtime_folder / request.node.name)
    yield own
    own.end()


def test_a_recycled_pid_is_not_our_process_and_is_never_signalled() -> None:
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        noted_long_ago = ProcessIdentity(pid=stranger.pid, started="another boot/1")

        assert not is_running(noted_long_ago)
        end_all([noted_long_ago], seconds=0.1)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_recycled_pid_in_the_notes_of_a_killed_stack_is_left_alone(runtime: Runtime) -> None:
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        write_private(
            runtime.state, f'{{"airflow-scheduler": {{"pid": {stranger.pid}, "started": "earlier/1"}}}}'
        )

        assert runtime.end() == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_what_a_killed_launcher_left_is_found_and_ended_by_the_next(runtime: Runtime) -> None:
    process = runtime.start("left", list(SLEEP), plain_environment())

    next_command = Runtime(runtime.folder)

    assert list(next_command.running()) == ["left"]
    assert next_command.end() == ["left"]
    assert process.wait() == -signal.SIGTERM
    assert next_command.running() == {}


def test_a_process_that_was_not_noted_down_in_time_is_found_by_its_mark(runtime: Runtime) -> None:
    started = subprocess.Popen(SLEEP, start_new_session=True, env=os.environ | {MARK: str(runtime.folder)})

    runtime.end()

    assert started.wait(timeout=5) != 0


def test_a_grandchild_in_a_session_of_its_own_does_not_survive(runtime: Runtime) -> None:
    runtime.start("parent", list(PARENT), plain_environment())
    deadline = time.monotonic() + 10
    while len(runtime.strays()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(runtime.strays()) == 2

    runtime.end()

    assert runtime.strays() == []


def test_who_ignores_the_polite_signal_is_killed() -> None:
    process = subprocess.Popen(STUBBORN, start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    identity = identify(process.pid)
    assert identity is not None

    end_all([identity], seconds=0.3)

    assert not is_running(identity)
    process.stdout.close()


def test_nothing_starts_in_a_stack_that_is_being_stopped(runtime: Runtime) -> None:
    runtime.end()

    with pytest.raises(LauncherError, match="being stopped"):
        runtime.start("late", list(SLEEP), plain_environment())


def test_a_second_command_on_the_same_stack_is_told_to_wait(runtime: Runtime) -> None:
    second = Runtime(runtime.folder)

    with (
        runtime.locked(),
        pytest.raises(LauncherError, match="another make command is at work"),
        second.locked(),
    ):
        pass
    with second.locked():
        pass


def test_a_stack_keeps_its_secrets_where_only_its_owner_reads_them(runtime: Runtime) -> None:
    secret = runtime.secret("airflow_password")

    assert Runtime(runtime.folder).secret("airflow_password") == secret
    assert stat.S_IMODE((runtime.folder / "secrets.json").stat().st_mode) == 0o600
    assert Runtime(runtime.folder).secret("another") != secret


def test_a_folder_that_another_user_put_in_our_place_is_refused(runtime_folder: Path) -> None:
    ours = runtime_folder / "ours"
    ours.mkdir()
    trap = runtime_folder / "trap"
    trap.symlink_to(ours)

    with pytest.raises(LauncherError, match="belongs to another user"):
        Runtime(trap)


def test_a_shell_reads_the_environment_file_as_it_was_meant_and_nobody_else_may(tmp_path: Path) -> None:
    path = tmp_path / ".demo" / "env"
    environment = Environment(**ENVIRONMENT)

    environment.write(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Environment.read(path) == environment
    shell = subprocess.run(
        ["sh", "-c", f'. "{path}"; printf "%s|%s" "$TUCANO_PASSWORD" "$PROVISIONING_DSN"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shell.stdout == f"{environment.tucano_password}|{environment.provisioning_dsn}"


def test_the_environment_file_has_the_promised_names(tmp_path: Path) -> None:
    Environment(**ENVIRONMENT).write(tmp_path / "env")

    names = [line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()]

    assert names == [
        "AIRFLOW_URL", "AIRFLOW_USER", "AIRFLOW_PASSWORD", "CRM_DSN", "PROVISIONING_DSN", "DATA_TEAM_DSN",
        "TUCANO_URL", "TUCANO_USER", "TUCANO_PASSWORD", "TUCANO_CONTROL_URL",
    ]  # fmt: skip


def test_a_secret_is_not_shown_when_an_environment_is_printed() -> None:
    shown = repr(Environment(**ENVIRONMENT)) + repr(Wanted.read({"CRM_DSN": "postgresql://u:secret@h/d"}))

    assert "0123456789abcdef" not in shown
    assert "secret" not in shown


def test_variables_sourced_from_our_own_environment_file_ask_for_nothing() -> None:
    sourced = {
        "CRM_DSN": "postgresql://crm_owner:aaaa@127.0.0.1:5/crm",
        "PROVISIONING_DSN": "postgresql://u:theirs@elsewhere/d",
        "TUCANO_URL": "http://127.0.0.1:9", "TUCANO_PASSWORD": "bbbb", "TUCANO_CONTROL_URL": "http://127.0.0.1:8",
    }  # fmt: skip

    wanted = Wanted.read(sourced, own_secrets=["aaaa", "bbbb"])

    assert wanted.crm_dsn is None
    assert wanted.tucano_url is None
    assert wanted.tucano_control_url is None
    assert wanted.provisioning_dsn == sourced["PROVISIONING_DSN"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TUCANO_URL": "tucano.example"}, "TUCANO_URL=tucano.example is no address"),
        ({"DEMO_SUBSCRIPTIONS": "many"}, "DEMO_SUBSCRIPTIONS=many is not a number"),
        ({"DEMO_SUBSCRIPTIONS": "5"}, "at least 100"),
        ({"AIRFLOW_PORT": "-1"}, "AIRFLOW_PORT=-1 is not a number"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(variables: dict[str, str], message: str) -> None:
    with pytest.raises(LauncherError, match=message):
        Wanted.read(variables)


INTERRUPTED_WHERE_IT_IS_IGNORED = """
import os, signal, time
from demo.launcher.__main__ import Interrupted, listen

class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

listen()
try:
    Dying()
    time.sleep(60)
except Interrupted:
    print("heard")
"""


def test_an_interruption_that_comes_while_python_ignores_errors_is_heard_all_the_same() -> None:
    command = [sys.executable, "-c", INTERRUPTED_WHERE_IT_IS_IGNORED]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(["plugins", "."])}

    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)

    assert (ended.stdout, ended.stderr) == ("heard\n", "")
