"""
### Bring a deleted month back from its file

**What**: reads the month's Parquet file from PROVISIONING_ARCHIVE_FOLDER, compares it with what the manifest says of
it, and puts its requests back into the archive. Nothing that is compared with the CRM changes; `request_history` and
`state_at` answer for the month again.

**Parameters**: `month`, written as 2026-01. It must have been deleted by `tucano_export_requests`.

**When it is red**: the message names the file that is missing or not the one that was exported: take it from your
backup, put it into the folder and trigger again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from provisioner import steps, wiring

PARAMS = {
    "month": Param(
        type="string", pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="The deleted month: 2026-01."
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
def tucano_import_requests() -> None:
    @task(execution_timeout=timedelta(hours=2))
    def bring_back() -> dict[str, Any]:
        context = get_current_context()
        with wiring.archive() as archive:
            return wiring.told(
                steps.import_month.run(archive, context["params"]["month"], wiring.run_of(context))
            )

    bring_back()


tucano_import_requests()
