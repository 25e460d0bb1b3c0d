"""What Airflow imports when each of its processes starts, before any DAG.

A task runs in a process of its own, forked from a worker, and a DAG's file is read in one forked from the DAG
processor. Each would import the product anew, which takes longer than most tasks work; what was imported before the
fork costs nothing. So the processes that fork load all of it once. A new version of the product needs a restart of
them, as that of any Airflow plugin does.
"""

from __future__ import annotations

import sys
from importlib import import_module

THAT_FORK = {"scheduler", "celery", "dag-processor"}
NEEDED = (
    "airflow.sdk.execution_time.task_runner",
    "airflow.sdk.definitions.decorators",
    "provisioner.steps",
    "provisioner.wiring",
)

if THAT_FORK & set(sys.argv[1:2]):
    for module in NEEDED:
        import_module(module)
