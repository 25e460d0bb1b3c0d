"""Named places where a test lets this process die as a power cut would, stand still, or meet an unheard-of error.

PROVISIONING_FAILPOINT=archive.after_attach kills at the first pass, request.answered:3 at the third, and plan.written!
raises at the first. With PROVISIONING_FAILPOINT_SIGNAL=SIGSTOP the process is stopped there instead, as a frozen
machine is, until it is told to go on. Unset, as everywhere but in tests, a failpoint is one comparison.
"""

from __future__ import annotations

import os
import signal
import threading
from itertools import count

_ASKED = os.environ.get("PROVISIONING_FAILPOINT", "")
_RAISES = _ASKED.endswith("!")
_NAME, _, _PASS = _ASKED.removesuffix("!").partition(":")
_FATAL_PASS = int(_PASS or 1)
_SIGNAL = signal.Signals[os.environ.get("PROVISIONING_FAILPOINT_SIGNAL", "SIGKILL")]
_passes = count(1)


class FailpointReached(Exception):
    """What a failpoint raises where it does not kill."""


def failpoint(name: str) -> None:
    """Stop this process if PROVISIONING_FAILPOINT names this place, or raise; nothing is flushed, closed or said."""
    if name == _NAME and next(_passes) == _FATAL_PASS:
        if _RAISES:
            raise FailpointReached(name)
        # To this thread: told to the process, any thread may take it, and this one would go on meanwhile.
        signal.pthread_kill(threading.get_ident(), _SIGNAL)
