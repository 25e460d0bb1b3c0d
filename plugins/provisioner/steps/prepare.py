"""Claim a few accounts and plan them; leave their requests durable.

When this returns, every request it hands out is committed, and the first of each account may leave.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from provisioner.adapters import batches, claims, distrust, inbox, known_state, request_log, sql
from provisioner.adapters.batches import RELEASE_REMOVALS, RESET_RUN, Item
from provisioner.core import policy
from provisioner.core.distrust import NOTHING, place_of
from provisioner.core.model import (
    AccountId,
    AccountState,
    AddMaterial,
    Command,
    RemoveMaterial,
    SerialNumber,
    SubscriptionNumber,
)
from provisioner.failpoint import failpoint
from provisioner.steps import missing
from provisioner.steps.drafting import Draft, Task, plan_drafts
from provisioner.steps.work import Candidate, Ending, Work
from provisioner.steps.write_drafts import write_drafts

LEASE = timedelta(seconds=policy.CLAIM_SECONDS)
# A standby lags by moments; an account is asked for again each half second (dispatch.BUSY_SECONDS). What lags for
# longer than ten is looked into by a person.
STALE_TURNS = 20


@dataclass(slots=True, kw_only=True)
class Prepared:
    """Accounts ready to be sent, accounts that somebody else holds, and how many needed nothing."""

    work: list[Work] = field(default_factory=list)
    busy: list[Candidate] = field(default_factory=list)
    finished: int = 0


def prepare(
    db: sql.Connection, source: sql.Connection, task: Task, candidates: Sequence[Candidate]
) -> Prepared:
    """Claim, read, plan and write *candidates*; commits. What an earlier crash left open is settled first."""
    prepared = Prepared()
    drafts = _claim(db, task, candidates, prepared)
    _plan(db, source, task, drafts, prepared)
    if task.gate is not None:
        # Before boxes change hands: a box that may not leave is not waited for.
        task.gate.judge(db, task, drafts.values())
    _let_boxes_leave_first(db, source, task, drafts, prepared)
    failpoint("requests.drafted")
    with db.transaction():
        # Whoever stood still meanwhile may have planned what somebody else has done, or undone, by now.
        held = claims.hold(db, {draft.account: draft.token for draft in drafts.values()})
        if held == drafts.keys():
            prepared.work, prepared.finished = write_drafts(db, task, drafts)
        failpoint("requests.written")
    failpoint("requests.committed")
    if held != drafts.keys():
        # All of them, since one may wait for another's box.
        asked = {candidate.item.account for candidate in candidates}
        again = [_give_back(db, draft) for draft in drafts.values()]
        prepared.busy += [candidate for candidate in again if candidate.item.account in asked]
    return prepared


def _claim(
    db: sql.Connection, task: Task, candidates: Sequence[Candidate], prepared: Prepared
) -> dict[AccountId, Draft]:
    # Counted from before the question, so that our idea of the lease ends before the database's.
    lease_ends = time.monotonic() + policy.CLAIM_SECONDS
    wanted = [candidate.item.account for candidate in candidates if candidate.token is None]
    # Committed at once: a claim that waits for another one's transaction could wait in a circle.
    with db.transaction():
        taken = claims.take(db, wanted, owner=task.owner, lease=LEASE) if wanted else {}
        failpoint("claim.taken")
    failpoint("claim.committed")
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
        distrusted = distrust.read(db, accounts)
        # Before the rows: what is told of by now must be in them.
        newest = _newest_actions(db, task, [candidate for candidate, _, _ in ours])
    return {
        candidate.item.account: Draft(
            candidate=candidate,
            token=token,
            lease_ends=ends,
            known=known.get(candidate.item.account, AccountState()),
            open_plan=open_plans.get(candidate.item.account),
            distrust=distrusted.get(candidate.item.account, NOTHING),
            subscription_number=candidate.item.subscription_numbers[0],
            newest_actions=newest,
        )
        for candidate, token, ends in ours
    }


def _newest_actions(
    db: sql.Connection, task: Task, candidates: Sequence[Candidate]
) -> dict[SubscriptionNumber, int]:
    if not (task.versions_are_actions and candidates):
        return {}
    numbers = {number for candidate in candidates for number in candidate.item.subscription_numbers}
    return inbox.newest_actions_of(db, numbers, task.batch.batch_id)


def _plan(
    db: sql.Connection,
    source: sql.Connection,
    task: Task,
    drafts: dict[AccountId, Draft],
    prepared: Prepared,
) -> None:
    """Plan *drafts* from the CRM's rows; one whose row is stale waits for a standby that lags, and is then parked."""
    plan_drafts(source, task, drafts)
    for draft in [one for one in drafts.values() if one.stale is not None]:
        turns = draft.candidate.stale_turns
        if turns >= STALE_TURNS:
            draft.ending = Ending(outcome="PARKED", explanation=draft.stale)
            continue
        del drafts[draft.account]
        prepared.busy.append(replace(_give_back(db, draft), stale_turns=turns + 1))
    missing.withhold(db, source, task, drafts.values())


def _let_boxes_leave_first(
    db: sql.Connection,
    source: sql.Connection,
    task: Task,
    drafts: dict[AccountId, Draft],
    prepared: Prepared,
) -> None:
    """Bring in the accounts that still hold a box which an account here is about to add.

    The old account gives the box up first. One that is brought in may add a box of a third one in turn (two accounts
    that exchange their boxes), so this goes on until nobody new is named. Where somebody else is busy with the old
    account, the new one waits for another turn.
    """
    brought_in: set[AccountId] = set()
    while True:
        changes = _changes_of_hands(db, drafts)
        strangers = sorted({change.holder for change in changes} - drafts.keys() - brought_in)
        if not strangers:
            break
        brought_in.update(strangers)
        with db.transaction():
            items = _partners(db, task, changes, strangers)
        partners = _claim(db, task, [Candidate(item=item) for item in items], prepared)
        _plan(db, source, task, partners, prepared)
        drafts.update(partners)
    busy = {candidate.item.account for candidate in prepared.busy}
    # A busy partner is somebody else's work; only its neighbour here has to wait.
    prepared.busy = [candidate for candidate in prepared.busy if candidate.item.account not in brought_in]
    while late := next((one.taker for one in changes if one.holder in busy and one.taker in drafts), None):
        # Whoever waits for this one in turn waits as well.
        busy.add(late)
        again = _give_back(db, drafts.pop(late))
        if late not in brought_in:
            prepared.busy.append(again)
    for change in changes:
        old, new = drafts.get(change.holder), drafts.get(change.taker)
        if old and new and any(_removes(command, change.serial) for command in old.commands):
            old.leaves |= {change.serial}
            new.waits_for[change.serial] = change.holder
    for draft in drafts.values():
        if draft.leaves:
            first = [one for one in draft.commands if any(_removes(one, serial) for serial in draft.leaves)]
            draft.commands = (*first, *(one for one in draft.commands if one not in first))


@dataclass(frozen=True, slots=True, kw_only=True)
class _ChangeOfHands:
    """A box that *taker* is about to add while Tucano is known, or may be, to have it at *holder*."""

    serial: SerialNumber
    holder: AccountId
    taker: AccountId


def _changes_of_hands(db: sql.Connection, drafts: Mapping[AccountId, Draft]) -> list[_ChangeOfHands]:
    takers: dict[SerialNumber, list[AccountId]] = {}
    for draft in drafts.values():
        for command in draft.commands:
            if isinstance(command, AddMaterial):
                takers.setdefault(command.material.serial_number, []).append(draft.account)
    if not takers:
        return []
    with db.transaction():
        held = known_state.find_serial_holders(db, takers)
    return [
        _ChangeOfHands(serial=serial, holder=holder, taker=taker)
        for serial, holder in held
        for taker in takers[serial]
        if taker != holder
    ]


def _partners(
    db: sql.Connection, task: Task, changes: Sequence[_ChangeOfHands], strangers: Sequence[AccountId]
) -> list[Item]:
    """Return the accounts that may be made to give a box up.

    In a reset run the guard has judged every removal of the night, and what it has not seen may not go. A door that
    looks at single accounts takes no more than the very box that the CRM's rows of this moment have elsewhere.
    """
    if task.batch.cause in (RESET_RUN, RELEASE_REMOVALS):
        return batches.read_items_of(db, task.batch.batch_id, strangers)
    numbers = request_log.read_subscription_numbers(db, strangers)
    state_by_account = known_state.read(db, strangers)
    distrusted = distrust.read(db, strangers)
    boxes = {change.serial for change in changes}
    return [
        Item(
            account=account,
            subscription_numbers=tuple(numbers.get(account, [SubscriptionNumber(account)])),
            allowed_removals=frozenset(
                f"box {distributor}:{serial_number}"
                for distributor, serial_number in (
                    *map(place_of, state_by_account.get(account, AccountState()).materials),
                    *distrusted.get(account, NOTHING).places,
                )
                if serial_number in boxes
            ),
            batch_id=task.batch.batch_id,
        )
        for account in strangers
    ]


def _removes(command: Command, serial: SerialNumber) -> bool:
    return isinstance(command, RemoveMaterial) and command.serial_number == serial


def _give_back(db: sql.Connection, draft: Draft) -> Candidate:
    """Free a claim; return its account as one to be asked for again."""
    with db.transaction():
        claims.release(db, {draft.account: draft.token})
    return replace(draft.candidate, token=None, lease_ends=0.0)
