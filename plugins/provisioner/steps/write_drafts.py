"""Write the plans of claimed accounts: what is still wanted keeps its number, the rest is superseded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from provisioner.adapters import batches, claims, request_log, sql
from provisioner.adapters.request_log import Closing, OpenRequest, PlannedRequest
from provisioner.core import wire
from provisioner.core.model import AccountId, Command, RequestState
from provisioner.steps.drafting import Draft, Task, unanswered
from provisioner.steps.work import Ending, Work


def write_drafts(db: sql.Connection, task: Task, drafts: Mapping[AccountId, Draft]) -> tuple[list[Work], int]:
    """Write *drafts* in the caller's transaction; return the work to be sent and how many needed none."""
    work: list[Work] = []
    finished: dict[AccountId, tuple[int, Ending]] = {}
    to_plan: list[Draft] = []
    in_doubt: list[int] = []
    for draft in drafts.values():
        earlier = unanswered(draft.open_plan)
        if earlier is not None and draft.open_plan is not None:
            in_doubt.append(earlier.sequence_number)
            work.append(
                _work(
                    task, draft, [earlier], settling=True, unknown_attempts=draft.open_plan.unknown_attempts
                )
            )
        elif draft.ending is not None:
            finished[draft.account] = (draft.token, draft.ending)
        else:
            to_plan.append(draft)
    if in_doubt:
        request_log.doubt(db, in_doubt)
    closings = _write_plans(db, task, to_plan, work)
    if closings:
        request_log.close(db, closings)
    for draft in to_plan:
        if not draft.commands:
            finished[draft.account] = (
                draft.token,
                ending_of(draft.candidate.rejected, draft.withheld, sent=False),
            )
    if finished:
        request_log.close_plans(db, finished)
        batches.finish_items(
            db,
            task.batch.batch_id,
            [(account, ending.outcome, ending.explanation) for account, (_, ending) in finished.items()],
        )
        claims.release(db, {account: token for account, (token, _) in finished.items()})
    return work, len(finished)


def _write_plans(db: sql.Connection, task: Task, drafts: Sequence[Draft], work: list[Work]) -> list[Closing]:
    """Write the fresh plans: what is still wanted keeps its number, the rest is superseded."""
    closings: list[Closing] = []
    kept_by_account: dict[AccountId, dict[Command, OpenRequest]] = {}
    for draft in drafts:
        kept = kept_by_account.setdefault(draft.account, {})
        for request in draft.open_plan.requests if draft.open_plan else ():
            if request.command in draft.commands and request.command not in kept:
                kept[request.command] = request
            else:
                closings.append(superseded(request))
    planned = [draft for draft in drafts if draft.commands]
    if not planned:
        return closings
    plan_numbers = request_log.open_plans(
        db, [draft.account for draft in planned], batch_id=task.batch.batch_id
    )
    wanted = sum(len(draft.commands) - len(kept_by_account[draft.account]) for draft in planned)
    numbers = iter(request_log.draw_numbers(db, wanted) if wanted else ())
    fresh: list[PlannedRequest] = []
    positions: dict[int, int] = {}
    leaving: list[int] = []
    for draft in planned:
        requests: list[OpenRequest] = []
        for position, command in enumerate(draft.commands, start=1):
            kept_request = kept_by_account[draft.account].get(command)
            if kept_request is None:
                number, planned_at = next(numbers)
                request = _request(draft, number, command)
                fresh.append(
                    PlannedRequest(
                        request=request,
                        plan_number=plan_numbers[draft.account],
                        position=position,
                        planned_at=planned_at,
                        leaving=position == 1,
                    )
                )
            else:
                request = kept_request
                positions[request.sequence_number] = position
                leaving += [request.sequence_number] if position == 1 else []
            requests.append(request)
        work.append(_work(task, draft, requests))
    if positions:
        request_log.place(db, positions, batch_id=task.batch.batch_id, leaving=leaving)
    request_log.insert(db, fresh, batch_id=task.batch.batch_id, caused_by=task.batch.caused_by)
    return closings


def _request(draft: Draft, sequence_number: int, command: Command) -> OpenRequest:
    request_number = request_log.REQUEST_NUMBER.format(sequence_number)
    return OpenRequest(
        sequence_number=sequence_number,
        request_number=request_number,
        account=draft.account,
        subscription_number=draft.subscription_number,
        command=command,
        body=wire.encode(request_number, command),
    )


def _work(
    task: Task,
    draft: Draft,
    requests: Iterable[OpenRequest],
    *,
    settling: bool = False,
    unknown_attempts: int = 0,
) -> Work:
    return Work(
        item=draft.candidate.item,
        batch_id=task.batch.batch_id,
        token=draft.token,
        lease_ends=draft.lease_ends,
        known=draft.known,
        requests=deque(requests),
        settling=settling,
        unknown_attempts=unknown_attempts,
        replans=draft.candidate.replans,
        single_options=draft.candidate.single_options,
        withheld=draft.withheld,
        rejected=list(draft.candidate.rejected),
        waits_for=draft.waits_for,
        leaves=draft.leaves,
        questions=draft.questions,
        distrust=draft.distrust,
    )


def superseded(request: OpenRequest) -> Closing:
    """Close a request that never left and is no longer wanted."""
    return Closing(
        sequence_number=request.sequence_number,
        state=RequestState.REJECTED,
        attempts=0,
        error_code=request_log.SUPERSEDED,
        error_description="never sent: a fresh plan no longer has it",
    )


def ending_of(rejected: Sequence[str], withheld: Sequence[str], *, sent: bool) -> Ending:
    """Say how an account ended: refused somewhere, done, or with something that may not be taken away yet."""
    if rejected:
        return Ending(outcome="REJECTED", explanation="; ".join(rejected))
    if withheld:
        return Ending(outcome="WITHHELD", explanation="withheld: " + "; ".join(withheld))
    return Ending(outcome="COMPLETED" if sent else "IN_SYNC")
