"""
### Is what we know of Tucano what the log says?

**What**: folds all closed requests again, hot, archived and what is left of deleted months, and compares with
known_state, account by account. Reads only, unless told otherwise; nothing is sent.

**Parameters**: `rebuild` writes what the log says where known_state differs, and logs that it did, as an entry of kind
IMPORT. `renew_request_numbers`, after the provisioning database was put back to a backup: from now on no request number
is drawn that Tucano may have seen, and requests that never left are planned anew. docs/day-one.md says when.

**Result**: how many accounts, options and boxes are known, how many accounts differ, the first of them, and how many
were rebuilt.

**When it is red**: known state differs, and the message names of whom: trigger again with `rebuild`. Or somebody is
sending: pause the other DAGs, wait half a minute and trigger again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from provisioner import steps, wiring

PARAMS = {
    "rebuild": Param(False, type="boolean", description="Write what the log says where known_state differs."),
    "renew_request_numbers": Param(
        False,
        type="boolean",
        description="Our database was restored: draw no number that Tucano may have seen.",
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    doc_md=__doc__,
    tags=["provisioning"],
)
def tucano_verify_known_state() -> None:
    @task(execution_timeout=timedelta(hours=2))
    def verify() -> dict[str, Any]:
        context = get_current_context()
        with wiring.failing_clearly():
            return wiring.told(
                steps.verify_known_state.run(wiring.connections(), wiring.run_of(context), context["params"])
            )

    verify()


tucano_verify_known_state()
