"""Plan claimed accounts from the CRM's rows of this moment. Nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from provisioner.adapters import crm, sql
from provisioner.adapters.batches import Batch
from provisioner.adapters.request_log import OpenPlan, OpenRequest
from provisioner.core import desired, distrust as distrusting, faults, guard, plan as planning
from provisioner.core.distrust import NOTHING, Distrust
from provisioner.core.model import (
    ACTIVE_SUBSCRIPTION,
    AccountId,
    AccountState,
    Command,
    Desired,
    Provider,
    RejectedRow,
    SerialNumber,
    Subscription,
    SubscriptionNumber,
)
from provisioner.core.questions import NO_QUESTIONS, Questions
from provisioner.steps.plan import maximum_devices
from provisioner.steps.work import Candidate, Ending


class Gate(Protocol):
    """Decides about the removals of freshly planned accounts that no guard has judged."""

    def judge(self, db: sql.Connection, task: Task, drafts: Iterable[Draft]) -> None:
        """Take out of the plans what may not go; what it records is committed with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a dispatch works on and with. *ever* forces one account: see core.plan.plan_everything.

    *gate* judges the removals of accounts that no guard has judged before. *versions_are_actions*: a row's version
    says which action it is as new as (adapters.inbox).
    """

    batch: Batch
    provider: Provider
    owner: str
    ever: AccountState | None = None
    gate: Gate | None = None
    versions_are_actions: bool = False


@dataclass(slots=True, kw_only=True)
class Draft:
    """One account between reading and writing.

    *newest_actions* are what the CRM told of its subscriptions before their *rows* were read; *stale* says which row is
    older than that.
    """

    candidate: Candidate
    token: int
    lease_ends: float
    known: AccountState
    open_plan: OpenPlan | None
    distrust: Distrust = NOTHING
    commands: tuple[Command, ...] = ()
    withheld: tuple[str, ...] = ()
    subscription_number: SubscriptionNumber
    newest_actions: Mapping[SubscriptionNumber, int] = field(default_factory=dict)
    rows: Sequence[Subscription | RejectedRow] = ()
    stale: str | None = None
    ending: Ending | None = None
    waits_for: dict[SerialNumber, AccountId] = field(default_factory=dict)
    leaves: frozenset[SerialNumber] = frozenset()

    @property
    def account(self) -> AccountId:
        return self.candidate.item.account

    @property
    def questions(self) -> Questions:
        return self.open_plan.questions if self.open_plan else NO_QUESTIONS


def unanswered(open_plan: OpenPlan | None) -> OpenRequest | None:
    """Return the one request that may have reached Tucano without an answer; it comes before anything else."""
    return next((request for request in open_plan.requests if request.left), None) if open_plan else None


def plan_drafts(source: sql.Connection, task: Task, drafts: Mapping[AccountId, Draft]) -> None:
    """Plan those drafts that have no request in doubt; the others are settled first."""
    to_plan = [draft for draft in drafts.values() if unanswered(draft.open_plan) is None]
    numbers = [number for draft in to_plan for number in draft.candidate.item.subscription_numbers]
    rows_by_account: dict[AccountId | None, list[Subscription | RejectedRow]] = {}
    for row in crm.read_by_number(source, numbers) if numbers else ():
        rows_by_account.setdefault(row.account, []).append(row)
    for draft in to_plan:
        draft.rows = rows_by_account.get(draft.account, [])
        draft.stale = None if task.ever is not None else stale_of(draft.rows, draft.newest_actions)
        if draft.stale is None:
            plan_draft(draft, task)


def stale_of(
    rows: Sequence[Subscription | RejectedRow], newest_actions: Mapping[SubscriptionNumber, int]
) -> str | None:
    """Say of the first of *rows* that it is older than what the CRM told of: by now it may be otherwise."""
    for row in rows:
        if isinstance(row, Subscription):
            known = newest_actions.get(row.subscription_number, 0)
            if 0 < row.version < known:
                number, account = row.subscription_number, row.account
                return faults.stale(number, account, version=row.version, known=known).explanation
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the CRM wants for one account now, and the subscription that its requests speak for."""

    desired: Desired
    subscription: Subscription

    def withholding(self, reasons: Sequence[str]) -> Wish:
        """Return it with *reasons* more why nothing may be taken away."""
        withheld = (*reasons, *self.desired.withhold_removals)
        return replace(self, desired=replace(self.desired, withhold_removals=withheld))


def wish_of(rows: Sequence[Subscription | RejectedRow], provider: Provider) -> Wish | str:
    """Return the wish of an account's rows, or why there is none: no row, or no row that can be used."""
    contributions = [
        row if isinstance(row, RejectedRow) else desired.contribution(row, provider) for row in rows
    ]
    readable = [row for row in rows if isinstance(row, Subscription)]
    refused = [one.explanation for one in contributions if isinstance(one, RejectedRow)]
    if len(refused) == len(contributions) or not readable:
        return "; ".join(refused)
    # An Active subscription's name goes to Tucano, the lowest number where there are several.
    first = min(readable, key=lambda row: (row.state not in ACTIVE_SUBSCRIPTION, row.subscription_number))
    return Wish(desired=desired.merge(contributions), subscription=first)


def commands_for(
    wish: Wish,
    known: AccountState,
    account: AccountId,
    provider: Provider,
    *,
    single_options: bool = False,
    ever: AccountState | None = None,
    questions: Questions = NO_QUESTIONS,
    distrust: Distrust = NOTHING,
) -> tuple[Command, ...]:
    """Return the plan of one account; with *ever* everything is asked for again, whatever is known.

    *questions* are asked again, one request an option. What is of *distrust* is asked for again: given where it is
    wanted, else taken away.
    """
    limits = maximum_devices(provider)
    target = desired.target(wish.desired, known, limits)
    if questions and ever is None:
        target, known = questions.ask(target, known)
        single_options = True
    if ever is not None:
        return planning.plan_everything(
            account=account,
            target=target,
            ever=ever,
            subscriber=wish.subscription.subscriber,
            swap_order=provider.settings.swap_order,
        )
    assumed = distrusting.assume(known, distrust, wish.desired, target)
    return planning.plan(
        account=account,
        target=target,
        known=assumed.surely,
        subscriber=wish.subscription.subscriber,
        maximum_devices=limits,
        swap_order=provider.settings.swap_order,
        single_options=single_options,
        maybe=assumed.maybe if distrust.any else None,
    )


def plan_draft(draft: Draft, task: Task, missing: Sequence[str] = ()) -> None:
    """Plan one account from its rows. *missing* says which of its subscriptions have none: they withhold removals."""
    wish = wish_of(draft.rows, task.provider)
    if isinstance(wish, str):
        explanation = wish or (
            f"subscription {', '.join(draft.candidate.item.subscription_numbers)} is no longer in the CRM's extract: "
            "nothing is sent; end it in the CRM, or find out why it is not extracted"
        )
        draft.ending = Ending(outcome="ROW_REJECTED", explanation=explanation)
        return
    if missing:
        wish = wish.withholding(missing)
    commands = commands_for(
        wish,
        draft.known,
        draft.account,
        task.provider,
        single_options=draft.candidate.single_options,
        # Once: an account that is planned again in the same turn goes on from what the first answers taught.
        ever=task.ever if draft.candidate.replans == 0 and not draft.questions else None,
        questions=draft.questions,
        distrust=draft.distrust,
    )
    allowed = draft.candidate.item.allowed_removals
    released = guard.Released(commands=commands) if allowed is None else guard.release(commands, allowed)
    draft.commands = released.commands
    draft.withheld = (*missing, *released.withheld) or (
        () if released.commands else wish.desired.withhold_removals
    )
    draft.subscription_number = wish.subscription.subscription_number
