"""Processes that outlive the command that started them, recognised by pid *and* start time."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from demo.launcher.errors import LauncherError

STATE_FIELD = 0  # of /proc/<pid>/stat, counted behind the command name
START_TIME_FIELD = 19
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    """One process of one boot. A pid alone is not enough: the kernel gives it to another process later."""

    pid: int
    started: str


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of the process that has *pid* now, or None if none runs (a zombie does not run)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the command name before it may contain spaces
    if fields[STATE_FIELD] in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ProcessIdentity(pid=pid, started=f"{boot}/{fields[START_TIME_FIELD]}")


def is_running(identity: ProcessIdentity) -> bool:
    """Say whether that very process still runs; another one under its recycled pid does not count."""
    return identify(identity.pid) == identity


def command_line(pid: int) -> list[str]:
    """Return the arguments of a running process, or an empty list if it is gone or not ours to read."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def wait_until_gone(identity: ProcessIdentity, *, seconds: float) -> bool:
    """Wait at most *seconds* for the process to end; return whether it did."""
    deadline = time.monotonic() + seconds
    while is_running(identity):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def end_all(
    identities: Iterable[ProcessIdentity], *, seconds: float, first: signal.Signals = signal.SIGTERM
) -> None:
    """End processes, with the groups they lead: *first* to all, SIGKILL to who is left after *seconds*.

    Who does not run any more is left alone, whoever has its pid now.
    """
    ending = [identity for identity in identities if is_running(identity)]
    for identity in ending:
        send(identity, first)
    deadline = time.monotonic() + seconds
    for identity in ending:
        if not wait_until_gone(identity, seconds=deadline - time.monotonic()):
            send(identity, signal.SIGKILL)
            wait_until_gone(identity, seconds=5)


def send(identity: ProcessIdentity, number: signal.Signals) -> None:
    """Signal a process, and its whole group if it leads one; nothing happens if it has gone."""
    with contextlib.suppress(ProcessLookupError):
        if os.getpgid(identity.pid) == identity.pid:
            os.killpg(identity.pid, number)
        elif is_running(identity):
            os.kill(identity.pid, number)


def free_port() -> int:
    """Return a loopback port nobody listens on now; another process may take it before it is used."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


def is_free(port: int) -> bool:
    """Say whether a server could listen on that loopback port now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT is no hindrance
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def port_to_use(preferred: int | None) -> int:
    """Return *preferred* if it is free, any free port if it is None; raise LauncherError if it is taken."""
    if preferred is None:
        return free_port()
    if not is_free(preferred):
        raise LauncherError(f"port {preferred} is in use by another program: choose another port")
    return preferred


def log_tail(path: Path, *, lines: int = 25) -> str:
    """Return the last *lines* of a log file, indented, for an error message."""
    if not path.exists():
        return "    (no log was written)"
    return "\n".join(f"    {line}" for line in path.read_text(errors="replace").splitlines()[-lines:])
