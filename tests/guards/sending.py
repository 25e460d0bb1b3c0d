"""The guards of what is sent: architecture 4.2 and 4.3."""

from __future__ import annotations

from tests.guards.guard import ADAPTERS, CORE, INTEGRATION, SCHEMA, SQL, STEPS, UNIT, Guard

SENDING = (
    # -- log, send, log
    Guard(
        section="4.2",
        rule="a request is durable before a byte of it leaves",
        file=f"{STEPS}/prepare.py",
        text="            prepared.work, prepared.finished = write_drafts(db, task, drafts)\n",
        instead="            with db.transaction(force_rollback=True):\n"
        "                prepared.work, prepared.finished = write_drafts(db, task, drafts)\n",
        tests=(f"{INTEGRATION}/test_crash_anywhere.py", "-k", "leaving or passes"),
    ),
    Guard(
        section="4.2",
        rule="the next request of an account leaves after the commit that lets it",
        file=f"{STEPS}/settle.py",
        text="        report.arm = work.requests[0].sequence_number\n",
        instead="        pass\n",
        tests=(f"{INTEGRATION}/test_crash_anywhere.py", "-k", "request.answered"),
    ),
    Guard(
        section="4.2",
        rule="an outcome and what it taught are one commit",
        file=f"{STEPS}/recorder.py",
        text="        known_state.write(db, learned)\n",
        instead="        pass\n",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "written_whole"),
    ),
    Guard(
        section="4.2",
        rule="what is sent again is the stored body, byte for byte",
        file=f"{ADAPTERS}/request_log.py",
        text="                body=body,\n                state=RequestState(state),\n",
        instead="                body=wire.encode(request_number, wire.decode_body(body)) + b' ',\n"
        "                state=RequestState(state),\n",
        tests=(
            f"{INTEGRATION}/test_reset_run_unknown.py",
            "-k",
            "stored_one or same_bytes or next_run_settles",
        ),
    ),
    Guard(
        section="4.2",
        rule="what is still wanted keeps its number",
        file=f"{STEPS}/write_drafts.py",
        text="            if request.command in draft.commands and request.command not in kept:\n",
        instead="            if False:\n",
        tests=(f"{INTEGRATION}/test_reset_run_unknown.py", "-k", "keeps_its_number"),
    ),
    Guard(
        section="4.2",
        rule="an answer that was given before this sending is not believed",
        file=f"{STEPS}/settle.py",
        text="    return first and isinstance(answer, Answer) and answer.replayed\n",
        instead="    return False\n",
        tests=(f"{INTEGRATION}/test_database_restored.py", "-k", "given_before"),
    ),
    Guard(
        section="4.2",
        rule="a number that Tucano knows for something else stops the run",
        file=f"{CORE}/outcome.py",
        text=(
            "        case Answer(status=409) if not in_doubt:\n"
            '            return NumberUsed(error_code="HTTP_409", error_description=answer.error_description)\n'
        ),
        instead="",
        tests=(f"{UNIT}/test_outcome.py",),
    ),
    # -- UNKNOWN
    Guard(
        section="4.3",
        rule="what may have arrived is settled before anything else of its account",
        file=f"{STEPS}/drafting.py",
        text="(request for request in open_plan.requests if request.left)",
        instead="(request for request in open_plan.requests if False)",
        tests=(f"{INTEGRATION}/test_reset_run_unknown.py", "-k", "next_run_settles"),
    ),
    Guard(
        section="4.3",
        rule="silence is not refusal: a time-out may have been applied",
        file=f"{CORE}/outcome.py",
        text="        case TransportFailure(reason=reason):\n            return Unknown(reason=reason)\n",
        instead="        case TransportFailure(reason=reason):\n            return Rejected(error_code=reason)\n",
        tests=(f"{UNIT}/test_outcome.py", f"{INTEGRATION}/test_reset_run_unknown.py"),
    ),
    Guard(
        section="4.3",
        rule="what was UNKNOWN once is not taken for never sent",
        file=f"{SQL}/request_log/disarm_requests.sql",
        text="WHERE r.sequence_number = f.sequence_number AND r.state = 'PENDING';",
        instead="WHERE r.sequence_number = f.sequence_number;",
        tests=(f"{INTEGRATION}/test_lease.py", "-k", "in_doubt_stays"),
    ),
    Guard(
        section="4.3",
        rule="an account without an answer is parked, not asked for ever",
        file=f"{STEPS}/sending.py",
        text="        if work.unknown_attempts >= self._settings.unknown_attempts:\n",
        # Once more rather than for ever: the test would not end.
        instead="        if work.unknown_attempts > self._settings.unknown_attempts:\n",
        tests=(f"{INTEGRATION}/test_reset_run_unknown.py", "-k", "parked"),
    ),
    Guard(
        section="4.3",
        rule="a 503 does not say that nothing was applied",
        file=f"{CORE}/outcome.py",
        text='maybe_applied=True, reached=True, reason="HTTP 503"',
        instead='maybe_applied=False, reached=True, reason="HTTP 503"',
        tests=(f"{UNIT}/test_outcome.py",),
    ),
    Guard(
        section="4.3",
        rule="only the platform's verdict settles what is in doubt",
        file=f"{CORE}/outcome.py",
        text="        case Answer(status=status) if 300 <= status < 500 and not in_doubt:\n",
        instead="        case Answer(status=status) if 300 <= status < 500:\n",
        tests=(f"{UNIT}/test_outcome.py",),
    ),
    Guard(
        section="4.3",
        rule="what a refusal as a mixed list leaves open is asked again",
        file=f"{STEPS}/settle.py",
        text="        if left_open:\n",
        instead="        if False:\n",
        tests=(f"{INTEGRATION}/test_requests_in_doubt.py",),
    ),
    Guard(
        section="4.3",
        rule="what a refusal of a request in doubt leaves open is asked again",
        file=f"{STEPS}/settle.py",
        text="    if doubted.any:\n",
        instead="    if False:\n",
        tests=(f"{INTEGRATION}/test_requests_in_doubt.py", "-k", "refused_does_not_stay_dark"),
    ),
    Guard(
        section="4.3",
        rule="a plan with an open question is not closed",
        file=f"{SQL}/request_log/close_plans.sql",
        text=" AND p.in_question = '{}'",
        instead="",
        tests=(f"{INTEGRATION}/test_requests_in_doubt.py", "-k", "outlives_the_plan"),
    ),
    Guard(
        section="4.3",
        rule="an account with an open plan is looked at by the next run",
        file=f"{SCHEMA}/0007_day_one.sql",
        text=(
            "    FROM open_plan p JOIN desired_state d ON d.account = p.account\n"
            "    WHERE d.batch_id = of_batch\n"
        ),
        instead=(
            "    FROM open_plan p JOIN desired_state d ON d.account = p.account\n"
            "    WHERE d.batch_id = of_batch AND false\n"
        ),
        tests=(f"{INTEGRATION}/test_detection.py", "-k", "open_plan"),
    ),
    Guard(
        section="4.3",
        rule="what is in doubt is settled though the CRM has no row any more",
        file=f"{SCHEMA}/0007_day_one.sql",
        text=("    WHERE r.sent_at IS NOT NULL\n      AND NOT EXISTS (SELECT FROM desired_state d"),
        instead=("    WHERE false\n      AND NOT EXISTS (SELECT FROM desired_state d"),
        tests=(f"{INTEGRATION}/test_requests_in_doubt.py", "-k", "no_row_for_it"),
    ),
)
