"""
### Release removals: a person decides on what the guard held

**What**: a reset run that would take service from more accounts than a night explains (`removals_count` and
`removals_share`), or that follows a new provider file which changes too much, holds that part. This DAG shows what is
held (how many, why, whom), waits for an answer under *Required actions*, and on Approve sends only what was shown and
is still wanted by the CRM. Without an answer in 12 hours the answer is Reject. Who answered what is in
`release_decision`; where nobody did, it says "nobody in time".

**Parameters**: `batch_id` of the run that holds; empty for the newest one.

**When it is red**: the message says what changed since it was shown (a later run, another answer, another provider
file): look at the newest run and trigger again. Rejecting is never red; the next night plans anew.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, TriggerRule, dag, get_current_context, task

from provisioner import steps, wiring

PARAMS = {
    "batch_id": Param(
        None,
        type=["null", "integer"],
        minimum=1,
        description="The batch that holds; empty for the newest one.",
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=4,
    params=PARAMS,
    doc_md=__doc__,
    tags=["provisioning"],
)
def tucano_release_removals() -> None:
    @task(execution_timeout=timedelta(minutes=15))
    def show() -> dict[str, Any]:
        with wiring.failing_clearly():
            return steps.release_removals.show(wiring.connections(), get_current_context()["params"])

    ask = HITLOperator(
        task_id="ask",
        subject="Release {{ ti.xcom_pull(task_ids='show')['accounts'] }} held accounts?",
        body="{{ ti.xcom_pull(task_ids='show')['shown'] }}",
        options=[wiring.APPROVE, wiring.REJECT],
        defaults=wiring.REJECT,
        # An answer in the very second of the question can fail the task in Airflow 3.3: it asks again.
        retries=2,
        retry_delay=timedelta(seconds=10),
        response_timeout=timedelta(hours=12),
    )

    # Every answer is recorded, a no as well; after a no there is nothing to send and the rest is skipped.
    @task.short_circuit(execution_timeout=timedelta(minutes=15))
    def decide(held: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        run = wiring.run_of(get_current_context())
        with wiring.failing_clearly():
            return steps.release_removals.decide(
                wiring.connections(), run, held, **wiring.decision_of(answer)
            )

    @task(execution_timeout=timedelta(minutes=15))
    def chunks_of(released: dict[str, Any]) -> list[dict[str, Any]]:
        with wiring.step(released["batch_id"], "chunks_of") as connections:
            return [
                asdict(chunk) for chunk in steps.release_removals.chunks_of(connections, released["batch_id"])
            ]

    @task(map_index_template="{{ label }}", max_active_tis_per_dagrun=4, execution_timeout=timedelta(hours=6))
    def dispatch(released: dict[str, Any], chunk: dict[str, Any]) -> dict[str, int]:
        get_current_context()["label"] = chunk["label"]
        with wiring.step(released["batch_id"], f"dispatch {chunk['label']}") as connections:
            return steps.dispatch.run(connections, released["batch_id"], chunk["chunk_number"])

    @task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS, execution_timeout=timedelta(minutes=15))
    def close(released: dict[str, Any]) -> dict[str, int]:
        with wiring.failing_clearly():
            return steps.close_batch.run(wiring.connections(), released["batch_id"])

    held = show()
    released = decide(held, ask.output)
    held >> ask
    dispatch.partial(released=released).expand(chunk=chunks_of(released)) >> close(released)


tucano_release_removals()
