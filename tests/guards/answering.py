"""The guards of what is made of an answer: architecture 4.8."""

from __future__ import annotations

from tests.guards.guard import ADAPTERS, CORE, INTEGRATION, STEPS, UNIT, Guard

ANSWERING = (
    Guard(
        section="4.8",
        rule="what came before a request was sent is not its answer",
        file=f"{ADAPTERS}/tucano.py",
        text="            if connection.protocol is None or not connection.protocol.should_close:\n",
        instead="            if True:\n",
        tests=(f"{UNIT}/test_tucano_client.py",),
    ),
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
        text="        if pacing.is_dead(self._silences, known_dead=self._pace.known_dead):\n",
        instead="        if pacing.is_dead(self._silences - 20, known_dead=self._pace.known_dead):\n",
        tests=(f"{INTEGRATION}/test_reset_run_platform_down.py", "-k", "twenty"),
    ),
    Guard(
        section="4.8",
        rule="a wait that the platform asks for is obeyed",
        file=f"{STEPS}/sending.py",
        text="        await self._pace.wait_for_platform(seconds, left_at=left_at if too_many else None)\n",
        instead="",
        tests=(f"{INTEGRATION}/test_reset_run_answers.py", "-k", "asks_to_wait"),
    ),
    Guard(
        section="4.8",
        rule="a dead platform stops the other tasks of the run",
        file=f"{STEPS}/dispatch.py",
        text="        if reason := await asyncio.to_thread(self._stopped_elsewhere):\n",
        instead="        if reason := None:\n",
        tests=(
            f"{INTEGRATION}/test_reset_run_platform_down.py",
            "-k",
            "other_tasks",
        ),
    ),
    Guard(
        section="4.8",
        rule="a night with many refusals is red",
        file=f"{STEPS}/close_batch.py",
        text="        if counts.requests_rejected > share * answered:\n",
        instead="        if False:\n",
        tests=(
            f"{INTEGRATION}/test_reset_run_close.py",
            "-k",
            "share_of_rejections",
        ),
    ),
    Guard(
        section="4.8",
        rule="a night that left accounts unfinished is red",
        file=f"{STEPS}/close_batch.py",
        text="    elif counts.accounts_unfinished:\n",
        instead="    elif False:\n",
        tests=(
            f"{INTEGRATION}/test_reset_run_close.py",
            "-k",
            "nobody_finished",
        ),
    ),
    Guard(
        section="4.8",
        rule="a night that stopped half way is red",
        file=f"{STEPS}/close_batch.py",
        text='    if batch.stage != "GUARDED" and not problems:\n',
        instead="    if False:\n",
        tests=(
            f"{INTEGRATION}/test_reset_run_close.py",
            "-k",
            "half_way",
        ),
    ),
    Guard(
        section="4.8",
        rule="a dead platform is found out by the silences of all tasks together",
        file=f"{STEPS}/sending.py",
        text="        silences = await self._silences_of_all(work)\n",
        instead="        silences = self._silences\n",
        tests=(
            f"{INTEGRATION}/test_platform_dead.py",
            "-k",
            "one_task_an_account",
        ),
    ),
)
