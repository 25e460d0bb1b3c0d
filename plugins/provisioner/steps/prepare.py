"""Claim a few accounts and plan them; leave their requests durable.

When this returns, every request it hands out is committed, and the first of each account may leave.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from provisioner.adapters import batches, claims, known_state, request_log, sql
from provisioner.adapters.batches import RESET_RUN, Item
from provisioner.core import policy
from provisioner.core.model import (
    AccountId,
    AccountState,
    AddMaterial,
    Command,
    RemoveMaterial,
    SerialNumber,
    SubscriptionNumber,
)
from provisioner.steps.drafting import Draft, Task, plan_drafts
from provisioner.steps.work import Candidate, Work
from provisioner.steps.write_drafts import write_drafts

LEASE = timedelta(seconds=policy.CLAIM_SECONDS)


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
    plan_drafts(source, task, drafts)
    _let_boxes_leave_first(db, source, task, drafts, prepared)
    with db.transaction():
        prepared.work, prepared.finished = write_drafts(db, task, drafts)
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
        candidate.item.account: Draft(
            candidate=candidate,
            token=token,
            lease_ends=ends,
            known=known.get(candidate.item.account, AccountState()),
            open_plan=open_plans.get(candidate.item.account),
            subscription_number=candidate.item.subscription_numbers[0],
        )
        for candidate, token, ends in ours
    }


def _let_boxes_leave_first(
    db: sql.Connection,
    source: sql.Connection,
    task: Task,
    drafts: dict[AccountId, Draft],
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
            items = _partners(db, task, holders, strangers)
        partners = _claim(db, task, [Candidate(item=item) for item in items], prepared)
        plan_drafts(source, task, partners)
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


def _partners(
    db: sql.Connection,
    task: Task,
    holders: Sequence[tuple[SerialNumber, AccountId]],
    strangers: Sequence[AccountId],
) -> list[Item]:
    """Return the accounts that may be made to give a box up.

    In a reset run the guard has judged every removal of the night, and what it has not seen may not go. A door that
    looks at single accounts takes no more than the very box that the CRM's rows of this moment have elsewhere.
    """
    if task.batch.cause == RESET_RUN:
        return batches.read_items_of(db, task.batch.batch_id, strangers)
    numbers = request_log.read_subscription_numbers(db, strangers)
    state_by_account = known_state.read(db, strangers)
    boxes = {serial for serial, _ in holders}
    return [
        Item(
            account=account,
            subscription_numbers=tuple(numbers.get(account, [SubscriptionNumber(account)])),
            allowed_removals=frozenset(
                f"box {one.distributor}:{one.serial_number}"
                for one in state_by_account[account].materials
                if one.serial_number in boxes
            ),
        )
        for account in strangers
    ]


def _removes(command: Command, serial: SerialNumber) -> bool:
    return isinstance(command, RemoveMaterial) and command.serial_number == serial


def _give_back(db: sql.Connection, draft: Draft, prepared: Prepared) -> None:
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
