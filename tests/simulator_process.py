"""The Tucano simulator as a real process on free ports, for every test that needs a platform."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 20  # a start takes half a second; a machine busy with other tests needs longer


class ControlError(Exception):
    """The control port answered with an error; *status* and the message are the simulator's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class SimulatorProcess:
    """One simulator: start() it, or use it as a context manager. State and ports survive restart().

    *url* is the platform's address, *control_url* the observer's, *user* and *password* what it accepts,
    *requests_url* where requests are posted.
    """

    def __init__(
        self,
        state: Path | None = None,
        *,
        host: str = "127.0.0.1",
        unknown_options: tuple[str, ...] = (),
        forbidden_user: str | None = None,
    ) -> None:
        self._own_directory = tempfile.TemporaryDirectory(prefix="tucano-") if state is None else None
        self.state = state or Path(self._own_directory.name, "state.sqlite")  # type: ignore[union-attr]
        self.user = "tucano"
        self.password = secrets.token_urlsafe(12)
        self._host = host
        self._options = ["--unknown-options", ",".join(unknown_options)] if unknown_options else []
        if forbidden_user:
            self._options += ["--forbidden-user", forbidden_user]
        self._ports: tuple[int, int] | None = None
        self._running: subprocess.Popen[str] | None = None
        self._log = self.state.with_suffix(".log")

    @property
    def url(self) -> str:
        """The platform's address, without a path."""
        assert self._ports is not None, "start() it first"
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def requests_url(self) -> str:
        """Where requests are posted."""
        return f"{self.url}/api/v1/requests"

    @property
    def control_url(self) -> str:
        """The control port's address, without a path."""
        assert self._ports is not None, "start() it first"
        return f"http://127.0.0.1:{self._ports[1]}"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._running is not None, "start() it first"
        return self._running.pid

    def start(self) -> SimulatorProcess:
        """Start and wait until it answers; raises RuntimeError with its own words if it does not."""
        for _ in range(3):  # another process may take a free port between our look and its use
            ports = self._ports or (free_port(), free_port())
            if self._start_on(ports):
                self._ports = ports
                return self
        raise RuntimeError(f"the simulator did not start: {self.log()[-2000:]}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with SIGTERM, or another signal *number*; returns the exit code."""
        return self._end(number)

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> SimulatorProcess:
        """Stop and start on the same ports and state file. Faults and capacity are gone afterwards."""
        self.stop()
        return self.start()

    def log(self) -> str:
        """What it has written to standard error, over all its starts."""
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    # -- the control contract -------------------------------------------------------------------

    def ledger(self, after: int = 0) -> list[dict[str, Any]]:
        """All ledger entries with n > *after*, over as many pages as it takes."""
        entries: list[dict[str, Any]] = []
        while page := self.control("GET", f"/control/ledger?after={after}"):
            if not page["entries"]:
                break
            entries += page["entries"]
            after = page["next"]
        return entries

    def account(self, account: str) -> dict[str, Any]:
        """The platform's state of one account: exists, options, materials."""
        state: dict[str, Any] = self.control("GET", f"/control/accounts/{account}")
        return state

    def accounts(self) -> dict[str, dict[str, Any]]:
        """The states of all accounts, by account."""
        states: dict[str, dict[str, Any]] = {}
        after: str | None = ""
        while after is not None:
            page = self.control("GET", f"/control/accounts?after={after}")
            states |= {state.pop("account"): state for state in page["accounts"]}
            after = page["next"]
        return states

    def set_faults(self, *faults: dict[str, Any], seed: int = 0) -> None:
        """Replace all faults; raises ControlError if one is not understood."""
        self.control("PUT", "/control/faults", {"faults": list(faults), "seed": seed})

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force, each with how often it fired."""
        found: list[dict[str, Any]] = self.control("GET", "/control/faults")["faults"]
        return found

    def clear_faults(self) -> None:
        """End all faults."""
        self.control("DELETE", "/control/faults")

    def capacity(self, requests_per_second: float | None, burst: float | None = None) -> None:
        """Limit what the platform lets in; None: no limit."""
        if requests_per_second is None:
            self.control("DELETE", "/control/capacity")
        else:
            asked = {"requests_per_second": requests_per_second} | ({"burst": burst} if burst else {})
            self.control("PUT", "/control/capacity", asked)

    def snapshot(self) -> None:
        """Keep the platform's state as it is now."""
        self.control("POST", "/control/snapshot")

    def restore(self) -> None:
        """Put the platform back as of the last snapshot."""
        self.control("POST", "/control/restore")

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call the control port and give its JSON; raises ControlError."""
        request = urllib.request.Request(  # noqa: S310 our own process
            self.control_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ControlError(error.code, json.load(error)["error_description"]) from None

    # -- process --------------------------------------------------------------------------------

    def __enter__(self) -> SimulatorProcess:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop it if it runs, and remove its own temporary state."""
        if self._running is not None:
            self.stop()
        if self._own_directory is not None:
            self._own_directory.cleanup()

    def _start_on(self, ports: tuple[int, int]) -> bool:
        self._ports = ports
        with self._log.open("a", encoding="utf-8") as log:
            self._running = subprocess.Popen(
                [
                    *(sys.executable, "-m", "demo.simulator", "--host", self._host, "--port", str(ports[0])),
                    *("--control-port", str(ports[1]), "--state", str(self.state), *self._options),
                ],
                cwd=ROOT,
                env=os.environ | {"TUCANO_USER": self.user, "TUCANO_PASSWORD": self.password},
                stdout=log,
                stderr=log,
                text=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._running.poll() is None:
            try:
                self.control("GET", "/control/faults")
            except OSError:
                time.sleep(0.02)
            else:
                return True
        self.kill()
        self._ports = None
        return False

    def _end(self, number: signal.Signals) -> int:
        assert self._running is not None, "it does not run"
        self._running.send_signal(number)
        try:
            code = self._running.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
            raise
        self._running = None
        return code


def free_port() -> int:
    """Give a port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
