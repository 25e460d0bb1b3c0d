"""The guards that keep the product safe: where each stands, how it is taken away, and which tests then fail."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = "plugins/provisioner/steps"
CORE = "plugins/provisioner/core"
ADAPTERS = "plugins/provisioner/adapters"
SQL = "include/sql"
UNIT = "tests/unit"
INTEGRATION = "tests/integration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One guard: *text*, which stands once in *file*, and what stands there *instead* when it is taken away.

    *rule* says what it keeps, *section* where the architecture asks for it. *tests* are pytest's arguments; at least
    one of those tests fails without the guard.
    """

    section: str
    rule: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


GUARDS = (
    # -- log, send, log
    Guard(
        section="4.2",
        rule="a request is durable before a byte of it leaves",
        file=f"{STEPS}/prepare.py",
        text="    with db.transaction():\n        prepared.work, prepared.finished = write_drafts(db, task, drafts)\n",
        instead="    with db.transaction(force_rollback=True):\n"
        "        prepared.work, prepared.finished = write_drafts(db, task, drafts)\n",
        tests=(f"{INTEGRATION}/test_crash_anywhere.py", "-k", "leaving or passes"),
    ),
    Guard(
        section="4.2",
        rule="the next request of an account leaves after the commit that lets it",
        file=f"{STEPS}/sending.py",
        text="            report.arm = work.requests[0].sequence_number\n",
        instead="            pass\n",
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
        instead="        if False:\n",
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
    # -- one writer an account
    Guard(
        section="4.4",
        rule="a live claim is nobody else's",
        file=f"{SQL}/claim/take_claims.sql",
        text="    WHERE claim.until < clock_timestamp()\n",
        instead="",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "is_free or by_its_own_owner"),
    ),
    Guard(
        section="4.4",
        rule="an outcome is written only where the token still matches",
        file=f"{STEPS}/recorder.py",
        text="        valid = [report for report in reports if report.account in held]\n",
        instead="        valid = list(reports)\n",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "lost_the_claim"),
    ),
    Guard(
        section="4.4",
        rule="a claim that ran out does not hold",
        file=f"{SQL}/claim/hold_claims.sql",
        text="WHERE c.until > clock_timestamp()\n",
        instead="",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "does_not_hold"),
    ),
    Guard(
        section="4.4",
        rule="a claim that holds cannot change hands before the commit",
        file=f"{SQL}/claim/hold_claims.sql",
        text="FOR UPDATE OF c;",
        instead=";",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "cannot_change_hands"),
    ),
    Guard(
        section="4.4",
        rule="a claim that ran out is not renewed",
        file=f"{SQL}/claim/renew_claims.sql",
        text=" AND until > clock_timestamp()",
        instead="",
        tests=(f"{INTEGRATION}/test_claims.py", "-k", "not_renewed"),
    ),
    Guard(
        section="4.4",
        rule="a worker stops sending before its lease ends, by its monotonic clock",
        file=f"{STEPS}/sending.py",
        text="        return time.monotonic() > work.lease_ends - policy.CLAIM_MARGIN_SECONDS\n",
        instead="        return False\n",
        tests=(f"{INTEGRATION}/test_lease.py", "-k", "sends_nothing_more"),
    ),
    Guard(
        section="4.4",
        rule="a worker that hears of a lost claim stops at once",
        file=f"{STEPS}/dispatch.py",
        text="                    work.lease_ends = 0.0\n",
        instead="                    pass\n",
        tests=(f"{INTEGRATION}/test_lease.py", "-k", "stops_at_once"),
    ),
    Guard(
        section="4.4",
        rule="a claim is renewed while its account is sent",
        file=f"{STEPS}/dispatch.py",
        text="        renewing = asyncio.create_task(self._renew())\n",
        instead="        renewing = asyncio.create_task(asyncio.sleep(0))\n",
        tests=(f"{INTEGRATION}/test_lease.py", "-k", "longer_than_its_lease"),
    ),
    Guard(
        section="4.4",
        rule="an account that is busy is asked for again",
        file=f"{STEPS}/dispatch.py",
        text="        if turns <= BUSY_TURNS:\n",
        instead="        if False:\n",
        tests=(f"{INTEGRATION}/test_dispatch.py", "-k", "busy"),
    ),
    Guard(
        section="4.4",
        rule="what is sent is planned after the claim, from the CRM of that moment",
        file=f"{STEPS}/drafting.py",
        text="    for row in crm.read_by_number(source, numbers) if numbers else ():\n",
        instead="    for row in ():\n",
        tests=(f"{INTEGRATION}/test_dispatch.py", "-k", "of_that_moment"),
    ),
    Guard(
        section="4.4",
        rule="times are the database's, not the worker's",
        file=f"{STEPS}/prepare.py",
        text="    lease_ends = time.monotonic() + policy.CLAIM_SECONDS\n",
        instead="    lease_ends = time.time() + policy.CLAIM_SECONDS\n",
        tests=(f"{UNIT}/test_clocks_of_the_product.py",),
    ),
    # -- order
    Guard(
        section="4.5",
        rule="the new channels come before the old ones go",
        file=f"{CORE}/plan.py",
        text="    return (*created, *added, *activated, *suspended, *removed)\n",
        instead="    return (*created, *added, *suspended, *activated, *removed)\n",
        tests=(f"{UNIT}/test_plan.py",),
    ),
    Guard(
        section="4.5",
        rule="a refused CREATE_ACCOUNT parks the rest of the plan",
        file=f"{CORE}/plan.py",
        text="        case CreateAccount():\n            return True\n",
        instead="        case CreateAccount():\n            return False\n",
        tests=(f"{UNIT}/test_plan.py", "-k", "blocks"),
    ),
    Guard(
        section="4.5",
        rule="a refused activation leaves the old channels on",
        file=f"{CORE}/plan.py",
        text="            return isinstance(later, SuspendOptions) and later.distributor == distributor\n",
        instead="            return False\n",
        tests=(f"{UNIT}/test_plan.py", "-k", "withholds"),
    ),
    Guard(
        section="4.5",
        rule="a box leaves its old account before it enters the new one",
        file=f"{STEPS}/sending.py",
        text="                await self._wait_for_box(work, request)\n",
        instead="                pass\n",
        tests=(f"{INTEGRATION}/test_reset_run_order.py", "-k", "between_accounts or exchange"),
    ),
    # -- unreadable is not empty
    Guard(
        section="4.6",
        rule="an empty extract is not whole",
        file=f"{CORE}/guard.py",
        text="    if proof.extracted_rows == 0 and not proof.filtered:\n",
        instead="    if False:\n",
        tests=(f"{UNIT}/test_guard.py",),
    ),
    Guard(
        section="4.6",
        rule="an extract with double keys is not whole",
        file=f"{CORE}/guard.py",
        text="    if proof.duplicate_keys:\n",
        instead="    if False:\n",
        tests=(f"{UNIT}/test_guard.py",),
    ),
    Guard(
        section="4.6",
        rule="an extract much smaller than the last whole one is not whole",
        file=f"{CORE}/guard.py",
        text="        if proof.landed_accounts < least:\n",
        instead="        if False:\n",
        tests=(f"{UNIT}/test_guard.py",),
    ),
    Guard(
        section="4.6",
        rule="an extract with many rejected rows is not whole",
        file=f"{CORE}/guard.py",
        text="    if rejected_share > settings.rejected_rows_share:\n",
        instead="    if False:\n",
        tests=(f"{UNIT}/test_guard.py",),
    ),
    Guard(
        section="4.6",
        rule="a filtered extract proves itself by a second count",
        file=f"{CORE}/guard.py",
        text="    if proof.counted_rows is not None and proof.counted_rows != proof.extracted_rows:\n",
        instead="    if False:\n",
        tests=(f"{UNIT}/test_guard.py",),
    ),
    Guard(
        section="4.6",
        rule="an extract that is not whole takes nothing away, whoever allows it",
        file=f"{CORE}/guard.py",
        text="    if not whole:\n",
        instead="    if False:\n",
        tests=(f"{UNIT}/test_guard.py",),
    ),
    Guard(
        section="4.6",
        rule="the extract is one snapshot",
        file=f"{ADAPTERS}/crm.py",
        text='    db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")\n',
        instead='    db.execute("SET TRANSACTION READ ONLY")\n',
        tests=(f"{INTEGRATION}/test_extract_snapshot.py",),
    ),
    Guard(
        section="4.6",
        rule="what has no mapping, or a rejected row, withholds the removals of its account",
        file=f"{CORE}/desired.py",
        text="    if desired.withhold_removals:\n",
        instead="    if False:\n",
        tests=(f"{UNIT}/test_target.py",),
    ),
    Guard(
        section="4.6",
        rule="a plan made of another landing than the batch's is refused",
        file=f"{STEPS}/detect.py",
        text="        if landed != batch.landed_accounts:\n",
        instead="        if False:\n",
        tests=(f"{INTEGRATION}/test_database_restart.py", "-k", "landing"),
    ),
    # -- the gate
    Guard(
        section="4.7",
        rule="removals beyond a count and a share are held",
        file=f"{CORE}/guard.py",
        text="    return count <= most or count <= share * base\n",
        instead="    return True\n",
        tests=(f"{UNIT}/test_guard.py",),
    ),
    Guard(
        section="4.7",
        rule="a new provider version that changes much is held in both directions",
        file=f"{CORE}/guard.py",
        text="    if change.new_provider_version and change.changed > share * change.base and not allow_removals:\n",
        instead="    if False:\n",
        tests=(f"{UNIT}/test_guard.py",),
    ),
    Guard(
        section="4.7",
        rule="only removals that the guard has seen are sent",
        file=f"{STEPS}/drafting.py",
        text="    released = guard.release(commands, draft.candidate.item.allowed_removals)\n",
        instead="    released = guard.Released(commands=commands)\n",
        tests=(f"{INTEGRATION}/test_dispatch.py", "-k", "guard_has_not_seen"),
    ),
    Guard(
        section="4.7",
        rule="a person releases only what was shown",
        file=f"{STEPS}/release_removals.py",
        text="        if {now_hash, hash_of(batches.read_held(db, held_batch_id))} != {held_hash}:\n",
        instead="        if False:\n",
        tests=(f"{INTEGRATION}/test_gate.py", "-k", "another_held_set"),
    ),
    Guard(
        section="4.7",
        rule="the first of two answers counts",
        file=f"{SQL}/batch/insert_decision.sql",
        text="ON CONFLICT (batch_id) DO NOTHING\n",
        instead="ON CONFLICT (batch_id) DO UPDATE SET approved = excluded.approved, decided_by = excluded.decided_by\n",
        tests=(f"{INTEGRATION}/test_gate_answers_at_once.py",),
    ),
    Guard(
        section="4.7",
        rule="allowing removals needs a reason",
        file=f"{STEPS}/reset_run.py",
        text='    if given.get("allow_removals") and not given.get("allow_removals_reason"):\n',
        instead="    if False:\n",
        tests=(f"{INTEGRATION}/test_gate.py", "-k", "needs_a_reason"),
    ),
    Guard(
        section="4.7",
        rule="a subscription that is missing from the extract is not treated as ended",
        file=f"{STEPS}/drafting.py",
        text="    if isinstance(wish, str):\n",
        instead="    if isinstance(wish, str):\n        wish = ''\n    if False:\n",
        tests=(f"{INTEGRATION}/test_dispatch.py", "-k", "left_the_crm"),
    ),
    # -- errors are data
    Guard(
        section="4.8",
        rule="a redirect is never followed",
        file=f"{ADAPTERS}/tucano.py",
        text="allow_redirects=False",
        instead="allow_redirects=True",
        tests=(f"{INTEGRATION}/test_reset_run_answers.py", "-k", "redirect"),
    ),
    Guard(
        section="4.8",
        rule="UNKNOWN_ACCOUNT is never already so",
        file=f"{CORE}/outcome.py",
        text="        forget_account=code == ErrorCode.UNKNOWN_ACCOUNT and not isinstance(command, CreateAccount),\n",
        instead="        forget_account=False,\n",
        tests=(f"{UNIT}/test_outcome.py",),
    ),
    Guard(
        section="4.8",
        rule="already so is what decision 9 lists and nothing else",
        file=f"{CORE}/outcome.py",
        text="    RemoveMaterial: ErrorCode.UNKNOWN_MATERIAL,\n",
        instead="    RemoveMaterial: ErrorCode.UNKNOWN_ACCOUNT,\n",
        tests=(f"{UNIT}/test_outcome.py",),
    ),
    Guard(
        section="4.8",
        rule="a mixed list counts only for the options it names",
        file=f"{CORE}/outcome.py",
        text="        if several and not _all_already(command, answer):\n",
        instead="        if False:\n",
        tests=(f"{UNIT}/test_outcome.py",),
    ),
    Guard(
        section="4.8",
        rule="refused credentials stop the run",
        file=f"{CORE}/outcome.py",
        text="        case Answer(status=401 | 403):\n            return Unauthorised(status=answer.status)\n",
        instead="",
        tests=(f"{UNIT}/test_outcome.py",),
    ),
    Guard(
        section="4.8",
        rule="twenty silences in a row stop the run",
        file=f"{STEPS}/sending.py",
        text="        if self._silences >= policy.UNKNOWN_IN_A_ROW:\n",
        instead="        if False:\n",
        tests=(f"{INTEGRATION}/test_reset_run_platform_down.py", "-k", "twenty"),
    ),
    Guard(
        section="4.8",
        rule="a wait that the platform asks for is obeyed",
        file=f"{STEPS}/sending.py",
        text="            await self._pace.wait_for_platform(seconds)\n",
        instead="            pass\n",
        tests=(f"{INTEGRATION}/test_reset_run_answers.py", "-k", "asks_to_wait"),
    ),
)
