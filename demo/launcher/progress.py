"""One run of the DAG, followed from its trigger to its end, and the table of the runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demo.launcher.errors import LauncherError
from demo.launcher.rest import ENDED, AirflowClient, RestError

CLOSE = "close"
LOOK_SECONDS = 1.0
NAMES_SHOWN = 3
TASK_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One ended run: *counts* is what its last task returned, *mapped* how many mapped tasks did the sending."""

    title: str
    state: str
    seconds: float
    mapped: int
    counts: dict[str, int]


def follow(
    client: AirflowClient,
    dag: str,
    title: str,
    conf: dict[str, Any],
    tell: Callable[[str], None],
    *,
    seconds: float,
) -> Run:
    """Trigger a run with *conf*, say how it gets on and return how it ended; LauncherError after *seconds*."""
    began = time.monotonic()
    run = client.trigger(dag, conf)
    tell(f"the {title} is triggered through Airflow's REST API: {run}")
    said = ""
    while (state := client.state(dag, run)) not in ENDED:
        now = describe(client.task_instances(dag, run))
        if now and now != said:
            tell(f"  {now}")
            said = now
        if time.monotonic() - began > seconds:
            raise LauncherError(f"the {title} is still {state} after {seconds:g} s")
        time.sleep(LOOK_SECONDS)
    instances = client.task_instances(dag, run)
    if state != "success":
        failed = [instance["task_id"] for instance in instances if instance["state"] == "failed"]
        tell(f"  {state}: {', '.join(sorted(set(failed)))}")
    return Run(
        title=title,
        state=state,
        seconds=time.monotonic() - began,
        mapped=sum(instance["map_index"] >= 0 for instance in instances),
        counts=counts_of(client, dag, run),
    )


def describe(instances: list[dict[str, Any]]) -> str:
    """Say in a few words where a run is: its running task, or how many of its mapped tasks are done."""
    mapped = [instance for instance in instances if instance["map_index"] >= 0]
    running = [instance for instance in instances if instance["state"] == "running"]
    if mapped and any(instance["state"] not in TASK_ENDED for instance in mapped):
        done = sum(instance["state"] in TASK_ENDED for instance in mapped)
        labels = [instance["rendered_map_index"] or "" for instance in running]
        names = [
            label for label in labels if not label.isdecimal()
        ]  # a bare index until the task names itself
        at_work = ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
        return f"{mapped[0]['task_id']}: {done} of {len(mapped)} done" + (
            f", now {at_work}" if at_work else ""
        )
    return ", ".join(Counter(instance["task_id"] for instance in running))


def counts_of(client: AirflowClient, dag: str, run: str) -> dict[str, int]:
    """Return what the run's last task returned; empty if it failed and so returned nothing."""
    try:
        return dict(client.result(dag, run, CLOSE))
    except RestError:
        return {}


def table(runs: list[Run]) -> list[str]:
    """Return the lines of the summary: one row a run."""
    columns = {
        "subscriptions": "subscriptions",
        "out_of_sync_before": "out of sync",
        "requests_completed": "completed",
        "requests_rejected": "rejected",
        "out_of_sync_after": "left",
    }
    head = f"{'':20}" + "".join(f"{title:>15}" for title in columns.values()) + f"{'tasks':>8}{'seconds':>10}"
    rows = [
        f"{run.title:20}"
        + "".join(f"{run.counts.get(name, '-'):>15}" for name in columns)
        + f"{run.mapped:>8}{run.seconds:>10.0f}"
        for run in runs
    ]
    return [head, "-" * len(head), *rows]
