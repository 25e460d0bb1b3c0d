"""
### Nightly reset run: bring Tucano in step with the CRM

**What**: reads all subscriptions of the CRM in one snapshot, finds the accounts whose known state in Tucano differs,
plans the commands that mend them, and sends them. Runs at 02:00 (PROVISIONING_TIMEZONE, default UTC); one run at a
time. Nights that were missed are not caught up: of several the last one runs once, and mends everything.

**Parameters**: `created_from`, `created_to` (exclusive) and `subscription_types` limit the run, or
`subscription_numbers` does, which is what the pages' button to retry gives; `dry_run` plans and shows everything and
sends nothing; `allow_removals` lets removals beyond the gate go and needs `allow_removals_reason`, which is recorded.
`distrust_since`: Tucano was put back to a backup of about that time, and what it acknowledged after it is asked for
again; give it once, a little early rather than late (docs/day-one.md).

**Result**: the last task, `close`, returns the counts and logs one paragraph: what happened and what to do.

**When it is red**
- `load_provider`: the provider file does not validate, or the provider is not EFFECTIVE. The message names the line.
- `extract`: the CRM cannot be read, or breaks docs/crm-contract.md. Nothing was removed. Mend and trigger again.
- `dispatch`: Tucano was unreachable or refused our credentials. Nothing is lost: trigger again when it is back.
- `close`: says what went wrong in one paragraph. It is red too when many requests were rejected: look at the refusals
  it lists.

Triggering again is always safe: what was done is known, what is in doubt is asked again under its own number.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable, Param, TriggerRule, chain, dag, get_current_context, task

from provisioner import steps, wiring

TIMEZONE = os.environ.get("PROVISIONING_TIMEZONE", "UTC")

PARAMS = {
    "created_from": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="Only subscriptions created from this time.",
    ),
    "created_to": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="Only subscriptions created before this time.",
    ),
    "subscription_types": Param(
        None,
        type=["null", "array"],
        items={"type": "string", "minLength": 1},
        description="Only subscriptions of these types.",
    ),
    "subscription_numbers": Param(
        None,
        type=["null", "array"],
        items={"type": "string", "minLength": 1, "maxLength": 100},
        maxItems=5000,
        description="Only these subscriptions, with all others of their accounts; no other limit beside it.",
    ),
    "dry_run": Param(False, type="boolean", description="Plan and show everything, send nothing."),
    "allow_removals": Param(
        False, type="boolean", description="Let removals beyond the gate go. Needs a reason."
    ),
    "allow_removals_reason": Param(
        None, type=["null", "string"], minLength=5, description="Why removals may go this time; recorded."
    ),
    "distrust_since": Param(
        None,
        type=["null", "string"],
        format="date-time",
        description="Tucano was put back to a backup: what it acknowledged after this time is asked for again.",
    ),
}


@dag(
    # The first night is the next one. Without this, Airflow takes a DAG that it first sees up to 2.4 hours late for one
    # that is due; five minutes are for a scheduler that is away at two.
    schedule=CronTriggerTimetable("0 2 * * *", timezone=TIMEZONE, run_immediately=timedelta(minutes=5)),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    doc_md=__doc__,
    tags=["provisioning"],
    default_args={"execution_timeout": timedelta(hours=1)},
)
def tucano_reset_run() -> None:
    @task
    def open_batch() -> int:
        context = get_current_context()
        with wiring.failing_clearly():
            return steps.reset_run.open_batch_of_run(
                wiring.connections(), wiring.run_of(context), context["params"]
            )

    @task
    def load_provider(batch_id: int) -> str:
        with wiring.step(batch_id, "load_provider") as connections:
            return steps.load_provider.run(connections, batch_id)

    @task(retries=2, retry_delay=timedelta(minutes=1))
    def extract(batch_id: int) -> dict[str, int]:
        with wiring.step(batch_id, "extract") as connections:
            return steps.extract.run(connections, batch_id)

    @task
    def prove_extract(batch_id: int) -> list[str]:
        with wiring.step(batch_id, "prove_extract") as connections:
            return steps.prove_extract.run(connections, batch_id)

    @task
    def detect(batch_id: int) -> int:
        with wiring.step(batch_id, "detect") as connections:
            return steps.detect.run(connections, batch_id)

    @task
    def plan(batch_id: int) -> str:
        with wiring.step(batch_id, "plan") as connections:
            return steps.plan.run(connections, batch_id)

    @task
    def guard(batch_id: int) -> list[dict[str, Any]]:
        with wiring.step(batch_id, "guard") as connections:
            return [asdict(chunk) for chunk in steps.guard.run(connections, batch_id)]

    @task(map_index_template="{{ label }}", max_active_tis_per_dagrun=4, execution_timeout=timedelta(hours=6))
    def dispatch(batch_id: int, chunk: dict[str, Any]) -> dict[str, int]:
        get_current_context()["label"] = chunk["label"]
        with wiring.step(batch_id, f"dispatch {chunk['label']}") as connections:
            return steps.dispatch.run(connections, batch_id, chunk["chunk_number"])

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def close(batch_id: int) -> dict[str, int]:
        with wiring.failing_clearly():
            return steps.close_batch.run(wiring.connections(), batch_id)

    batch_id = open_batch()
    chunks = guard(batch_id)
    dispatched = dispatch.partial(batch_id=batch_id).expand(chunk=chunks)
    chain(
        load_provider(batch_id),
        extract(batch_id),
        prove_extract(batch_id),
        detect(batch_id),
        plan(batch_id),
        chunks,
    )
    dispatched >> close(batch_id)


tucano_reset_run()
