"""
### Export an archived month to Parquet, and delete it from the database if a person says so

**What**: writes the month to a file in PROVISIONING_ARCHIVE_FOLDER, reads it back and compares it with the database,
then asks: `ask_to_delete` waits for an answer under Required Actions. Approved, the month's requests are deleted from
the database; what Tucano was known to have at its end stays, so that nothing that is compared changes. Rejected, or
not answered within three days, the month stays where it is and the export is kept. `decide` does what was answered.

**Parameters**: `month`, written as 2026-01. It must be archived already.

**Result**: EXPORT, and DELETE or KEEP with who answered, in `archive_manifest`. `tucano_import_requests` brings a
deleted month back.

**When it is red**: the message says what was not as it should be; nothing was deleted then. Trigger again once it is
mended: an export that is still true is kept, and the question is asked again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, dag, get_current_context, task

from provisioner import steps, wiring

PARAMS = {
    "month": Param(
        type="string", pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="The archived month: 2026-01."
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=4,
    params=PARAMS,
    doc_md=__doc__,
    tags=["provisioning", "archive"],
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
)
def tucano_export_requests() -> None:
    @task(execution_timeout=timedelta(hours=2))
    def export() -> dict[str, Any]:
        context = get_current_context()
        with wiring.archive() as archive:
            return wiring.told(
                steps.export_month.run(archive, context["params"]["month"], wiring.run_of(context))
            )

    ask_to_delete = HITLOperator(
        task_id="ask_to_delete",
        subject="Delete {{ params.month }} from the database for good?",
        body="{{ ti.xcom_pull(task_ids='export')['rows'] }} requests are in "
        "{{ ti.xcom_pull(task_ids='export')['file'] }} (sha256 {{ ti.xcom_pull(task_ids='export')['sha256'] }}), "
        "read back and compared. Copy the file to where your backups are before you approve: once deleted, the month "
        "can be read from that file only, until tucano_import_requests brings it back.",
        options=[wiring.APPROVE, wiring.REJECT],
        defaults=wiring.REJECT,
        # An answer in the very second of the question can fail the task in Airflow 3.3: it asks again.
        retries=2,
        retry_delay=timedelta(seconds=10),
        response_timeout=timedelta(days=3),
    )

    @task(execution_timeout=timedelta(hours=2))
    def decide(exported: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        run = wiring.run_of(get_current_context())
        with wiring.archive() as archive:
            return wiring.told(
                steps.delete_month.decide(archive, exported, run, **wiring.decision_of(answer))
            )

    exported = export()
    exported >> ask_to_delete
    decide(exported, ask_to_delete.output)


tucano_export_requests()
