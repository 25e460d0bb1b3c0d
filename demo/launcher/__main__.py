"""`python -m demo.launcher demo|up|down`, as the Makefile calls it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from types import FrameType

from demo.launcher.errors import LauncherError
from provisioner.core.errors import ProvisioningError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130  # what a shell makes of Ctrl-C


class Interrupted(BaseException):
    """A person or the system ends this command; whoever has started something ends it on the way out."""


def main() -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo.launcher", description=__doc__)
    parser.add_argument("command", choices=("demo", "up", "down"))
    command = parser.parse_args().command
    listen()
    began = time.monotonic()

    def tell(text: str) -> None:
        stamp = f"{time.monotonic() - began:5.0f} s  " if text else ""
        print(f"{stamp}{text}", flush=True)

    try:
        from demo.launcher import demo, up  # only now: they take a second, and Ctrl-C may come at any time

        if command == "demo":
            return demo.demo(tell)
        if command == "up":
            return up.up(tell)
        return up.down(tell, clean=os.environ.get("CLEAN") == "yes")
    except (LauncherError, ProvisioningError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except Interrupted:
        print("\ninterrupted; nothing that this command started is left", file=sys.stderr)
        return INTERRUPTED


def listen() -> None:
    """Let SIGNALS raise Interrupted in the main thread, again where Python had to ignore it.

    A signal may come while a destructor or a callback of a weak reference runs, and what those raise is lost.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt)
    sys.unraisablehook = _raise_again


def _raise_again(ignored: sys.UnraisableHookArgs) -> None:
    if isinstance(ignored.exc_value, Interrupted):
        signal.setitimer(signal.ITIMER_REAL, 0.05)
    else:
        sys.__unraisablehook__(ignored)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the tidying up
    raise Interrupted


if __name__ == "__main__":
    sys.exit(main())
