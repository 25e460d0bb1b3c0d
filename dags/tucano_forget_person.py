"""
### Forget a person: blank a subscription's personal data wherever requests are kept

**What**: takes the body of CREATE_ACCOUNT and Tucano's free text out of the subscription's closed requests, hot,
archived and exported; what was sent when, and how it ended, stays. Explanations, texts of batches and attempts to
authenticate are reached as well (docs/archive.md has the list). Each month that changes gets a FORGET row in
`archive_manifest`, with its checksums before and after, so that the chain says what happened; each call a row in
`forgotten_person`.

**Parameters**: `subscription_number`, and `reason` (the number of the person's request, never a name): it is kept.

**Not reached by this**: the CRM, Tucano, Airflow's logs (they hold no personal data) and your backups.

**When it is red**: "have no outcome yet" passes with the next reset run; "names the person" wants another reason. Else
the message names the file or month that is not what the manifest says. Triggering again is always safe and finishes
what was begun.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from provisioner import steps, wiring

PARAMS = {
    "subscription_number": Param(
        type="string", pattern=r"^[A-Za-z0-9._-]{1,40}$", description="Whose personal data is blanked."
    ),
    "reason": Param(
        type="string",
        minLength=5,
        maxLength=200,
        description="Why; kept in archive_manifest. No name, please.",
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
def tucano_forget_person() -> None:
    @task(execution_timeout=timedelta(hours=4))
    def forget() -> dict[str, Any]:
        context = get_current_context()
        with wiring.archive() as archive:
            return wiring.told(
                steps.forget_person.run(
                    archive,
                    context["params"]["subscription_number"],
                    context["params"]["reason"],
                    wiring.run_of(context),
                )
            )

    forget()


tucano_forget_person()
