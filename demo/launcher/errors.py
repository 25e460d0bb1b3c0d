"""The one error of the launcher."""

from __future__ import annotations


class LauncherError(Exception):
    """The command cannot go on; the message says what stands in the way and what to do about it."""
