"""What an answer that settles a request means: for the log, for what is known, and for the rest of the plan."""

from __future__ import annotations

from provisioner.adapters import request_log
from provisioner.adapters.request_log import Closing, OpenRequest
from provisioner.core import distrust as distrusting, outcome as outcomes, wire
from provisioner.core.distrust import NOTHING
from provisioner.core.model import RequestState
from provisioner.core.outcome import Answer, Outcome, TransportFailure
from provisioner.core.plan import blocked_by_rejection
from provisioner.core.questions import NO_QUESTIONS, Questions
from provisioner.steps.work import Candidate, Report, Work
from provisioner.steps.write_drafts import ending_of, superseded

# An account whose plan has to start again more often than this is a case for a person.
REPLANS = 3


def settle(
    work: Work,
    request: OpenRequest,
    report: Report,
    answer: Answer | TransportFailure | None,
    outcome: Outcome,
) -> Candidate | None:
    """Write into *report* what an answer that settles *request* means, and go on with *work*.

    Return a candidate when the account has to be planned again.
    """
    work.requests.popleft()
    report.closings = [closing(request, outcome, answer, work.sends)]
    learned = outcomes.learn(work.known, request.command, outcome)
    if learned != work.known or isinstance(outcome, outcomes.Completed):
        report.known = work.known = learned
    if isinstance(outcome, outcomes.SplitOptions):
        left_open = Questions.of(request.command, in_doubt=work.in_doubt)
        if left_open:
            report.questions = work.questions = work.questions | left_open
    settled = distrusting.settle(work.distrust, request.command, outcome)
    if settled.any:
        report.settled = settled
        work.distrust = distrusting.without(work.distrust, settled)
    replayed = isinstance(answer, Answer) and answer.replayed
    doubted = distrusting.left_open(request.command, outcome, in_doubt=work.in_doubt, replayed=replayed)
    if doubted.any:
        work.distrust = distrusting.both(work.distrust, doubted, batch_id=work.batch_id)
        report.doubted = distrusting.both(doubted, NOTHING, batch_id=work.batch_id)
    work.unknown_attempts = work.sends = 0
    start_again = work.settling
    if isinstance(outcome, outcomes.Rejected | outcomes.SplitOptions):
        if isinstance(outcome, outcomes.Rejected) and outcome.forget_account and work.questions:
            report.questions = work.questions = NO_QUESTIONS  # what does not exist has no options
        start_again |= (
            isinstance(outcome, outcomes.SplitOptions)
            or outcome.forget_account
            or outcome.error_code == request_log.NUMBER_USED_BEFORE
        )
        if not start_again or work.replans >= REPLANS:
            work.rejected.append(
                f"{wire.name_of(request.command)} {request.request_number}: {outcome.error_code}"
            )
            _drop_blocked(work, request, report)
    if start_again and work.replans < REPLANS:
        report.closings += [superseded(later) for later in work.requests]
        single = work.single_options or isinstance(outcome, outcomes.SplitOptions)
        return Candidate(
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
        if work.questions and not work.rejected and not work.withheld:
            report.questions = NO_QUESTIONS  # all of them were asked by this plan, and answered
        report.release = True
    return None


def is_of_another_time(work: Work, request: OpenRequest, answer: Answer | TransportFailure | None) -> bool:
    """Tell whether an answer was first given before this request was sent: it tells nothing of now.

    What was sent once, and never before, cannot be answered again, unless our numbers went back.
    """
    first = work.sends == 1 and request.attempts == 0 and not work.settling
    return first and isinstance(answer, Answer) and answer.replayed


def close_under_a_used_number(
    work: Work,
    request: OpenRequest,
    report: Report,
    answer: Answer | TransportFailure | None,
    outcome: outcomes.NumberUsed,
) -> None:
    """Close a request whose number says nothing about it; the rest of its plan waits unsent."""
    work.requests.popleft()
    report.closings = [closing(request, outcome, answer, work.sends)]
    report.release = True


def _drop_blocked(work: Work, rejected: OpenRequest, report: Report) -> None:
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
        if isinstance(outcome, outcomes.Rejected | outcomes.SplitOptions | outcomes.NumberUsed)
        else (said.error_code if said else None),
        error_description=said.error_description if said else None,
        reference_number=said.reference_number if said else None,
        response=response,
    )
