"""A real Airflow with its own tables in SQLite, in another process: its environment is set before its import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(kw_only=True)
class RunningAirflow:
    """An Airflow that runs DAGs of this project when asked; *known* is what it found in the folder."""

    process: subprocess.Popen[str]
    known: dict[str, Any]

    def run(self, dag: str, **conf: Any) -> dict[str, Any]:
        """Run *dag* to its end; return its state, its tasks' states and labels, and what they returned."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"dag": dag, "conf": conf}) + "\n")
        self.process.stdin.flush()
        return answer_of(self.process)


def answer_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Read the next answer of *process*."""
    assert process.stdout
    line = process.stdout.readline()
    assert line, "Airflow's process ended: see runner.log in its home"
    return dict(json.loads(line))


@contextmanager
def started(home: Path, environment: Mapping[str, str]) -> Iterator[RunningAirflow]:
    """Start an Airflow in the new folder *home*, with *environment* (connections, variables) added to its own."""
    home.mkdir()
    given = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "PYTHONPATH": str(ROOT / "plugins"),
        **environment,
    }
    migration = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migration, env=given, check=True, capture_output=True)
    with (
        (home / "runner.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("airflow_runner.py"))],
            env=given,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield RunningAirflow(process=process, known=answer_of(process))
        assert process.stdin
        process.stdin.close()
