"""
### Archive closed requests: whole months leave the hot log, and nothing else changes

**What**: makes the log's partitions ahead of time; moves each month that ended before the cutoff to the archive, as
metadata and in one transaction; proves before each move and once after all of them that the closed requests still add
up to what Tucano is known to have. On the first of each month at 04:00 (PROVISIONING_TIMEZONE), or by hand. Open
requests are not in the log and cannot be touched. Attempts of portals to authenticate a subscriber are deleted when
they are old.

**Parameters**: `before` (a time; wins) or `keep_days` say which months; without them `settings.keep_days` of
include/provider/tucano.yaml does (90). `dry_run` shows months, rows and bytes in the log of `choose_months` and moves
nothing. `keep_attempts_days` (default 90, at least 30) says how long attempts to authenticate are kept.

**Result**: a row a month in `archive_manifest`. Both tiers are one in `request_history`.

**When it is red**
- `make_partitions`: the partitions of the next months could not be made. Nothing else waits for it, nor it for others.
- `look_for_strays`: closed requests lie outside all monthly partitions. docs/archive.md has the cure.
- `move_month`: the message says why. The month is where it was, or was given back; the other months went on.
  "another archive task" and "never free" pass by themselves: trigger again.
- `delete_attempts`: the old attempts to authenticate are still there. Nothing waits for it, nor it for others.
- `prove`: the closed requests no longer add up to known state. What this run moved was given back: docs/archive.md.

Triggering again is always safe: a month is whole in one tier at each moment, and what moved is left as it is.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, TriggerRule, dag, get_current_context, task

from provisioner import steps, wiring

TIMEZONE = os.environ.get("PROVISIONING_TIMEZONE", "UTC")

PARAMS = {
    "before": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="Archive the whole months that ended before this time. Wins over keep_days.",
    ),
    "keep_attempts_days": Param(
        90,
        type="integer",
        minimum=30,
        maximum=36500,
        description="Days that attempts to authenticate are kept.",
    ),
    "keep_days": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        maximum=36500,
        description="Days that stay hot; empty for keep_days of include/provider/tucano.yaml.",
    ),
    "dry_run": Param(False, type="boolean", description="Show months, rows and bytes; move nothing."),
}


@dag(
    # Without this, Airflow takes a DAG that it first sees in the first three days of a month for one that is due.
    schedule=CronTriggerTimetable("0 4 1 * *", timezone=TIMEZONE, run_immediately=timedelta(minutes=5)),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    doc_md=__doc__,
    tags=["provisioning", "archive"],
    default_args={
        "execution_timeout": timedelta(hours=2),
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
    },
)
def tucano_archive_requests() -> None:
    @task
    def make_partitions() -> list[str]:
        with wiring.archive() as archive:
            return steps.maintain_partitions.run(archive)

    @task
    def look_for_strays() -> int:
        with wiring.archive() as archive:
            return steps.maintain_partitions.refuse_strays(archive)

    @task
    def delete_attempts() -> int:
        with wiring.archive() as archive:
            return steps.delete_attempts.run(archive, get_current_context()["params"])

    @task
    def choose_months() -> dict[str, Any]:
        with wiring.archive() as archive:
            return wiring.told(steps.choose_months.run(archive, get_current_context()["params"]))

    @task
    def months_to_move(chosen: dict[str, Any]) -> list[str]:
        return steps.choose_months.to_move(chosen, get_current_context()["params"])

    @task(map_index_template="{{ label }}", max_active_tis_per_dagrun=1)
    def move_month(month: str) -> dict[str, int]:
        get_current_context()["label"] = month
        with wiring.archive() as archive:
            return steps.move_month.run(archive, month, wiring.run_of(get_current_context()))

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def prove() -> dict[str, int]:
        with wiring.archive() as archive:
            return wiring.told(steps.prove_archive.run(archive, wiring.run_of(get_current_context())))

    make_partitions()
    look_for_strays()
    delete_attempts()
    move_month.expand(month=months_to_move(choose_months())) >> prove()


tucano_archive_requests()
