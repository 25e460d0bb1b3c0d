"""Which tests share a process when the suite runs in several, and which of them go first.

A file's tests stay together, since they share what their module has started. Everything that starts an Airflow is one
group: two Airflows at once are more than two cores carry, and the end-to-end tests share one.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
AIRFLOW = "airflow"
# The pages' API server is started once a process: whoever asks it for something is one group.
PAGES = "pages"
INTEGRATION = "tests/integration/"
AIRFLOW_FOLDERS = ("tests/dags/", "tests/e2e/")
STARTS_AIRFLOW = '"airflow", "api-server"'
ASKS_PAGES = "tests.integration.pages_server import"
# What takes longest goes first, so that the last minute has something for every process. Of the others nobody has to
# know: a file that is not named here goes in its folder's turn.
LONGEST_FIRST = (
    AIRFLOW,
    "tests/integration/test_crash_anywhere.py",
    PAGES,
    "tests/integration/test_lease.py",
    "tests/integration/test_chaos.py",
    "tests/integration/test_simulator_practice.py",
    "tests/integration/test_platform_dead.py",
    "tests/integration/test_benchmarks.py",
)
FOLDERS_IN_TURN = (INTEGRATION, "tests/unit/")


def group_of(nodeid: str, source: str = "") -> str:
    """Return the group of a test, given the text of its file as *source*.

    'airflow' where the file starts one, 'pages' where it asks the pages' server, else the file.
    """
    file = nodeid.partition("::")[0]
    if file.startswith(AIRFLOW_FOLDERS) or STARTS_AIRFLOW in source:
        return AIRFLOW
    return PAGES if file.startswith(INTEGRATION) and ASKS_PAGES in source else file


def turn_of(group: str) -> tuple[int, int]:
    """Return what groups are sorted by: the long ones as LONGEST_FIRST has them, then folder by folder."""
    if group in LONGEST_FIRST:
        return LONGEST_FIRST.index(group), 0
    folder = next(
        (at for at, one in enumerate(FOLDERS_IN_TURN) if group.startswith(one)), len(FOLDERS_IN_TURN)
    )
    return len(LONGEST_FIRST), folder


def in_turn(nodeids: Iterable[str]) -> list[str]:
    """Return the tests in the order in which they are given out: group by group, each in its own order."""
    return sorted(nodeids, key=lambda nodeid: turn_of(found_group(nodeid)))


def found_group(nodeid: str) -> str:
    """Return the group of a test of this checkout, whose file is read."""
    return group_of(nodeid, _source(nodeid.partition("::")[0]))


@cache
def _source(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8")


class GroupScheduling(LoadScopeScheduling):
    """Gives whole groups to the processes, in turn."""

    def _split_scope(self, nodeid: str) -> str:
        return found_group(nodeid)


def put_in_turn(items: list[pytest.Item]) -> None:
    """Sort *items* in place as `in_turn` does. Each process does so: their collections must be the same."""
    place = {nodeid: at for at, nodeid in enumerate(in_turn(item.nodeid for item in items))}
    items.sort(key=lambda item: place[item.nodeid])
