"""What every DAG of the project keeps to, and how the nightly run is drawn, as a real Airflow reads the files.

A policy that fails tells the two ways out: mend the DAG, or name it among the exceptions with a reason.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
ZONES = ("UTC", "Europe/Berlin", "Europe/Athens", "America/New_York")
YEARS = 3


@pytest.fixture(scope="module")
def described(runtime_folder: Path) -> dict[str, Any]:
    """The DAGs as Airflow reads them in a process of its own, without any database."""
    home = runtime_folder / "describing-airflow"
    home.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # A look-up at parse time would fail here and be an import error.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://nobody@127.0.0.1:1/none",
        "PYTHONPATH": str(ROOT / "plugins"),
        "PROVISIONING_TIMEZONE": "Europe/Athens",
    }
    command = [sys.executable, str(ROOT / "tests" / "dags" / "describe_dags.py"), str(YEARS), *ZONES]
    printed = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, timeout=180
    )
    return dict(json.loads(printed.stdout[printed.stdout.index('{"import_errors"') :]))


def test_every_file_is_read_without_an_error_and_without_a_database(described: dict[str, Any]) -> None:
    assert described["import_errors"] == {}
    assert {"tucano_reset_run", "tucano_reset_subscription", "tucano_release_removals"} <= set(
        described["dags"]
    )


def test_every_file_is_read_well_within_airflows_patience(described: dict[str, Any]) -> None:
    assert sum(described["seconds"].values()) < 10  # Airflow gives up on a file after 30 s


def test_every_dag_has_a_runbook_that_says_what_to_do_when_it_is_red(described: dict[str, Any]) -> None:
    without = [name for name, dag in described["dags"].items() if "red" not in dag["doc_md"].lower()]

    assert without == [], f"{without}: say in the module's docstring what to do when the run is red"


def test_every_dag_is_tagged_never_catches_up_and_bounds_its_runs(described: dict[str, Any]) -> None:
    for name, dag in described["dags"].items():
        assert "provisioning" in dag["tags"], (
            f"{name}: tags=['provisioning'], by which the night shift filters"
        )
        assert dag["catchup"] is False, f"{name}: the state of now is mended, not that of last week"
        assert dag["max_active_runs"] <= 16, f"{name}: set max_active_runs"


def test_every_task_ends_some_time(described: dict[str, Any]) -> None:
    endless = [
        f"{name}.{task_id}"
        for name, dag in described["dags"].items()
        for task_id, task in dag["tasks"].items()
        if not task["has_timeout"]
    ]

    assert endless == [], (
        f"{endless}: give an execution_timeout, or a response_timeout where a person answers"
    )


def test_no_dag_runs_because_it_was_first_seen(described: dict[str, Any]) -> None:
    # Airflow 3.3 takes run_immediately=False, the default, for a tenth of the interval.
    careless = [name for name, dag in described["dags"].items() if dag["run_immediately"] is False]

    assert careless == [], f"{careless}: give its timetable run_immediately=timedelta(minutes=5)"


def test_a_dispatch_is_never_retried_by_airflow(described: dict[str, Any]) -> None:
    # A platform that is down is down for every retry as well; the next run goes on.
    retries = {
        name: dag["tasks"]["dispatch"]["retries"]
        for name, dag in described["dags"].items()
        if "dispatch" in dag["tasks"]
    }

    assert set(retries.values()) == {0}, retries


def test_the_nightly_run_reads_as_a_sentence(described: dict[str, Any]) -> None:
    tasks = described["dags"]["tucano_reset_run"]["tasks"]
    sentence = ["load_provider", "extract", "prove_extract", "detect", "plan", "guard", "dispatch", "close"]

    for earlier, later in pairwise(sentence):
        assert later in tasks[earlier]["downstream"], f"{earlier} must come before {later}"
    assert "load_provider" in tasks["open_batch"]["downstream"]


def test_the_last_task_runs_whatever_happened_before_it(described: dict[str, Any]) -> None:
    close = described["dags"]["tucano_reset_run"]["tasks"]["close"]

    assert close["trigger_rule"] == "all_done"
    assert close["downstream"] == []


def test_the_night_begins_at_two_in_the_operators_time_zone(described: dict[str, Any]) -> None:
    assert described["schedule"] == ["0 2 * * *", "Europe/Athens"]


@pytest.mark.parametrize("zone", ZONES)
def test_there_is_one_run_a_night_also_when_clocks_change(described: dict[str, Any], zone: str) -> None:
    nights = [datetime.fromisoformat(text).date() for text in described["nights"][zone]]
    days = [nights[0] + timedelta(days=day) for day in range((nights[-1] - nights[0]).days + 1)]

    assert Counter(nights) == Counter(days)
    assert nights[0] <= date(2026, 1, 2)


@pytest.mark.parametrize("zone", ZONES)
def test_a_scheduler_that_does_not_catch_up_starts_it_once_a_night_also_when_clocks_change(
    described: dict[str, Any], zone: str
) -> None:
    starts = [datetime.fromisoformat(text) for text in described["starts"][zone]]
    nights = [start.date() for start in starts]
    days = [nights[0] + timedelta(days=day) for day in range((nights[-1] - nights[0]).days + 1)]

    assert Counter(nights) == Counter(days)
    assert nights[0] == date(2026, 1, 2), "the first sight of the DAG is no reason to run"
    # Where two o'clock is skipped it is three; where it comes twice, one of them.
    assert {(start.hour, start.minute) for start in starts} <= {(2, 0), (3, 0)}
    assert sum(start.hour == 3 for start in starts) in (0, YEARS)


@pytest.mark.parametrize(
    ("dag", "parameter", "takes", "refuses"),
    [
        ("tucano_reset_run", "created_from", [None, "2026-01-01T00:00:00+02:00"], [5, ["2026"]]),
        ("tucano_reset_run", "subscription_types", [None, ["SHOWCASE"]], ["SHOWCASE", [""], [1]]),
        ("tucano_reset_run", "subscription_numbers", [None, ["S1"]], ["S1", [""], [1], ["S1"] * 5001]),
        ("tucano_reset_run", "dry_run", [True, False], ["yes", None]),
        ("tucano_reset_run", "distrust_since", [None, "2026-01-01T00:00:00+00:00"], [5, True]),
        ("tucano_import_known_state", "file", ["export-2026.csv"], ["../x", "a/b", "", ".x", None]),
        ("tucano_verify_known_state", "rebuild", [True, False], ["yes"]),
        ("tucano_reset_run", "allow_removals_reason", [None, "end of a trial"], ["why", 1]),
        ("tucano_reset_subscription", "subscription_number", ["S0000000309"], ["", "S 1", "x" * 41, None]),
        ("tucano_reset_subscription", "force", [True, False], ["force"]),
        ("tucano_archive_requests", "keep_attempts_days", [30, 400], [29, 0, None, "90"]),
        ("tucano_what_if", "provider_file", ["provider: {}"], ["", None, 5]),
        ("tucano_release_removals", "batch_id", [None, 7], [0, "7"]),
    ],
)
def test_parameters_are_checked_when_a_run_is_triggered(
    described: dict[str, Any], dag: str, parameter: str, takes: list[Any], refuses: list[Any]
) -> None:
    validator = jsonschema.Draft202012Validator(described["dags"][dag]["params"][parameter])

    assert [value for value in takes if not validator.is_valid(value)] == []
    assert [value for value in refuses if validator.is_valid(value)] == []


def test_a_question_that_nobody_answers_is_a_no() -> None:
    asked = {
        path.stem: {one.arg: ast.unparse(one.value) for one in node.keywords}
        for path in sorted((ROOT / "dags").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "HITLOperator"
    }

    assert {"tucano_release_removals", "tucano_export_requests"} <= asked.keys()
    for name, given in asked.items():
        assert given["options"] == "[wiring.APPROVE, wiring.REJECT]", name
        assert given["defaults"] == "wiring.REJECT", name
        assert "response_timeout" in given, name
