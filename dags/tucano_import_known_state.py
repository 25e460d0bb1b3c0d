"""
### Begin with what Tucano holds already: import an export or an old request log

**What**: reads a CSV file from the folder PROVISIONING_IMPORT_FOLDER and makes it known: each account becomes an entry
of the log of its own kind (IMPORT) and its known state, in one commit. Nothing is sent. Without it the first run cannot
know what Tucano holds besides what it is asked for. docs/day-one.md has the columns.

**Parameters**: `file`, its name without the folder. `replace` lets it overwrite what is known already: only with an
export that Tucano's operators took after everything was restored.

**Result**: the counts. Rows that could not be used, and accounts that were left as they are, stand in rejected_row with
the reason, under the batch that is returned.

**When it is red**: the message names the column, the line or the file that is wrong: mend it and trigger again. A run
that was killed is finished by the same file again; nothing is written twice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from provisioner import steps, wiring

PARAMS = {
    "file": Param(
        type="string",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$",
        description="The file's name in PROVISIONING_IMPORT_FOLDER.",
    ),
    "replace": Param(
        False, type="boolean", description="Overwrite what is known already. Only with an export of now."
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    doc_md=__doc__,
    tags=["provisioning"],
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
)
def tucano_import_known_state() -> None:
    @task(execution_timeout=timedelta(hours=2))
    def import_file() -> dict[str, Any]:
        context = get_current_context()
        with wiring.failing_clearly():
            return wiring.told(
                steps.import_known_state.run(
                    wiring.connections(), wiring.run_of(context), wiring.import_folder(), context["params"]
                )
            )

    import_file()


tucano_import_known_state()
