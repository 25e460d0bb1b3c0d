"""Describes the project's DAGs as JSON, in a process of its own: `python tests/dags/describe_dags.py YEARS ZONE...`."""

from __future__ import annotations

import json
import sys
from typing import Any


def describe(dag: Any) -> dict[str, Any]:
    """Return what the policies ask of one DAG."""
    return {
        "doc_md": dag.doc_md or "",
        "tags": sorted(dag.tags),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "params": {name: dag.params.get_param(name).schema for name in dag.params},
        "tasks": {
            task.task_id: {
                "downstream": sorted(task.downstream_task_ids),
                "trigger_rule": task.trigger_rule.value,
                "retries": task.retries,
                "has_timeout": task.execution_timeout is not None
                or getattr(task, "response_timeout", None) is not None,
            }
            for task in dag.tasks
        },
    }


def nights(zone: str, years: int) -> list[str]:
    """Return when the nightly run would start, in local time, for some years from January 2026."""
    import pendulum
    from airflow.timetables.base import TimeRestriction
    from airflow.timetables.trigger import CronTriggerTimetable

    timetable = CronTriggerTimetable("0 2 * * *", timezone=zone)
    restriction = TimeRestriction(earliest=pendulum.datetime(2026, 1, 1), latest=None, catchup=True)
    last, found = None, []
    for _ in range(365 * years):
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        last = info.data_interval
        found.append(info.run_after.in_timezone(zone).isoformat())
    return found


def main() -> None:
    """Print {"import_errors", "seconds", "dags", "nights", "schedule"}."""
    from airflow.dag_processing.dagbag import DagBag

    years, zones = int(sys.argv[1]), sys.argv[2:]
    bag = DagBag()
    reset_run = bag.dags["tucano_reset_run"]
    described = {
        "import_errors": bag.import_errors,
        "seconds": {stat.file: stat.duration.total_seconds() for stat in bag.dagbag_stats},
        "dags": {name: describe(dag) for name, dag in bag.dags.items()},
        "schedule": [reset_run.timetable.expression, str(reset_run.timetable.timezone)],
        "nights": {zone: nights(zone, years) for zone in zones},
    }
    json.dump(described, sys.stdout, default=str)


if __name__ == "__main__":
    main()
