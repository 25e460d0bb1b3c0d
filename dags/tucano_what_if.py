"""
### What would this provider file do? Ask before it lands

**What**: reads the CRM once more, plans every account under the given provider file with the nightly run's own code,
and counts: accounts and requests by command, distributor and option, and what the gate would hold. Beside it the
same for the file in use, so that what is out of sync anyhow shows. Nothing is sent, and no run sees it. The page
/provisioning/provider asks it; by hand works as well.

**Parameters**: `provider_file`, the whole text of the file.

**When it is red**: the message says which lines of the file are wrong, or that the CRM cannot be read. Nothing has to
be put right: ask again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from provisioner import steps, wiring

PARAMS = {
    "provider_file": Param(
        type="string",
        minLength=1,
        maxLength=1_000_000,
        format="multiline",
        title="Provider file",
        description="The whole text of a changed include/provider/tucano.yaml.",
    ),
}


@dag(
    schedule=None,
    catchup=False,
    # Each reads the whole CRM: one after the other.
    max_active_runs=1,
    params=PARAMS,
    doc_md=__doc__,
    tags=["provisioning"],
    default_args={"execution_timeout": timedelta(hours=1)},
)
def tucano_what_if() -> None:
    @task
    def what_if() -> dict[str, Any]:
        context = get_current_context()
        with wiring.failing_clearly():
            answer = steps.what_if.run(
                wiring.connections(), wiring.run_of(context), context["params"]["provider_file"]
            )
        # Counts alone: the answer with its examples is in the database.
        return wiring.told(
            {name: answer["with_file"][name] for name in ("out_of_sync", "accounts", "requests")}
        )

    what_if()


tucano_what_if()
