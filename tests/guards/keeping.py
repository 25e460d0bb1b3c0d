"""The guards of what is kept: the archive, rows that cannot be used, day one and restores: 4.1, 4.9 and 4.10."""

from __future__ import annotations

from tests.guards.guard import ADAPTERS, CORE, DAGS, INTEGRATION, ON_AIRFLOW, SCHEMA, SQL, STEPS, UNIT, Guard

KEEPING = (
    # -- the archive
    Guard(
        section="4.1",
        rule="a month whose requests do not add up to known state is not moved",
        file=f"{STEPS}/archivist.py",
        text="    if folded != known:\n",
        instead="    if False:\n",
        tests=(
            f"{INTEGRATION}/test_archive_move.py",
            "-k",
            "add_up",
        ),
    ),
    Guard(
        section="4.1",
        rule="a move that changes more than the place of one month is rolled back",
        file=f"{CORE}/retention.py",
        text="    if expected != found or touched:\n",
        instead="    if False:\n",
        tests=(f"{UNIT}/test_retention.py",),
    ),
    Guard(
        section="4.1",
        rule="a month that is not what it was after its move is given back",
        file=f"{CORE}/retention.py",
        text="    if (rows, checksum) != (found.rows, found.checksum):\n",
        instead="    if False:\n",
        tests=(
            f"{INTEGRATION}/test_archive_return.py",
            "-k",
            "given_back",
        ),
    ),
    Guard(
        section="4.1",
        rule="closed requests outside all months are told with the cure",
        file=f"{STEPS}/maintain_partitions.py",
        text="    if count:\n",
        instead="    if False:\n",
        tests=(
            f"{INTEGRATION}/test_archive_months.py",
            "-k",
            "astray",
        ),
    ),
    Guard(
        section="4.1",
        rule="the current month is never moved",
        file=f"{CORE}/retention.py",
        text="    latest = min(cutoff, now - SETTLED)\n",
        instead="    latest = cutoff + timedelta(days=40)\n",
        tests=(f"{UNIT}/test_retention.py",),
    ),
    Guard(
        section="4.1",
        rule="one archivist at a time",
        file=f"{STEPS}/archivist.py",
        text="        if not archive.take_lock(db):\n",
        instead="        if False:\n",
        tests=(
            f"{INTEGRATION}/test_archive_move.py",
            "-k",
            "two_archivists",
        ),
    ),
    Guard(
        section="4.1",
        rule="what a dead task moved is looked back at by the next one",
        file=f"{STEPS}/archivist.py",
        text="            look_back(db)\n",
        instead="",
        tests=(
            f"{INTEGRATION}/test_archive_return.py",
            "-k",
            "dead_task",
        ),
    ),
    Guard(
        section="4.1",
        rule="a deletion that nobody answers is refused",
        file=f"{DAGS}/tucano_export_requests.py",
        text="defaults=wiring.REJECT",
        instead="defaults=wiring.APPROVE",
        tests=(
            f"{ON_AIRFLOW}/test_archive_dag.py",
            "-k",
            "silence_is_a_refusal",
        ),
    ),
    Guard(
        section="4.1",
        rule="a person whose request is open is not forgotten yet",
        file=f"{STEPS}/forget_person.py",
        text="        if open_requests := archive_people.count_open(db, accounts):\n",
        instead="        if open_requests := 0:\n",
        tests=(
            f"{INTEGRATION}/test_archive_forget.py",
            "-k",
            "open_request",
        ),
    ),
    # -- bad rows
    Guard(
        section="4.9",
        rule="a row that cannot be used is kept with its reason",
        file=f"{STEPS}/extract.py",
        text="        batches.insert_rejected_rows(db, batch_id, landing.rejected)\n",
        instead="",
        tests=(
            f"{INTEGRATION}/test_reset_run_decisions.py",
            "-k",
            "decision_14_a_broken_rule",
        ),
    ),
    Guard(
        section="4.9",
        rule="one bad row does not stop the others",
        file=f"{ADAPTERS}/crm_rows.py",
        text="    except (ValueError, RecursionError):  # nested to drown the parser\n",
        instead="    except RecursionError:\n",
        tests=(f"{UNIT}/test_crm_rows.py",),
    ),
    # -- day one, and the day after a restore
    Guard(
        section="4.10",
        rule="a run that cannot know what Tucano holds says so",
        file=f"{STEPS}/close_batch.py",
        text="    if nothing_before:\n",
        instead="    if False:\n",
        tests=(
            f"{INTEGRATION}/test_known_state.py",
            "-k",
            "cannot_know",
        ),
    ),
    Guard(
        section="4.10",
        rule="what is distrusted is asked for again",
        file=f"{STEPS}/detect.py",
        text="        distrust.run(db, batch)\n",
        instead="",
        tests=(
            f"{INTEGRATION}/test_distrust.py",
            "-k",
            "brings_back",
        ),
    ),
    Guard(
        section="4.10",
        rule="what was settled meanwhile is not distrusted by a task that runs again",
        file=f"{STEPS}/distrust.py",
        text="    if done is not None:\n",
        instead="    if False:\n",
        tests=(
            f"{INTEGRATION}/test_distrust.py",
            "-k",
            "runs_again",
        ),
    ),
    Guard(
        section="4.10",
        rule="a time whose requests were deleted is not guessed at",
        file=f"{STEPS}/distrust.py",
        text="    if months := distrust.deleted_months(db, since=since):\n",
        instead="    if months := []:\n",
        tests=(
            f"{INTEGRATION}/test_distrust.py",
            "-k",
            "deleted_month",
        ),
    ),
    Guard(
        section="4.10",
        rule="an answer settles only what it names",
        file=f"{CORE}/distrust.py",
        text="                options=distrust.options & named.options,\n",
        instead="                options=distrust.options,\n",
        tests=(f"{UNIT}/test_distrust.py",),
    ),
    Guard(
        section="4.10",
        rule="an import overwrites nothing that our own requests know",
        file=f"{STEPS}/import_known_state.py",
        text="        elif one.is_known and not self._replace:\n",
        instead="        elif False:\n",
        tests=(
            f"{INTEGRATION}/test_known_state.py",
            "-k",
            "overwritten",
        ),
    ),
    Guard(
        section="4.10",
        rule="an import leaves an account with a request in doubt alone",
        file=f"{STEPS}/import_known_state.py",
        text="        if one.has_open_request:\n",
        instead="        if False:\n",
        tests=(
            f"{INTEGRATION}/test_known_state.py",
            "-k",
            "in_doubt",
        ),
    ),
    Guard(
        section="4.10",
        rule="known state is written under the claim of its account",
        file=f"{STEPS}/claiming.py",
        text="        ours = [account for account in block if account in held]\n",
        instead="        ours = list(block)\n",
        tests=(
            f"{INTEGRATION}/test_known_state.py",
            "-k",
            "other_hands or waits_for_whoever",
        ),
    ),
    Guard(
        section="4.10",
        rule="request numbers are not begun anew while somebody sends",
        file=f"{SCHEMA}/0007_day_one.sql",
        text="    IF EXISTS (SELECT FROM claim c WHERE c.until > clock_timestamp()) THEN\n",
        instead="    IF false THEN\n",
        tests=(
            f"{INTEGRATION}/test_database_restored.py",
            "-k",
            "while_somebody_sends",
        ),
    ),
    Guard(
        section="4.10",
        rule="a question that is open outlives request numbers that begin anew",
        file=f"{SQL}/request_log/renew_numbers.sql",
        text="FROM renewed CROSS JOIN kept k\n",
        instead="FROM renewed CROSS JOIN kept k WHERE false\n",
        tests=(
            f"{INTEGRATION}/test_requests_in_doubt.py",
            "-k",
            "outlives",
        ),
    ),
)
