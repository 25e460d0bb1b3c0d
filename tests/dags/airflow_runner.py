"""Runs DAGs in a process of its own, whose environment was set before Airflow is imported; speaks JSON lines.

Not for import: `python tests/dags/airflow_runner.py`, one request a line on standard input, one answer a line.
"""

from __future__ import annotations

import json
import logging
import sys


def main() -> None:
    """Answer each line {"dag", "conf"} with {"state", "tasks": {"task": [states]}, "labels", "results"}.

    *labels* are the names of mapped instances in the UI, by task; *results* what tasks returned.
    """
    answers = sys.stdout
    sys.stdout = sys.stderr  # Airflow's logs are not answers
    from airflow.dag_processing.dagbag import DagBag

    logging.disable(logging.INFO)
    bag = DagBag()
    print(
        json.dumps({"import_errors": bag.import_errors, "dags": sorted(bag.dags)}), file=answers, flush=True
    )
    for line in sys.stdin:
        request = json.loads(line)
        # Read anew: a run in this process leaves its parameters in the DAG.
        run = DagBag().dags[request["dag"]].test(run_conf=request["conf"])
        tasks: dict[str, list[str]] = {}
        labels: dict[str, list[str]] = {}
        results: dict[str, object] = {}
        for instance in run.get_task_instances():
            tasks.setdefault(instance.task_id, []).append(str(instance.state))
            if instance.map_index >= 0:
                labels.setdefault(instance.task_id, []).append(str(instance.rendered_map_index))
            elif instance.state == "success":
                results[instance.task_id] = instance.xcom_pull(task_ids=instance.task_id)
        print(
            json.dumps(
                {"state": str(run.state), "tasks": tasks, "labels": labels, "results": results}, default=str
            ),
            file=answers,
            flush=True,
        )


if __name__ == "__main__":
    main()
