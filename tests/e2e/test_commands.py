"""The Makefile's commands, run as a person runs them in a copy of the project: up, down, demo, and what stops them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.launcher.runtime import MARK, PROJECT

START_SECONDS = 400  # of a whole stack; a fifth of it on an idle machine
DEMO_SECONDS = 900
LEFT_OUT = shutil.ignore_patterns(".venv", ".git", ".demo", "__pycache__", ".*_cache", ".hypothesis")


class Checkout:
    """A copy of the project with a temporary directory of its own, so that no stack of a person is disturbed."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.temporary = folder / "tmp"
        self.temporary.mkdir(mode=0o711)
        shutil.copytree(PROJECT, self.project, ignore=LEFT_OUT)
        (self.project / ".venv").symlink_to(PROJECT / ".venv")

    def make(
        self, *arguments: str, seconds: float = START_SECONDS, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run make to its end."""
        process = self.begin(*arguments, **variables)
        output, _ = process.communicate(timeout=seconds)
        return subprocess.CompletedProcess(process.args, process.returncode, output)

    def begin(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start make in the foreground of a session of its own, as a terminal does."""
        environment = os.environ | {"TMPDIR": str(self.temporary), "DEMO_SUBSCRIPTIONS": "300"} | variables
        return subprocess.Popen(
            ["make", *arguments], cwd=self.project, env=environment, start_new_session=True, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def left(self) -> list[str]:
        """Return the command lines of all processes that belong to stacks of this checkout."""
        mark = f"{MARK}={self.temporary}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in path.read_bytes():
                    found.append(path.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    def wait_until_runs(self, program: str = "airflow db migrate") -> None:
        """Return when *program* runs; unless told otherwise, when Airflow makes its tables and PostgreSQL runs."""
        deadline = time.monotonic() + 120
        while not any(program in line for line in self.left()):
            assert time.monotonic() < deadline, "nothing was started"
            time.sleep(0.1)


@pytest.fixture
def checkout(runtime_folder: Path) -> Iterator[Checkout]:
    """A copy of the project; whatever a test left running there is ended."""
    folder = Path(tempfile.mkdtemp(dir=runtime_folder))
    folder.chmod(0o711)
    own = Checkout(folder)
    yield own
    own.make("down", "CLEAN=yes")
    assert own.left() == []


def test_a_bare_make_lists_every_command(checkout: Checkout) -> None:
    listed = checkout.make()

    assert listed.returncode == 0
    for command in ("demo", "up", "down", "test", "check", "bench", "lock"):
        assert f"make {command}" in listed.stdout


def test_up_is_said_to_be_up_and_down_leaves_nothing_but_the_data(checkout: Checkout) -> None:
    up = checkout.make("up")
    assert up.returncode == 0, up.stdout
    variables = (checkout.project / ".demo" / "env").read_text()
    assert variables.partition("AIRFLOW_PASSWORD=")[2].split()[0] in up.stdout

    again = checkout.make("up")
    assert again.returncode == 0
    assert "a stack is up already" in again.stdout
    assert (checkout.project / ".demo" / "env").read_text() == variables

    down = checkout.make("down")
    assert down.returncode == 0
    assert "stopped airflow-" in down.stdout
    assert checkout.left() == []
    assert not (checkout.project / ".demo" / "env").exists()
    assert "nothing is up" in checkout.make("down").stdout
    assert list(checkout.temporary.iterdir()), "the data is gone"
    checkout.make("down", "CLEAN=yes")
    assert not list(checkout.temporary.iterdir())


# One handler for all three; once it is late, and twice as soon as there is a process to be left.
@pytest.mark.parametrize(
    ("number", "running"),
    [(signal.SIGINT, "airflow db migrate"), (signal.SIGTERM, "postgres"), (signal.SIGHUP, "postgres")],
)
def test_an_interrupted_up_leaves_no_process(
    checkout: Checkout, number: signal.Signals, running: str
) -> None:
    up = checkout.begin("up")
    checkout.wait_until_runs(running)

    os.killpg(up.pid, number)
    output, _ = up.communicate(timeout=120)

    assert up.returncode != 0
    assert "interrupted; nothing that this command started is left" in output
    assert checkout.left() == []


def test_what_a_killed_up_left_is_ended_by_down(checkout: Checkout) -> None:
    up = checkout.begin("up")
    checkout.wait_until_runs()
    os.killpg(up.pid, signal.SIGKILL)
    up.communicate(timeout=60)
    assert checkout.left()

    down = checkout.make("down")

    assert "stopped" in down.stdout
    assert checkout.left() == []


def test_what_a_killed_demo_left_is_cleared_away_by_down(checkout: Checkout) -> None:
    demo = checkout.begin("demo")
    checkout.wait_until_runs()
    os.killpg(demo.pid, signal.SIGKILL)
    demo.communicate(timeout=60)

    down = checkout.make("down")

    assert "cleared away a demonstration that was killed" in down.stdout
    assert checkout.left() == []
    assert not list(checkout.temporary.glob("*-demo-*"))


def test_a_port_in_use_is_named_and_nothing_is_left(checkout: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = checkout.make("up", AIRFLOW_PORT=str(port))

    assert up.returncode != 0
    assert f"port {port} is in use" in up.stdout
    assert "Traceback" not in up.stdout
    assert checkout.left() == []


def test_the_demo_tells_its_story_and_ends_with_its_result(checkout: Checkout) -> None:
    demo = checkout.make("demo", seconds=DEMO_SECONDS, DEMO_SUBSCRIPTIONS="2000")

    assert demo.returncode == 0, demo.stdout
    # A make within `make test` closes with a word of its own about the directory it leaves.
    said = [line for line in demo.stdout.strip().splitlines() if not line.startswith("make")]
    name, *pairs = said[-1].split()
    result = {key: int(value) for key, _, value in (pair.partition("=") for pair in pairs)}
    assert name == "RESULT"
    assert list(result) == [
        "subscriptions", "out_of_sync_before", "requests_completed", "requests_rejected", "expected_rejected",
        "out_of_sync_after",
    ]  # fmt: skip
    assert result["out_of_sync_before"] > 0
    assert result["requests_completed"] > 0
    assert result["out_of_sync_after"] == result["expected_rejected"] > 0
    assert checkout.left() == []
    assert not list(checkout.temporary.iterdir())
