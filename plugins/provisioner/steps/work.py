"""What passes between the planner, the sender and the recorder of a dispatch."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from provisioner.adapters.batches import Item
from provisioner.adapters.request_log import Closing, OpenRequest
from provisioner.core.distrust import NOTHING, Distrust
from provisioner.core.model import AccountId, AccountState, SerialNumber
from provisioner.core.questions import NO_QUESTIONS, Questions


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An account to be planned. *token* is set when its claim is already ours (it is planned anew).

    *stale_turns* counts how often the CRM's row was found older than what the CRM told of.
    """

    item: Item
    token: int | None = None
    lease_ends: float = 0.0
    replans: int = 0
    stale_turns: int = 0
    single_options: bool = False
    rejected: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Work:
    """One claimed account in the hands of one worker, with its requests in sending order.

    *lease_ends* is by this process's monotonic clock. *settling*: the one request is an earlier one without an
    answer; when it has one, the account is planned anew. *sends* counts those of the current request, *back_off* is
    the pause in seconds before the next one. *waits_for*: boxes that must leave another account first. *questions* are
    asked by these requests, and answered when all of them are done.
    """

    item: Item
    batch_id: int
    token: int
    lease_ends: float
    known: AccountState
    requests: deque[OpenRequest]
    settling: bool = False
    unknown_attempts: int = 0
    sends: int = 0
    back_off: float = 0.0
    replans: int = 0
    single_options: bool = False
    withheld: tuple[str, ...] = ()
    rejected: list[str] = field(default_factory=list)
    waits_for: dict[SerialNumber, AccountId] = field(default_factory=dict)
    leaves: frozenset[SerialNumber] = frozenset()
    questions: Questions = NO_QUESTIONS
    distrust: Distrust = NOTHING

    @property
    def in_doubt(self) -> bool:
        """Tell whether the current request was sent before and may have been applied then."""
        return self.settling or self.unknown_attempts > 0

    @property
    def account(self) -> AccountId:
        """Return the account."""
        return self.item.account


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an account ended in its batch."""

    outcome: str
    explanation: str | None = None


@dataclass(slots=True, kw_only=True)
class Report:
    """What happened to one account since its last report; written as a whole or not at all.

    *batch_id*: whose account it is; None for the recorder's own batch.
    """

    account: AccountId
    token: int
    batch_id: int | None = None
    closings: list[Closing] = field(default_factory=list)
    known: AccountState | None = None
    settled: Distrust | None = None
    doubted: Distrust | None = None
    arm: int | None = None
    unknown: tuple[int, int, str] | None = None
    disarm: tuple[int, str] | None = None
    parked_because: str | None = None
    questions: Questions | None = None
    ending: Ending | None = None
    release: bool = False
