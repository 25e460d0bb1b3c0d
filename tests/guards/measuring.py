"""The guards of what an extract and a plan are measured by, and of dry runs: architecture 4.6 and 4.7."""

from __future__ import annotations

from tests.guards.guard import ADAPTERS, INTEGRATION, SQL, STEPS, UNIT, Guard

VERSION = f"{INTEGRATION}/test_provider_version.py"
LAST_WHOLE = f"{INTEGRATION}/test_last_whole_extract.py"
APPLIED = f"{SQL}/batch/read_applied_provider.sql"

MEASURING = (
    # -- the extract
    Guard(
        section="4.6",
        rule="an extract that is not whole is no measure of the next one",
        file=f"{SQL}/batch/read_last_whole.sql",
        text=" AND extract_whole AND NOT filtered ",
        instead=" AND NOT filtered ",
        tests=(LAST_WHOLE, "-k", "not_whole"),
    ),
    Guard(
        section="4.6",
        rule="a filtered extract is no measure of everybody's",
        file=f"{SQL}/batch/read_last_whole.sql",
        text=" AND extract_whole AND NOT filtered ",
        instead=" AND extract_whole ",
        tests=(LAST_WHOLE, "-k", "filtered"),
    ),
    Guard(
        section="4.6",
        rule="whom a filter leaves out is not gone",
        file=f"{STEPS}/prove_extract.py",
        text="        if not batch.filtered:\n",
        instead="        if True:\n",
        tests=(f"{INTEGRATION}/test_reset_run_by_number.py", "-k", "not_taken_for_gone"),
    ),
    Guard(
        section="4.6",
        rule="a rejected row names its account, so that nothing is taken from it",
        file=f"{ADAPTERS}/crm_rows.py",
        text="        account=AccountId(account) if account else None,\n",
        instead="        account=None,\n",
        tests=(f"{UNIT}/test_crm_rows.py", "-k", "names_its_account"),
    ),
    # -- the plan
    Guard(
        section="4.7",
        rule="a version that only a filtered run used is still new",
        file=APPLIED,
        text="      WHEN 'RESET_RUN' THEN NOT b.filtered\n",
        instead="      WHEN 'RESET_RUN' THEN true\n",
        tests=(VERSION, "-k", "only_a_filtered_run"),
    ),
    Guard(
        section="4.7",
        rule="a version of which a part was released is still new to the rest",
        file=APPLIED,
        text=" AND held.cause = 'RESET_RUN' AND NOT held.filtered)",
        instead=")",
        tests=(VERSION, "-k", "released_a_part"),
    ),
    Guard(
        section="4.7",
        rule="a version that no guard judged is still new",
        file=APPLIED,
        text="       OR b.stage = 'CLOSED'\n          AND (",
        instead="       OR b.stage = 'CLOSED' OR (",
        tests=(VERSION, "-k", "before_its_guard"),
    ),
    Guard(
        section="4.7",
        rule="two lanes do not spend one hour's removals twice",
        file=f"{STEPS}/real_time_gate.py",
        text='        sql.run(db, "real_time/lock_removals")\n',
        instead="",
        tests=(f"{INTEGRATION}/test_real_time_gate.py", "-k", "one_after_the_other"),
    ),
    Guard(
        section="4.7",
        rule="of another account nothing goes but the box that moved",
        file=f"{STEPS}/prepare.py",
        text="                if serial_number in boxes\n",
        instead="",
        tests=(f"{INTEGRATION}/test_reset_subscription.py", "-k", "nothing_goes_but"),
    ),
    # -- dry runs
    Guard(
        section="4.7",
        rule="a dry run sends nothing",
        file=f"{STEPS}/guard.py",
        text="[] if batch.dry_run or verdict.whole_plan else",
        instead="[] if verdict.whole_plan else",
        tests=(f"{INTEGRATION}/test_reset_run_whole.py", "-k", "dry_runs"),
    ),
    Guard(
        section="4.7",
        rule="a dry run answers for nothing that is held",
        file=f"{STEPS}/guard.py",
        text='        if not batch.dry_run:\n            sql.run(db, "batch/replace_held"',
        instead='        if True:\n            sql.run(db, "batch/replace_held"',
        tests=(VERSION, "-k", "a_dry_run_makes"),
    ),
    Guard(
        section="4.7",
        rule="a dry run of one subscription sends nothing",
        file=f"{STEPS}/reset_subscription.py",
        text="    if not batch.dry_run:\n",
        instead="    if True:\n",
        tests=(f"{INTEGRATION}/test_reset_subscription.py", "-k", "dry_run_sends_nothing"),
    ),
    Guard(
        section="4.10",
        rule="a dry run distrusts nothing",
        file=f"{STEPS}/distrust.py",
        text="    if batch.dry_run:\n",
        instead="    if False:\n",
        tests=(f"{INTEGRATION}/test_distrust.py", "-k", "leaves_no_trace"),
    ),
)
