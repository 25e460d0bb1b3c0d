"""What every test shares: a home for throw-away folders that a server may enter, and its share of the processes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.groups import GroupScheduling, put_in_turn


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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> GroupScheduling:
    """Share the tests between processes by tests/groups.py, whatever --dist says."""
    return GroupScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in the order in which processes are given them; a process alone keeps to it, too."""
    put_in_turn(items)
