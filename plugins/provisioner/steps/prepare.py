"""Claim a few accounts and plan them from the CRM's rows of this moment; leave their requests durable.

When this returns, every request it hands out is committed, and the first of each account may leave.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from provisioner.adapters import batches, claims, crm, known_state, request_log, sql
from provisioner.adapters.batches import Batch
from provisioner.adapters.request_log import Closing, OpenPlan, OpenRequest, PlannedRequest
from provisioner.core import desired, guard, policy, wire
from provisioner.core import plan as planning
from provisioner.core.model import (
    ACTIVE_SUBSCRIPTION,
    AccountId,
    AccountState,
    AddMaterial,
    Command,
    Desired,
    Provider,
    RejectedRow,
    RemoveMaterial,
    RequestState,
    SerialNumber,
    Subscriber,
    Subscription,
    SubscriptionNumber,
)
from provisioner.steps.plan import maximum_devices
from provisioner.steps.work import Candidate, Ending, Work

LEASE = timedelta(seconds=policy.CLAIM_SECONDS)
NOBODY = Subscriber(name="-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a dispatch works on and with."""

    batch: Batch
    provider: Provider
    owner: str


@dataclass(slots=True, kw_only=True)
class Prepared:
    """Accounts ready to be sent, accounts that somebody else holds, and how many needed nothing."""

    work: list[Work] = field(default_factory=list)
    busy: list[Candidate] = field(default_factory=list)
    finished: int = 0


@dataclass(slots=True, kw_only=True)
class _Draft:
    """One account between reading and writing."""

    candidate: Candidate
    token: int
    lease_ends: float
    known: AccountState
    open_plan: OpenPlan | None
    commands: tuple[Command, ...] = ()
    withheld: tuple[str, ...] = ()
    subscription_number: SubscriptionNumber
    ending: Ending | None = None
    waits_for: dict[SerialNumber, AccountId] = field(default_factory=dict)
    leaves: frozenset[SerialNumber] = frozenset()

    @property
    def account(self) -> AccountId:
        return self.candidate.item.account


def prepare(
    db: sql.Connection, source: sql.Connection, task: Task, candidates: Sequence[Candidate]
) -> Prepared:
    """Claim, read, plan and write *candidates*; commits. What an earlier crash left open is settled first."""
    prepared = Prepared()
    drafts = _claim(db, task, candidates, prepared)
    _settle_or_plan(source, task, drafts)
    _let_boxes_leave_first(db, source, task, drafts, prepared)
    with db.transaction():
        prepared.work, prepared.finished = _write(db, task, drafts)
    return prepared


def _claim(
    db: sql.Connection, task: Task, candidates: Sequence[Candidate], prepared: Prepared
) -> dict[AccountId, _Draft]:
    # Counted from before the question, so that our idea of the lease ends before the database's.
    lease_ends = time.monotonic() + policy.CLAIM_SECONDS
    wanted = [candidate.item.account for candidate in candidates if candidate.token is None]
    # Committed at once: a claim that waits for another one's transaction could wait in a circle.
    with db.transaction():
        taken = claims.take(db, wanted, owner=task.owner, lease=LEASE) if wanted else {}
    ours: list[tuple[Candidate, int, float]] = []
    for candidate in candidates:
        if candidate.token is not None:
            ours.append((candidate, candidate.token, candidate.lease_ends))
        elif candidate.item.account in taken:
            ours.append((candidate, taken[candidate.item.account], lease_ends))
        else:
            prepared.busy.append(candidate)
    accounts = [candidate.item.account for candidate, _, _ in ours]
    with db.transaction():
        known = known_state.read(db, accounts)
        open_plans = request_log.read_open(db, accounts)
    return {
        candidate.item.account: _Draft(
            candidate=candidate,
            token=token,
            lease_ends=ends,
            known=known.get(candidate.item.account, AccountState()),
            open_plan=open_plans.get(candidate.item.account),
            subscription_number=candidate.item.subscription_numbers[0],
        )
        for candidate, token, ends in ours
    }


def unanswered(open_plan: OpenPlan | None) -> OpenRequest | None:
    """Return the one request that may have reached Tucano without an answer; it comes before anything else."""
    return next((request for request in open_plan.requests if request.left), None) if open_plan else None


def _settle_or_plan(source: sql.Connection, task: Task, drafts: Mapping[AccountId, _Draft]) -> None:
    to_plan = [draft for draft in drafts.values() if unanswered(draft.open_plan) is None]
    numbers = [number for draft in to_plan for number in draft.candidate.item.subscription_numbers]
    rows_by_account: dict[AccountId | None, list[Subscription | RejectedRow]] = {}
    for row in crm.read_by_number(source, numbers) if numbers else ():
        rows_by_account.setdefault(row.account, []).append(row)
    for draft in to_plan:
        _plan(draft, rows_by_account.get(draft.account, []), task)


def _plan(draft: _Draft, rows: Sequence[Subscription | RejectedRow], task: Task) -> None:
    provider = task.provider
    contributions = [
        row if isinstance(row, RejectedRow) else desired.contribution(row, provider) for row in rows
    ]
    refused = [one.explanation for one in contributions if isinstance(one, RejectedRow)]
    if len(refused) == len(contributions):
        explanation = "; ".join(refused) or (
            f"subscription {', '.join(draft.candidate.item.subscription_numbers)} is no longer in the CRM's extract: "
            "nothing is sent; end it in the CRM, or find out why it is not extracted"
        )
        draft.ending = Ending(outcome="ROW_REJECTED", explanation=explanation)
        return
    wanted: Desired = desired.merge(contributions)
    limits = maximum_devices(provider)
    first = _speaks_for(rows)
    commands = planning.plan(
        account=draft.account,
        target=desired.target(wanted, draft.known, limits),
        known=draft.known,
        subscriber=first.subscriber if first else NOBODY,
        maximum_devices=limits,
        swap_order=provider.settings.swap_order,
        single_options=draft.candidate.single_options,
    )
    released = guard.release(commands, draft.candidate.item.allowed_removals)
    draft.commands, draft.withheld = released.commands, (*released.withheld, *wanted.withhold_removals)
    if first:
        draft.subscription_number = first.subscription_number


def _speaks_for(rows: Iterable[Subscription | RejectedRow]) -> Subscription | None:
    """Return the subscription whose name and number an account's requests bear: an Active one, by number."""
    readable = [row for row in rows if isinstance(row, Subscription)]
    return min(
        readable,
        key=lambda row: (row.state not in ACTIVE_SUBSCRIPTION, row.subscription_number),
        default=None,
    )


def _let_boxes_leave_first(
    db: sql.Connection,
    source: sql.Connection,
    task: Task,
    drafts: dict[AccountId, _Draft],
    prepared: Prepared,
) -> None:
    """Bring in the accounts that still hold a box which an account here is about to add.

    The old account gives the box up first. Where its removal is not allowed, or somebody else is busy with it, the
    new account waits for another turn or another night.
    """
    adding = {
        command.material.serial_number: draft.account
        for draft in drafts.values()
        for command in draft.commands
        if isinstance(command, AddMaterial)
    }
    if not adding:
        return
    with db.transaction():
        held = known_state.find_serial_holders(db, list(adding))
    holders = [(serial, holder) for serial, holder in held if holder != adding[serial]]
    strangers = sorted({holder for _, holder in holders if holder not in drafts})
    if strangers:
        with db.transaction():
            items = batches.read_items_of(db, task.batch.batch_id, strangers)
        partners = _claim(db, task, [Candidate(item=item) for item in items], prepared)
        _settle_or_plan(source, task, partners)
        drafts.update(partners)
        # A busy partner is somebody else's work; only its neighbour here has to wait.
        busy = {candidate.item.account for candidate in prepared.busy}
        prepared.busy = [candidate for candidate in prepared.busy if candidate.item.account not in strangers]
        for serial, holder in holders:
            if holder in busy and adding[serial] in drafts:
                _give_back(db, drafts.pop(adding[serial]), prepared)
    for serial, holder in holders:
        old, new = drafts.get(holder), drafts.get(adding[serial])
        if old and new and any(_removes(command, serial) for command in old.commands):
            old.leaves |= {serial}
            new.waits_for[serial] = holder
    for draft in drafts.values():
        if draft.leaves:
            first = [one for one in draft.commands if any(_removes(one, serial) for serial in draft.leaves)]
            draft.commands = (*first, *(one for one in draft.commands if one not in first))


def _removes(command: Command, serial: SerialNumber) -> bool:
    return isinstance(command, RemoveMaterial) and command.serial_number == serial


def _give_back(db: sql.Connection, draft: _Draft, prepared: Prepared) -> None:
    with db.transaction():
        claims.release(db, {draft.account: draft.token})
    prepared.busy.append(
        Candidate(
            item=draft.candidate.item,
            replans=draft.candidate.replans,
            single_options=draft.candidate.single_options,
            rejected=draft.candidate.rejected,
        )
    )


def _write(db: sql.Connection, task: Task, drafts: Mapping[AccountId, _Draft]) -> tuple[list[Work], int]:
    work: list[Work] = []
    finished: dict[AccountId, tuple[int, Ending]] = {}
    to_plan: list[_Draft] = []
    in_doubt: list[int] = []
    for draft in drafts.values():
        earlier = unanswered(draft.open_plan)
        if earlier is not None and draft.open_plan is not None:
            in_doubt.append(earlier.sequence_number)
            work.append(
                _work(draft, [earlier], settling=True, unknown_attempts=draft.open_plan.unknown_attempts)
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


def _write_plans(db: sql.Connection, task: Task, drafts: Sequence[_Draft], work: list[Work]) -> list[Closing]:
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
                request = _request(draft, next(numbers), command)
                fresh.append(
                    PlannedRequest(
                        request=request,
                        plan_number=plan_numbers[draft.account],
                        position=position,
                        leaving=position == 1,
                    )
                )
            else:
                request = kept_request
                positions[request.sequence_number] = position
                leaving += [request.sequence_number] if position == 1 else []
            requests.append(request)
        work.append(_work(draft, requests))
    if positions:
        request_log.place(db, positions, batch_id=task.batch.batch_id, leaving=leaving)
    request_log.insert(
        db, fresh, batch_id=task.batch.batch_id, caused_by=task.batch.caused_by, now=datetime.now(UTC)
    )
    return closings


def _request(draft: _Draft, sequence_number: int, command: Command) -> OpenRequest:
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
    draft: _Draft, requests: Iterable[OpenRequest], *, settling: bool = False, unknown_attempts: int = 0
) -> Work:
    return Work(
        item=draft.candidate.item,
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
