"""How the suite is shared between processes: by file, everything with an Airflow together, the long ones first."""

from __future__ import annotations

import pytest

from tests.groups import AIRFLOW, LONGEST_FIRST, PAGES, ROOT, STARTS_AIRFLOW, found_group, group_of, in_turn


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/unit/test_plan.py::test_a_swap", "tests/unit/test_plan.py"),
        ("tests/unit/test_plan.py::TestSwaps::test_a_swap", "tests/unit/test_plan.py"),
        ("tests/integration/test_crm.py::test_a_name[S::1]", "tests/integration/test_crm.py"),
        ("tests/e2e/test_commands.py::test_up", AIRFLOW),
        ("tests/dags/test_reset_run_dag.py::test_green", AIRFLOW),
    ],
)
def test_a_file_is_a_group_and_everything_with_an_airflow_is_one(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group


def test_a_file_elsewhere_that_starts_an_api_server_goes_with_the_airflows() -> None:
    assert (
        group_of("tests/integration/test_x.py::test_y", f"Popen([python, '-m', {STARTS_AIRFLOW}])") == AIRFLOW
    )
    assert found_group("tests/integration/test_authenticate_under_fab.py::test_any") == AIRFLOW


def test_whoever_asks_the_pages_server_shares_it() -> None:
    asking = ("test_pages", "test_pages_browser", "test_casework_routes")

    assert {found_group(f"tests/integration/{name}.py::test_any") for name in asking} == {PAGES}


def test_no_file_that_starts_an_airflow_is_left_out_of_the_group() -> None:
    starting = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if "tests.dags.running_airflow" in path.read_text(encoding="utf-8")
        or "demo.launcher.stack import" in path.read_text(encoding="utf-8")
    ]
    # A stack of which nothing is started, to see what a given server is used for; and the words above.
    starting.remove("tests/integration/test_launcher_given_servers.py")
    starting.remove("tests/unit/test_groups.py")

    assert starting
    assert {found_group(file) for file in starting} == {AIRFLOW}


def test_the_long_groups_go_first_and_within_a_group_the_order_stays() -> None:
    unit = ["tests/unit/test_wire.py::test_b", "tests/unit/test_wire.py::test_a"]
    integration = ["tests/integration/test_claims.py::test_a"]
    long = [f"{LONGEST_FIRST[1]}::test_b", f"{LONGEST_FIRST[1]}::test_a"]
    airflow = ["tests/e2e/test_commands.py::test_a"]

    assert in_turn([*unit, *integration, *long, *airflow]) == [*airflow, *long, *integration, *unit]


def test_every_long_file_that_is_named_exists() -> None:
    assert [one for one in LONGEST_FIRST if one not in (AIRFLOW, PAGES) and not (ROOT / one).is_file()] == []
