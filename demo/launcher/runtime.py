"""Where a stack lives and what runs of it: a folder of the temporary directory, processes by identity.

Every process started here carries the folder's name in its environment. So the next command finds what a
killed launcher left behind, also what it had no time to note down, and never mistakes another one for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from demo.launcher.errors import LauncherError
from demo.launcher.processes import ProcessIdentity, end_all, identify, is_running

PROJECT = Path(__file__).resolve().parents[2]
MARK = "PROVISIONING_RUNTIME"
POSTGRES = "postgres"
# Beginnings of the names of variables: what a person's shell has of them must not reach a stack by accident.
DECIDED_HERE = ("AIRFLOW", "TUCANO_", "CRM_DSN", "PROVISIONING_", "DATA_TEAM_DSN", "PYTHONPATH")
END_SECONDS = 8  # a running task is not waited for: the claims it holds run out by themselves


class Runtime:
    """The folder of one stack, the secrets it keeps and the processes that run for it.

    Use it as `with runtime.locked():`; only one command at a time may change a stack.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = _own_folder(folder)
        self.state = self.folder / "processes.json"
        self._starting = threading.Lock()
        self._ending = False

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the stack for this command; raises LauncherError if another command holds it."""
        with (self.folder / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LauncherError(
                    "another make command is at work on this stack: wait until it has ended"
                ) from None
            yield

    def secret(self, name: str, value: str | None = None) -> str:
        """Return the secret of that name: as it was kept, else *value*, else a random one, and keep it."""
        with self._starting:
            kept = self.secrets()
            if name not in kept:
                kept[name] = value or secrets.token_hex(16)
                write_private(self.folder / "secrets.json", json.dumps(kept, indent=1))
            return kept[name]

    def secrets(self) -> dict[str, str]:
        """Return every secret of this stack by name."""
        path = self.folder / "secrets.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def start(
        self, name: str, command: list[str | Path], environment: dict[str, str], **how: Any
    ) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own, its output in <name>.log, and note its identity down."""
        with self._starting:
            if self._ending:
                raise LauncherError("the stack is being stopped")
            with self.log(name).open("ab") as log:
                process = subprocess.Popen(
                    command,
                    env=environment | {MARK: str(self.folder)},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C reaches the launcher alone
                    **how,
                )
            self._note(name, process.pid)
            return process

    def adopt(self, name: str, pid: int) -> None:
        """Note down a process that was started otherwise."""
        with self._starting:
            self._note(name, pid)

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.folder / f"{name}.log"

    def running(self) -> dict[str, ProcessIdentity]:
        """Return the processes of this stack that run now, in the order of their start."""
        if not self.state.exists():
            return {}
        noted = {
            name: ProcessIdentity(**identity) for name, identity in json.loads(self.state.read_text()).items()
        }
        return {name: identity for name, identity in noted.items() if is_running(identity)}

    def strays(self) -> list[ProcessIdentity]:
        """Return every process that carries this folder's mark, noted down or not, ourselves left out."""
        mark = f"{MARK}={self.folder}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mark in path.read_bytes().split(b"\0") and (identity := identify(int(path.parent.name))):
                    found.append(identity)
        return [identity for identity in found if identity.pid != os.getpid()]

    def end(self) -> list[str]:
        """End everything that runs, PostgreSQL last; return the names. Nothing can be started afterwards."""
        with self._starting:
            self._ending = True
        running = self.running()
        postgres = running.pop(POSTGRES, None)
        end_all(running.values(), seconds=END_SECONDS)
        strays = [stray for stray in self.strays() if stray != postgres]
        end_all(strays, seconds=END_SECONDS)
        if postgres is not None:
            # SIGTERM would wait for its clients.
            end_all([postgres], seconds=END_SECONDS, first=signal.SIGINT)
        self.state.unlink(missing_ok=True)
        ended = [*reversed(running), *([POSTGRES] if postgres else [])]
        return ended + (["processes that were not noted down"] if strays and not ended else [])

    def remove(self) -> None:
        """Remove the folder with all data; end() it first."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _note(self, name: str, pid: int) -> None:
        identity = identify(pid)
        if identity is None:
            return
        noted = json.loads(self.state.read_text()) if self.state.exists() else {}
        noted[name] = {"pid": identity.pid, "started": identity.started}
        write_private(self.state, json.dumps(noted, indent=1))


def folder_of_project() -> Path:
    """Return the folder of the stack that `make up` leaves running: one for each checkout and user."""
    owner = hashlib.sha256(f"{PROJECT}:{os.geteuid()}".encode()).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"provisioning-{owner}"


def plain_environment() -> dict[str, str]:
    """Return our own environment without the variables that a stack decides on."""
    return {name: value for name, value in os.environ.items() if not name.startswith(DECIDED_HERE)}


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone may read, all of it or nothing."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def _own_folder(folder: Path) -> Path:
    """Make the folder, or take it if it is ours: anybody may have put one into the temporary directory."""
    folder.mkdir(mode=0o711, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise LauncherError(f"{folder} belongs to another user: set TMPDIR to a folder of your own")
    folder.chmod(0o711)  # PostgreSQL's unprivileged user passes through; each file guards itself
    return folder
