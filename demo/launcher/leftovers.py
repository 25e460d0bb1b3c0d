"""Demonstrations have folders of their own; one whose launcher was killed leaves folder and processes behind."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from demo.launcher.errors import LauncherError
from demo.launcher.runtime import Runtime, folder_of_project


def new_demo_folder() -> Path:
    """Make a new folder for one demonstration."""
    return Path(tempfile.mkdtemp(prefix=f"{folder_of_project().name}-demo-"))


def end_dead_demos(tell: Callable[[str], None]) -> None:
    """End the processes and remove the folder of each demonstration of ours whose command does not run any more."""
    own = folder_of_project()
    for folder in own.parent.glob(f"{own.name}-demo-*"):
        runtime = Runtime(folder)
        try:
            with runtime.locked():
                ended = runtime.end()
                runtime.remove()
        except LauncherError:  # its command holds it: that demonstration is alive
            continue
        tell(f"cleared away a demonstration that was killed{': ' + ', '.join(ended) if ended else ''}")
