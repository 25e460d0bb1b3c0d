"""Bears worker processes quickly: one that has the libraries loaded forks, and only the product is imported anew.

A worker is a real process that can be killed, frozen and woken; what it does is told by its environment (worker.py).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 180  # what takes a second on an idle machine


@dataclass(kw_only=True)
class Worker:
    """A process that works; *killed* and the like are by pid, *exit_code* as subprocess has it."""

    nursery: Nursery
    pid: int
    exit_code: int | None = None

    def freeze(self) -> None:
        """Stop it where it is, as a host that is suspended does."""
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> int:
        """Kill it as a power cut does, and see it gone."""
        if self.works():
            os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def works(self) -> bool:
        """Say whether it is still there."""
        if self.exit_code is None:
            self.exit_code = self.nursery.ask({"ask": self.pid})["exit_code"]
        return self.exit_code is None

    def wait(self) -> int:
        """Wait for its end; return its exit code, which is negative for a signal."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.works():
            assert time.monotonic() < deadline, f"worker {self.pid} does not end: {self.nursery.said()}"
            time.sleep(0.02)
        assert self.exit_code is not None
        return self.exit_code


class Nursery:
    """Starts workers, with *environment* in addition to each one's own; ends what is left of them."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._workers: list[Worker] = []
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.nursery"],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(["plugins", "."])},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def bear(self, environment: Mapping[str, str]) -> Worker:
        """Start a worker."""
        worker = Worker(nursery=self, pid=self.ask({"bear": dict(environment)})["pid"])
        self._workers.append(worker)
        return worker

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Put *request* to the process that forks."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def said(self) -> str:
        """Return the end of what the workers have written."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.kill()
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def main() -> None:
    """Fork a worker for each {"bear": environment}; tell of an end for each {"ask": pid}, None while it lives."""
    import aiohttp  # noqa: F401 loaded once for all workers, as are those below
    import jsonschema  # noqa: F401
    import psycopg  # noqa: F401
    import uvloop  # noqa: F401
    import yaml  # noqa: F401

    for line in sys.stdin:
        request = json.loads(line)
        if "bear" in request:
            pid = os.fork()
            if pid == 0:
                be_worker(request["bear"])
            answer = {"pid": pid}
        else:
            ended, status = os.waitpid(request["ask"], os.WNOHANG)
            answer = {"exit_code": os.waitstatus_to_exitcode(status) if ended else None}
        print(json.dumps(answer), flush=True)


def be_worker(environment: dict[str, str]) -> None:
    """Become the worker that *environment* describes; never returns."""
    import traceback

    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(2, 1)
        os.environ.clear()
        os.environ.update(environment)
        from tests.integration import worker

        worker.main(environment)
        code = 0
    except BaseException as error:
        traceback.print_exc()
        # What the product lists is an end like another; anything else is 3, as a person would see a traceback.
        from provisioner.core.errors import ProvisioningError

        code = 1 if isinstance(error, ProvisioningError) else 3
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
