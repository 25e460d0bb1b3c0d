"""More guards of the log and of who owns an account: architecture 4.2, 4.4 and 4.5."""

from __future__ import annotations

from tests.guards.guard import CORE, DAGS, INTEGRATION, ON_AIRFLOW, SQL, STEPS, UNIT, Guard

OWNING = (
    Guard(
        section="4.2",
        rule="the first request of an account is marked as leaving before it leaves",
        file=f"{STEPS}/write_drafts.py",
        text="                        leaving=position == 1,\n",
        instead="                        leaving=False,\n",
        tests=(f"{INTEGRATION}/test_crash_anywhere.py", "-k", "request.leaving or passes"),
    ),
    Guard(
        section="4.2",
        rule="a request that keeps its number is marked as leaving too",
        file=f"{STEPS}/write_drafts.py",
        text="                leaving += [request.sequence_number] if position == 1 else []\n",
        instead="",
        tests=(f"{INTEGRATION}/test_crash_anywhere.py", "-k", "requests.committed or requests.written"),
    ),
    # -- one writer an account
    Guard(
        section="4.4",
        rule="a claim that was lost is not given back for its new owner",
        file=f"{SQL}/claim/release_claims.sql",
        text=" AND c.token = mine.token;",
        instead=";",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "giving_back"),
    ),
    Guard(
        section="4.4",
        rule="a claim holds by its token, not by its account",
        file=f"{SQL}/claim/hold_claims.sql",
        text=" AND c.token = mine.token\n",
        instead="\n",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "lost"),
    ),
    Guard(
        section="4.4",
        rule="only an owner renews his claims",
        file=f"{SQL}/claim/renew_claims.sql",
        text=" WHERE owner = %(owner)s AND",
        instead=" WHERE %(owner)s <> '' AND",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "nobody_elses"),
    ),
    Guard(
        section="4.4",
        rule="claims are taken in one order, so that two owners wait in no circle",
        file=f"{SQL}/claim/take_claims.sql",
        text=' COLLATE "C" AS account ORDER BY 1) AS a',
        instead=' COLLATE "C" AS account ORDER BY 1 DESC) AS a',
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "opposite_order"),
    ),
    Guard(
        section="4.4",
        rule="an owner who renews and writes at once waits in no circle",
        file=f"{SQL}/claim/renew_claims.sql",
        text='    ORDER BY account COLLATE "C"\n',
        instead="",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "for_himself_in_a_circle"),
    ),
    Guard(
        section="4.4",
        rule="what was planned under a claim that ended is not written",
        file=f"{STEPS}/prepare.py",
        text="        if held == drafts.keys():\n",
        instead="        if True:\n",
        tests=(f"{INTEGRATION}/test_lease.py", "-k", "under_a_claim_that_ended"),
    ),
    Guard(
        section="4.4",
        rule="who lost a claim sends nothing more",
        file=f"{STEPS}/sending.py",
        text="                if not written or again is not None:\n",
        instead="                if again is not None:\n",
        tests=(f"{INTEGRATION}/test_dispatch.py", "-k", "loses_his_claim"),
    ),
    Guard(
        section="4.4",
        rule="a dispatch is never started again by the scheduler",
        file=f"{DAGS}/tucano_reset_run.py",
        text='@task(map_index_template="{{ label }}", max_active_tis_per_dagrun=4,',
        instead='@task(retries=2, map_index_template="{{ label }}", max_active_tis_per_dagrun=4,',
        tests=(f"{ON_AIRFLOW}/test_dag_drawings.py", "-k", "never_retried"),
    ),
    # -- order
    Guard(
        section="4.5",
        rule="a box leaves its old place before it enters the new one",
        file=f"{CORE}/plan.py",
        text="        for old in [one for one in leaving if one.serial_number == material.serial_number]:\n",
        instead="        for old in []:\n",
        tests=(f"{UNIT}/test_plan.py", "-k", "changes_its_distributor"),
    ),
    Guard(
        section="4.5",
        rule="a box waits for a holder with whom somebody else is busy",
        file=f"{STEPS}/prepare.py",
        text=(
            "    while late := next((one.taker for one in changes if one.holder in busy and one.taker in drafts), "
            "None):\n"
        ),
        instead="    while late := None:\n",
        tests=(f"{INTEGRATION}/test_reset_run_order.py", "-k", "busy_with"),
    ),
    Guard(
        section="4.5",
        rule="a box that another account is known to have is asked for with that account",
        file=f"{STEPS}/prepare.py",
        text="        held = known_state.find_serial_holders(db, takers)\n",
        instead="        held = []\n",
        tests=(f"{INTEGRATION}/test_reset_run_order.py", "-k", "between_accounts"),
    ),
)
