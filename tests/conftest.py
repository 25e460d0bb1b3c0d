"""What every test shares: a home for throw-away folders that a server may enter."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def runtime_folder() -> Iterator[Path]:
    """A folder for servers of this session, removed at its end.

    Not pytest's `tmp_path_factory`: its folders are closed to the unprivileged user PostgreSQL runs as.
    """
    folder = Path(tempfile.mkdtemp(prefix="provisioning-test-"))
    if os.geteuid() == 0:
        folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
