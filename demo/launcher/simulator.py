"""The Tucano simulator as a process of a stack, and its control port."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

from demo.launcher.errors import LauncherError
from demo.launcher.processes import LOOPBACK, free_port, log_tail
from demo.launcher.runtime import PROJECT, Runtime, plain_environment

START_SECONDS = 30  # half a second on an idle machine
USER = "tucano"


class Control:
    """The observer's side of the simulator: what it holds, and what it is told to do wrong."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def set_faults(self, *faults: dict[str, Any]) -> None:
        """Replace all faults; without one the platform behaves."""
        self.call("PUT", "/control/faults", {"faults": list(faults)})

    def accounts(self) -> dict[str, dict[str, Any]]:
        """Return the state of every account of the platform, by account."""
        states: dict[str, dict[str, Any]] = {}
        after: str | None = ""
        while after is not None:
            page = self.call("GET", f"/control/accounts?after={after}")
            states |= {state.pop("account"): state for state in page["accounts"]}
            after = page["next"]
        return states

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the control port and return its JSON."""
        request = urllib.request.Request(  # noqa: S310 the address is our own simulator
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


def start(runtime: Runtime, password: str) -> tuple[str, str]:
    """Start the simulator on free ports; return its address and its control port's, once it answers.

    Its state stays in the stack's folder. Raises LauncherError with the end of its log if it does not come up.
    """
    environment = plain_environment() | {"TUCANO_USER": USER, "TUCANO_PASSWORD": password}
    environment |= {"PYTHONPATH": str(PROJECT)}
    for _ in range(3):  # another process may take a free port between our look and its use
        port, control_port = free_port(), free_port()
        process = runtime.start(
            "tucano",
            [sys.executable, "-m", "demo.simulator", "--host", LOOPBACK, "--port", str(port),
             "--control-port", str(control_port), "--state", runtime.folder / "tucano.sqlite"],
            environment,
        )  # fmt: skip
        if _answers(process, f"http://{LOOPBACK}:{control_port}"):
            return f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{control_port}"
    raise LauncherError(f"the Tucano simulator did not start:\n{log_tail(runtime.log('tucano'))}")


def _answers(process: subprocess.Popen[bytes], control_url: str) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            Control(control_url).call("GET", "/control/ledger")
            return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False
