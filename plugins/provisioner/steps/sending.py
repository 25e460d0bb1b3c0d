"""Sends the requests of one account in order, and says what is written next where there is no answer that settles."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from provisioner.adapters import request_log
from provisioner.adapters.request_log import OpenRequest
from provisioner.adapters.tucano import TucanoClient
from provisioner.core import outcome as outcomes, pacing, policy
from provisioner.core.model import AccountId, AddMaterial, RemoveMaterial, SerialNumber, Settings
from provisioner.core.outcome import Answer, Outcome, TransportFailure
from provisioner.core.pacing import Width
from provisioner.failpoint import failpoint
from provisioner.steps.pacing import LONGEST_PAUSE_SECONDS, Gate, Pace, pause
from provisioner.steps.recorder import Recorder
from provisioner.steps.settle import close_under_a_used_number, is_of_another_time, settle
from provisioner.steps.work import Candidate, Ending, Report, Work

# How often a request that provably never left is tried before the platform is called dead.
CONNECTION_ATTEMPTS = 5
# So many refusals for their number, with no other answer in between, are a platform that is shut.
THROTTLED_IN_A_ROW = 200


@dataclass(slots=True)
class Stop:
    """Why sending ended early, if it did; seen by every account at once."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str | None = None
    credentials: bool = False
    numbers: bool = False

    def now(self, reason: str, *, credentials: bool = False, numbers: bool = False) -> None:
        """Stop sending; the first reason is kept."""
        if self.reason is None:
            self.reason, self.credentials, self.numbers = reason, credentials, numbers
        self.event.set()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One answer to one request, and what it means. *outcome* None: nothing was sent, sending has stopped."""

    outcome: Outcome | None
    answer: Answer | TransportFailure | None = None


class Sender:
    """Sends for many accounts at once; order within an account is kept by one coroutine an account."""

    def __init__(
        self, client: TucanoClient, recorder: Recorder, pace: Pace, stop: Stop, settings: Settings
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._pace = pace
        self._stop = stop
        self._settings = settings
        self._gate = Gate(settings.in_flight)
        self._left: dict[tuple[AccountId, SerialNumber], asyncio.Event] = {}
        self._silences = 0
        self._met = False
        self._throttled = 0
        self.finished = 0

    async def send(self, work: Work) -> Candidate | None:
        """Send all requests of *work*; return a candidate when the account has to be planned again.

        Every way out is recorded: an ending, a plan to be made again, a parked account, or requests that stay open
        since sending stopped. Where the claim was lost nothing more is written: somebody else has the account.
        """
        try:
            while True:
                request = work.requests[0]
                await self._wait_for_box(work, request)
                report, again = await self._one(work, request)
                written = await self._recorder.write(report)
                if not written or again is not None:
                    return again if written else None
                if report.ending is not None:
                    self.finished += 1
                if report.release:
                    return None
                await pause(self._stop.event, work.back_off)
                work.back_off = 0.0
        finally:
            for serial in work.leaves:
                self._gone(work.account, serial).set()

    def _gone(self, account: AccountId, serial: SerialNumber) -> asyncio.Event:
        return self._left.setdefault((account, serial), asyncio.Event())

    async def _wait_for_box(self, work: Work, request: OpenRequest) -> None:
        """Wait until a box has left its old account, before it is added here."""
        if isinstance(request.command, AddMaterial):
            holder = work.waits_for.get(request.command.material.serial_number)
            if holder is not None:
                await self._gone(holder, request.command.material.serial_number).wait()

    async def _one(self, work: Work, request: OpenRequest) -> tuple[Report, Candidate | None]:
        attempt = await self._attempt(work, request)
        report = Report(account=work.account, token=work.token, batch_id=work.batch_id)
        match attempt.outcome:
            case None:
                report.disarm = (request.sequence_number, "sending stopped before it was sent")
                report.release = True
                return report, None
            case outcomes.Unauthorised(status=status):
                self._stop.now(
                    f"Tucano refuses the user of connection 'tucano' (HTTP {status}): "
                    "check its user and password, then run again",
                    credentials=True,
                )
                report.disarm = (request.sequence_number, f"HTTP {status}: nothing was applied")
                report.release = True
                return report, None
            case outcomes.Retry(reached=reached, maybe_applied=maybe_applied, reason=reason):
                if maybe_applied:
                    return await self._unknown(work, request, report, reason), None
                report.disarm = (request.sequence_number, reason if reached else f"never left: {reason}")
                report.release = True
                return report, None
            case outcomes.Unknown(reason=reason):
                return await self._unknown(work, request, report, reason), None
            case outcomes.NumberUsed() as used:
                self._numbers_went_back(f"{request.request_number} was used for another request before")
                close_under_a_used_number(work, request, report, attempt.answer, used)
                return report, None
            case outcome:
                if is_of_another_time(work, request, attempt.answer):
                    outcome = outcomes.Rejected(error_code=request_log.NUMBER_USED_BEFORE)
                again = settle(work, request, report, attempt.answer, outcome)
                command = request.command
                if isinstance(command, RemoveMaterial) and command.serial_number in work.leaves:
                    self._gone(work.account, command.serial_number).set()
                return report, again

    def _numbers_went_back(self, evidence: str) -> None:
        self._stop.now(
            f"Tucano has seen request numbers that this database draws as new ({evidence}): was the provisioning "
            "database put back to a backup? Trigger tucano_verify_known_state with renew_request_numbers, then run "
            "again (docs/day-one.md)",
            numbers=True,
        )

    async def _attempt(self, work: Work, request: OpenRequest) -> Attempt:
        """Send until there is an answer that settles something, or sending stops. Resends are the same bytes."""
        refused_connections = 0
        while True:
            async with self._gate:
                if not await self._turn() or self._lease_is_over(work):
                    return Attempt(None)
                work.sends += 1
                left_at = asyncio.get_running_loop().time()
                failpoint("request.leaving")
                answer = await self._client.send(request.request_number, request.body)
                failpoint("request.answered")
                outcome = outcomes.classify(request.command, answer, in_doubt=work.in_doubt)
                self._see(outcome)
            if not isinstance(outcome, outcomes.Retry):
                return Attempt(outcome, answer)
            if outcome.reached:
                await self._obey(outcome, left_at)
                if outcome.maybe_applied:
                    return Attempt(outcome, answer)
            else:
                refused_connections += 1
                if refused_connections == CONNECTION_ATTEMPTS:
                    await self._found_dead(
                        f"Tucano cannot be reached by connection 'tucano' ({outcome.reason}, {refused_connections} "
                        "attempts): nothing is lost; check its address, or run again when it is back"
                    )
                    return Attempt(outcome, answer)
                await pause(self._stop.event, pacing.back_off(refused_connections))

    async def _turn(self) -> bool:
        """Wait for this request's turn; end the run where the platform asked for too long a pause."""
        may_leave = await self._pace.turn()
        if self._pace.blocked_seconds is not None:
            self._stop.now(
                f"Tucano asked to wait another {self._pace.blocked_seconds:.0f} s: run again after that"
            )
        if not self._met:
            self._met = True
            self._gate.set(Width.at_first(self._settings.in_flight, known_dead=self._pace.known_dead))
        return may_leave and not self._stop.event.is_set()

    def _see(self, outcome: Outcome) -> None:
        """Let an answer open the gate, and a silence narrow it."""
        silent = isinstance(outcome, outcomes.Unknown) or (
            isinstance(outcome, outcomes.Retry) and not outcome.reached
        )
        if silent:
            self._gate.set(self._gate.width.silent())
            return
        self._pace.answered()
        if self._gate.width.now < self._gate.width.most:
            self._gate.set(self._gate.width.answered())
        if not isinstance(outcome, outcomes.Retry):
            self._silences = self._throttled = 0

    async def _found_dead(self, reason: str) -> None:
        if self._stop.reason is None:
            self._stop.now(reason)
            await self._pace.found_dead()

    async def _obey(self, retry: outcomes.Retry, left_at: float) -> None:
        """Make every door wait as the platform asks; give up where it asks for too much."""
        self._throttled += 1
        seconds = retry.after if retry.after is not None else policy.BACK_OFF_FIRST_SECONDS
        if seconds > LONGEST_PAUSE_SECONDS:
            self._stop.now(f"Tucano asks to wait {seconds:.0f} s ({retry.reason}): run again after that")
        if self._throttled >= THROTTLED_IN_A_ROW:
            self._stop.now(
                f"Tucano answered {retry.reason} {self._throttled} times in a row: run again later"
            )
        too_many = not retry.maybe_applied
        await self._pace.wait_for_platform(seconds, left_at=left_at if too_many else None)

    def _lease_is_over(self, work: Work) -> bool:
        return time.monotonic() > work.lease_ends - policy.CLAIM_MARGIN_SECONDS

    async def _silences_of_all(self, work: Work) -> int:
        """Return the silences in a row, counting those of the batch's other tasks, which may be one account each."""
        if pacing.is_dead(self._silences, known_dead=self._pace.known_dead):
            return self._silences
        recorded = await self._pace.silences_of(work.batch_id)
        return max(self._silences, min(recorded + 1, policy.UNKNOWN_IN_A_ROW))

    async def _unknown(self, work: Work, request: OpenRequest, report: Report, reason: str) -> Report:
        """Keep a request that may have been applied, and ask again under its number."""
        self._silences += 1
        work.unknown_attempts += 1
        report.unknown = (request.sequence_number, request.attempts + work.sends, reason)
        silences = await self._silences_of_all(work)
        if pacing.is_dead(silences, known_dead=self._pace.known_dead):
            await self._found_dead(
                f"Tucano gave no answer {silences} times in a row ({reason}): "
                "ask its operators whether it is up, then run again; what is in doubt is asked again under its number"
            )
        if work.unknown_attempts >= self._settings.unknown_attempts:
            report.parked_because = (
                f"no answer to {request.request_number} in {work.unknown_attempts} attempts: {reason}"
            )
            report.ending = Ending(outcome="PARKED", explanation=report.parked_because)
            report.release = True
        elif self._stop.event.is_set():
            report.release = True
        else:
            work.back_off = pacing.back_off(work.unknown_attempts)
        return report
