"""
### Real time: what is committed in the CRM reaches Tucano at once

**What**: one task that lives for an hour (PROVISIONING_ROTATION_SECONDS). It copies the CRM's new actions to
`action_inbox` and drains it: for each account that an action names, the plan is made from the CRM's state of that
moment and sent, like every night's. It is woken by the CRM's NOTIFY where there is one, and looks each second in any
case. Then the next run begins.

**To stop it**: pause the DAG; the task sees it within a second, and ends within five. Actions then wait in the CRM, and
are taken up when the DAG is unpaused: nothing is lost. Run either this DAG or the service `real-time`; both at once do
no harm, and no good.

**Is it alive?** `real_time_lane`: `alive_at` is written each second, `mode` says whether the CRM wakes it (LISTEN) or
it looks each second (POLL), `last_error` what keeps actions waiting now. A parked action says why in
`action_inbox.reason`.

**When it is red**: the process died, or something was set up wrong for five minutes (Tucano refuses the password, the
provider file is wrong); the message says which. Actions wait. The next run begins by itself, and goes on where this one
stopped; a connection that is mended counts within half a minute. While Tucano or a database is away the task stays
green, and tries again later and later, up to half a minute: look at `last_error` (docs/real-time.md).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import dag, get_current_context, task

from provisioner import steps, wiring


@dag(
    schedule="@continuous",
    # A continuous DAG without a start never runs; a fixed one in the past begins at once.
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    # Whoever wants it turns it on: it sends, and holds a worker's slot for good.
    is_paused_upon_creation=True,
    doc_md=__doc__,
    tags=["provisioning"],
)
def tucano_real_time() -> None:
    # It ends by itself after an hour; what hangs longer is ended by Airflow.
    @task(execution_timeout=timedelta(minutes=75))
    def listen() -> dict[str, Any]:
        context = get_current_context()
        with wiring.failing_clearly():
            return wiring.told(
                steps.real_time.run(
                    wiring.connections(),
                    wiring.run_of(context).run_id,
                    should_end=wiring.pause_of(context),
                    lasts_seconds=wiring.rotation_seconds(),
                    connect_again=wiring.connections,
                )
            )

    listen()


tucano_real_time()
