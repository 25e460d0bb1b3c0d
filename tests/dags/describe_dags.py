"""Describes the project's DAGs as JSON, in a process of its own: `python tests/dags/describe_dags.py YEARS ZONE...`."""

from __future__ import annotations

import json
import sys
from typing import Any


def describe(dag: Any) -> dict[str, Any]:
    """Return what the policies ask of one DAG."""
    from airflow.serialization.encoders import coerce_to_core_timetable

    return {
        "run_immediately": getattr(coerce_to_core_timetable(dag.timetable), "_run_immediately", None),
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


def nights(timetable: Any, zone: str, years: int) -> list[str]:
    """Return when *timetable* would start its run, in local time of *zone*, for some years from January 2026."""
    import pendulum
    from airflow.timetables.base import TimeRestriction

    restriction = TimeRestriction(earliest=pendulum.datetime(2026, 1, 1), latest=None, catchup=True)
    last, found = None, []
    for _ in range(365 * years):
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        last = info.data_interval
        found.append(info.run_after.in_timezone(zone).isoformat())
    return found


def starts(timetable: Any, zone: str, years: int) -> list[str]:
    """Return when a scheduler that does not catch up really starts it, in local time, from its first sight of the DAG.

    That is at three in the night, an hour too late. It looks every half hour around a change of clocks, else twice
    a day, as one that is now and then away; and it computes the next run anew at each look, as a parse does.
    """
    import pendulum
    from airflow.timetables import trigger
    from airflow.timetables.base import TimeRestriction

    now = pendulum.datetime(2026, 1, 1, 3, tz=zone)
    trigger.utcnow = lambda: now.in_timezone("UTC")  # Airflow's clock, the only one it asks here
    restriction = TimeRestriction(earliest=None, latest=None, catchup=False)
    last, following, found = None, None, []
    while now.year < 2026 + years:
        if following is not None and following.run_after <= now:
            last = following.data_interval
            found.append(following.run_after.in_timezone(zone).isoformat())
        following = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        changes = now.add(days=1).utcoffset() != now.subtract(days=1).utcoffset()
        now = now.add(minutes=30 if changes else 720)
    return found


def in_zone(timetable: Any, zone: str) -> Any:
    """Return the DAG's *timetable* as the scheduler has it, in another *zone*."""
    from airflow.serialization.encoders import coerce_to_core_timetable

    core = coerce_to_core_timetable(timetable)
    return type(core)(core._expression, timezone=zone, run_immediately=core._run_immediately)


def main() -> None:
    """Print {"import_errors", "seconds", "dags", "nights", "starts", "schedule"}."""
    from airflow.dag_processing.dagbag import DagBag

    years, zones = int(sys.argv[1]), sys.argv[2:]
    bag = DagBag()
    reset_run = bag.dags["tucano_reset_run"]
    described = {
        "import_errors": bag.import_errors,
        "seconds": {stat.file: stat.duration.total_seconds() for stat in bag.dagbag_stats},
        "dags": {name: describe(dag) for name, dag in bag.dags.items()},
        "schedule": [reset_run.timetable.expression, str(reset_run.timetable.timezone)],
        "nights": {zone: nights(in_zone(reset_run.timetable, zone), zone, years) for zone in zones},
        "starts": {zone: starts(in_zone(reset_run.timetable, zone), zone, years) for zone in zones},
    }
    json.dump(described, sys.stdout, default=str)


if __name__ == "__main__":
    main()
