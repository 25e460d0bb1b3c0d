"""What Airflow's processes have loaded before they fork a task or read a DAG (plugins/airflow_local_settings.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dags.running_airflow import ROOT

LOADED = (
    "import airflow, sys; print('provisioner.steps' in sys.modules and 'provisioner.wiring' in sys.modules)"
)


@pytest.mark.parametrize(
    ("command", "loads"),
    [
        (["scheduler"], True),
        (["celery", "worker"], True),
        (["dag-processor"], True),
        (["dags", "list"], False),
    ],
    ids=str,
)
def test_a_process_that_forks_tasks_has_loaded_the_product(
    command: list[str], loads: bool, tmp_path: Path
) -> None:
    # As in a deployment where only Airflow's own settings name the folder of plugins.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    }
    asked = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv = {['airflow', *command]!r}; {LOADED}"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert asked.stdout.split() == [str(loads)]
