"""Plan claimed accounts from the CRM's rows of this moment. Nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from provisioner.adapters import crm, sql
from provisioner.adapters.batches import Batch
from provisioner.adapters.request_log import OpenPlan, OpenRequest
from provisioner.core import desired, guard
from provisioner.core import plan as planning
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
from provisioner.steps.plan import NOBODY, maximum_devices
from provisioner.steps.work import Candidate, Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a dispatch works on and with."""

    batch: Batch
    provider: Provider
    owner: str


@dataclass(slots=True, kw_only=True)
class Draft:
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
        _plan(draft, rows_by_account.get(draft.account, []), task)


def _plan(draft: Draft, rows: Sequence[Subscription | RejectedRow], task: Task) -> None:
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
    draft.commands = released.commands
    draft.withheld = released.withheld or (() if released.commands else wanted.withhold_removals)
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
