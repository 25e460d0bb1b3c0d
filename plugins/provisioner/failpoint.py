"""Named places where a test lets this process die as a power cut would, or stand still as a frozen machine does.

PROVISIONING_FAILPOINT=archive.after_attach kills at the first pass, request.answered:3 at the third. With
PROVISIONING_FAILPOINT_SIGNAL=SIGSTOP the process is stopped there instead, until it is told to go on. Unset, as
everywhere but in tests, a failpoint is one comparison.
"""

from __future__ import annotations

import os
import signal
from itertools import count

_NAME, _, _PASS = os.environ.get("PROVISIONING_FAILPOINT", "").partition(":")
_FATAL_PASS = int(_PASS or 1)
_SIGNAL = signal.Signals[os.environ.get("PROVISIONING_FAILPOINT_SIGNAL", "SIGKILL")]
_passes = count(1)


def failpoint(name: str) -> None:
    """Stop this process if PROVISIONING_FAILPOINT names this place; nothing is flushed, closed or said."""
    if name == _NAME and next(_passes) == _FATAL_PASS:
        os.kill(os.getpid(), _SIGNAL)
