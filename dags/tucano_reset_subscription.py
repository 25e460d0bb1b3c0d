"""
### Reset one subscription: the agent's door

**What**: reads one subscription from the CRM, shows what it wants, what Tucano is known to have and the difference in
words, sends the difference and shows each answer. By hand (the form), by REST or by the command line.

**Parameters**: `subscription_number`; `dry_run` shows and sends nothing; `force` asks for everything again, whatever is
known, and takes away whatever was ever acknowledged and is not wanted: the cure when the platform lost its data.
Answers "already so" then tell how much was really missing.

**What it tells**: the log of its task first shows what the CRM says and the difference, before anything is sent; then
each request with its answer. What the task returns has both.

**When it is red**: the message of the red task says why nothing was sent (unknown number, draft, a row that breaks a
rule, the provider not effective), or which request was refused. Correct the cause and trigger again: it is always safe.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from provisioner import steps, wiring

PARAMS = {
    "subscription_number": Param(
        type="string",
        minLength=1,
        maxLength=40,
        pattern=r"^\s*[A-Za-z0-9._-]+\s*$",
        title="Subscription number",
    ),
    "dry_run": Param(False, type="boolean", description="Show the difference, send nothing."),
    "force": Param(
        False, type="boolean", description="Ask for everything again, whatever Tucano is known to have."
    ),
}


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=16,
    params=PARAMS,
    doc_md=__doc__,
    tags=["provisioning"],
    default_args={"execution_timeout": timedelta(minutes=15)},
)
def tucano_reset_subscription() -> None:
    # One task: a second one would take longer to start than both take to do.
    @task
    def reset() -> dict[str, Any]:
        context = get_current_context()
        with wiring.failing_clearly():
            ours = wiring.connections()
            found = steps.reset_subscription.look(ours, wiring.run_of(context), context["params"])
            shown = wiring.told(found.as_dict())
            return shown | wiring.told(steps.reset_subscription.send(ours, found.batch_id))

    reset()


tucano_reset_subscription()
