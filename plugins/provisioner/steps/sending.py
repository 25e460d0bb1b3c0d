"""Sends the requests of one account in order and turns each answer into what is written next."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from provisioner.adapters import request_log
from provisioner.adapters.request_log import Closing, OpenRequest
from provisioner.adapters.tucano import TucanoClient
from provisioner.core import outcome as outcomes
from provisioner.core import policy, wire
from provisioner.core.model import (
    AccountId,
    AddMaterial,
    RemoveMaterial,
    RequestState,
    SerialNumber,
    Settings,
)
from provisioner.core.outcome import Answer, Outcome, TransportFailure
from provisioner.core.plan import blocked_by_rejection
from provisioner.failpoint import failpoint
from provisioner.steps.pacing import Pace, pause
from provisioner.steps.recorder import Recorder
from provisioner.steps.work import Candidate, Ending, Report, Work
from provisioner.steps.write_drafts import ending_of, superseded

# How often a request that provably never left is tried before the platform is called dead.
CONNECTION_ATTEMPTS = 5
# So many refusals for their number, with no other answer in between, are a platform that is shut.
THROTTLED_IN_A_ROW = 200
# A platform that asks for a longer pause is left to the next run.
LONGEST_PAUSE_SECONDS = 60.0
# An account whose plan has to start again more often than this is a case for a person.
REPLANS = 3


@dataclass(slots=True)
class Stop:
    """Why sending ended early, if it did; seen by every account at once."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str | None = None
    credentials: bool = False

    def now(self, reason: str, *, credentials: bool = False) -> None:
        """Stop sending; the first reason is kept."""
        if self.reason is None:
            self.reason, self.credentials = reason, credentials
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
        self._in_flight = asyncio.Semaphore(settings.in_flight)
        self._left: dict[tuple[AccountId, SerialNumber], asyncio.Event] = {}
        self._silences = 0
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
                    return self._unknown(work, request, report, reason), None
                report.disarm = (request.sequence_number, reason if reached else f"never left: {reason}")
                report.release = True
                return report, None
            case outcomes.Unknown(reason=reason):
                return self._unknown(work, request, report, reason), None
            case outcome:
                return self._settled(work, request, report, attempt.answer, outcome)

    async def _attempt(self, work: Work, request: OpenRequest) -> Attempt:
        """Send until there is an answer that settles something, or sending stops. Resends are the same bytes."""
        refused_connections = 0
        while await self._pace.turn():
            async with self._in_flight:
                if self._stop.event.is_set() or self._lease_is_over(work):
                    return Attempt(None)
                work.sends += 1
                failpoint("request.leaving")
                answer = await self._client.send(request.request_number, request.body)
                failpoint("request.answered")
            outcome = outcomes.classify(request.command, answer)
            if not isinstance(outcome, outcomes.Retry):
                if not isinstance(outcome, outcomes.Unknown):
                    self._silences = self._throttled = 0
                return Attempt(outcome, answer)
            if outcome.reached:
                await self._obey(outcome)
                if outcome.maybe_applied:
                    return Attempt(outcome, answer)
            else:
                refused_connections += 1
                if refused_connections == CONNECTION_ATTEMPTS:
                    self._stop.now(
                        f"Tucano cannot be reached ({outcome.reason}, {refused_connections} attempts): "
                        "nothing is lost; run again when it is back"
                    )
                    return Attempt(outcome, answer)
                await pause(self._stop.event, policy.BACK_OFF_FIRST_SECONDS * 2 ** (refused_connections - 1))
        return Attempt(None)

    async def _obey(self, retry: outcomes.Retry) -> None:
        """Make every door wait as the platform asks; give up where it asks for too much."""
        self._throttled += 1
        seconds = retry.after if retry.after is not None else policy.BACK_OFF_FIRST_SECONDS
        if seconds > LONGEST_PAUSE_SECONDS:
            self._stop.now(f"Tucano asks to wait {seconds:.0f} s ({retry.reason}): run again after that")
        elif self._throttled >= THROTTLED_IN_A_ROW:
            self._stop.now(
                f"Tucano answered {retry.reason} {self._throttled} times in a row: run again later"
            )
        else:
            await self._pace.wait_for_platform(seconds)

    def _lease_is_over(self, work: Work) -> bool:
        return time.monotonic() > work.lease_ends - policy.CLAIM_MARGIN_SECONDS

    def _unknown(self, work: Work, request: OpenRequest, report: Report, reason: str) -> Report:
        """Keep a request that may have been applied, and ask again under its number."""
        self._silences += 1
        work.unknown_attempts += 1
        report.unknown = (request.sequence_number, request.attempts + work.sends, reason)
        if self._silences >= policy.UNKNOWN_IN_A_ROW:
            self._stop.now(
                f"Tucano gave no answer {self._silences} times in a row ({reason}): "
                "what is in doubt is asked again by the next run"
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
            doubled = policy.BACK_OFF_FIRST_SECONDS * 2 ** (work.unknown_attempts - 1)
            work.back_off = min(doubled, policy.BACK_OFF_LONGEST_SECONDS)
        return report

    def _settled(
        self,
        work: Work,
        request: OpenRequest,
        report: Report,
        answer: Answer | TransportFailure | None,
        outcome: Outcome,
    ) -> tuple[Report, Candidate | None]:
        work.requests.popleft()
        report.closings = [closing(request, outcome, answer, work.sends)]
        learned = outcomes.learn(work.known, request.command, outcome)
        if learned != work.known or isinstance(outcome, outcomes.Completed):
            report.known = work.known = learned
        work.unknown_attempts = work.sends = 0
        if isinstance(request.command, RemoveMaterial) and request.command.serial_number in work.leaves:
            self._gone(work.account, request.command.serial_number).set()
        start_again = work.settling
        if isinstance(outcome, outcomes.Rejected | outcomes.SplitOptions):
            start_again |= isinstance(outcome, outcomes.SplitOptions) or outcome.forget_account
            if not start_again or work.replans >= REPLANS:
                work.rejected.append(
                    f"{wire.name_of(request.command)} {request.request_number}: {outcome.error_code}"
                )
                self._drop_blocked(work, request, report)
        if start_again and work.replans < REPLANS:
            report.closings += [superseded(later) for later in work.requests]
            single = work.single_options or isinstance(outcome, outcomes.SplitOptions)
            return report, Candidate(
                item=work.item,
                token=work.token,
                lease_ends=work.lease_ends,
                replans=work.replans + (0 if work.settling else 1),
                single_options=single,
                rejected=tuple(work.rejected),
            )
        if work.requests:
            report.arm = work.requests[0].sequence_number
        else:
            report.ending = ending_of(work.rejected, work.withheld, sent=True)
            report.release = True
        return report, None

    def _drop_blocked(self, work: Work, rejected: OpenRequest, report: Report) -> None:
        """Close what depends on a refused request: never sent, and said so."""
        for later in list(work.requests):
            if blocked_by_rejection(rejected.command, later.command):
                work.requests.remove(later)
                report.closings.append(
                    Closing(
                        sequence_number=later.sequence_number,
                        state=RequestState.REJECTED,
                        attempts=0,
                        error_code=request_log.EARLIER_REQUEST_REJECTED,
                        error_description=f"never sent: {rejected.request_number} was refused",
                    )
                )


def closing(
    request: OpenRequest, outcome: Outcome, answer: Answer | TransportFailure | None, sends: int
) -> Closing:
    """Return how *request* is closed by an *outcome* that settles it."""
    response = answer.body if isinstance(answer, Answer) else None
    said = answer if isinstance(answer, Answer) else None
    completed = isinstance(outcome, outcomes.Completed)
    return Closing(
        sequence_number=request.sequence_number,
        state=RequestState.COMPLETED if completed else RequestState.REJECTED,
        attempts=request.attempts + sends,
        already=isinstance(outcome, outcomes.Completed) and outcome.already,
        error_code=outcome.error_code
        if isinstance(outcome, outcomes.Rejected | outcomes.SplitOptions)
        else (said.error_code if said else None),
        error_description=said.error_description if said else None,
        reference_number=said.reference_number if said else None,
        response=response,
    )
