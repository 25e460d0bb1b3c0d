"""Open requests and the log of closed ones. A request is here before a byte of it leaves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from provisioner.adapters import sql
from provisioner.adapters.sending_rate import Reserved
from provisioner.core import wire
from provisioner.core.model import (
    AccountId,
    AccountState,
    Command,
    CreateAccount,
    RequestState,
    SubscriptionNumber,
)
from provisioner.core.pacing import Learned
from provisioner.core.plan import apply
from provisioner.core.questions import NO_QUESTIONS, Questions

REQUEST_NUMBER = "PR-{:010d}"

# Our own codes of requests that were closed without being sent.
SUPERSEDED = "SUPERSEDED"
EARLIER_REQUEST_REJECTED = "EARLIER_REQUEST_REJECTED"
# Sent under a number that Tucano had answered before: what it said is of another request.
NUMBER_USED_BEFORE = "NUMBER_USED_BEFORE"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRequest:
    """A request that has no outcome yet. *left*: a byte of it may have reached Tucano."""

    sequence_number: int
    request_number: str
    account: AccountId
    subscription_number: SubscriptionNumber
    command: Command
    body: bytes = field(repr=False)
    state: RequestState = RequestState.PENDING
    left: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPlan:
    """The open requests of one account in sending order, and the questions that an answer left open."""

    plan_number: int
    unknown_attempts: int
    requests: tuple[OpenRequest, ...]
    questions: Questions = NO_QUESTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRequest:
    """A request to be written at its *position* (from 1) of the account's plan; *leaving* lets it go at once.

    *planned_at* is by the database's clock, as all times of a request are: a worker's may be ahead of it.
    """

    request: OpenRequest
    plan_number: int
    position: int
    planned_at: datetime
    leaving: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The end of a request: what Tucano answered, or our own code where it was never sent."""

    sequence_number: int
    state: RequestState
    attempts: int
    already: bool = False
    error_code: str | None = None
    error_description: str | None = None
    reference_number: str | None = None
    response: str | None = field(default=None, repr=False)


def read_open(db: sql.Connection, accounts: Iterable[AccountId]) -> dict[AccountId, OpenPlan]:
    """Return the open plans of *accounts*; most have none."""
    found: dict[AccountId, OpenPlan] = {}
    requests: dict[AccountId, list[OpenRequest]] = {}
    for row in sql.rows(db, "request_log/read_open_requests", accounts=list(accounts)):
        account, plan_number, unknown_attempts, sequence_number, request_number, subscription_number = row[:6]
        _, _, _, body, state, sent_at, attempts, in_question = row[6:]
        if sequence_number is None:
            found[account] = OpenPlan(
                plan_number=plan_number,
                unknown_attempts=unknown_attempts,
                requests=(),
                questions=Questions.unpack(in_question),
            )
            continue
        requests.setdefault(account, []).append(
            OpenRequest(
                sequence_number=sequence_number,
                request_number=request_number,
                account=account,
                subscription_number=subscription_number,
                command=wire.decode_body(body),
                body=body,
                state=RequestState(state),
                left=sent_at is not None,
                attempts=attempts,
            )
        )
        found[account] = OpenPlan(
            plan_number=plan_number,
            unknown_attempts=unknown_attempts,
            requests=tuple(requests[account]),
            questions=Questions.unpack(in_question),
        )
    return found


def draw_numbers(db: sql.Connection, count: int) -> list[tuple[int, datetime]]:
    """Return *count* new sequence numbers, each with the database's time: that of their planning."""
    return [(number, drawn_at) for number, drawn_at in sql.rows(db, "request_log/draw_numbers", count=count)]


def open_plans(db: sql.Connection, accounts: Iterable[AccountId], *, batch_id: int) -> dict[AccountId, int]:
    """Open a plan for each account, or take over the one it has; return the plan numbers."""
    return dict(sql.rows(db, "request_log/open_plans", accounts=list(accounts), batch_id=batch_id))


def insert(db: sql.Connection, planned: Iterable[PlannedRequest], *, batch_id: int, caused_by: str) -> None:
    """Write new requests; those *leaving* may be sent once this transaction is committed."""
    with db.cursor() as cursor, cursor.copy(sql.statement("request_log/copy_open_requests")) as copy:
        for plan in planned:
            request = plan.request
            parameters = stored_parameters(request.command)
            copy.write_row(
                (
                    request.sequence_number,
                    request.request_number,
                    request.account,
                    plan.plan_number,
                    plan.position,
                    batch_id,
                    request.subscription_number,
                    wire.name_of(request.command).value,
                    parameters.get("distributor"),
                    json.dumps(parameters),
                    request.body,
                    caused_by,
                    plan.planned_at,
                    plan.planned_at if plan.leaving else None,
                    1 if plan.leaving else 0,
                )
            )


def stored_parameters(command: Command) -> dict[str, Any]:
    """Return the parameters to be kept beside the body: all, but nothing of CREATE_ACCOUNT's personal data."""
    return {} if isinstance(command, CreateAccount) else wire.parameters(command)


def place(
    db: sql.Connection, position_by_number: Mapping[int, int], *, batch_id: int, leaving: Sequence[int]
) -> None:
    """Give kept requests their positions in a fresh plan; *leaving* are let go."""
    sql.run(
        db,
        "request_log/place_requests",
        sequence_numbers=list(position_by_number),
        positions=list(position_by_number.values()),
        batch_id=batch_id,
        leaving=list(leaving),
    )


def arm(db: sql.Connection, sequence_numbers: Iterable[int]) -> None:
    """Let requests go: after the commit of this they may be sent."""
    sql.run(db, "request_log/arm_requests", sequence_numbers=list(sequence_numbers))


def disarm(db: sql.Connection, failure_by_number: Mapping[int, str]) -> None:
    """Record that requests provably never left."""
    sql.run(
        db,
        "request_log/disarm_requests",
        sequence_numbers=list(failure_by_number),
        failures=list(failure_by_number.values()),
    )


def doubt(db: sql.Connection, sequence_numbers: Iterable[int]) -> None:
    """Record that a crash left these requests without an answer; from now on they are UNKNOWN."""
    sql.run(db, "request_log/doubt_requests", sequence_numbers=list(sequence_numbers))


def mark_unknown(db: sql.Connection, unsure: Sequence[tuple[int, int, str]]) -> None:
    """Record silences: (sequence number, attempts made, what happened)."""
    sql.run(
        db,
        "request_log/mark_unknown",
        sequence_numbers=[number for number, _, _ in unsure],
        attempts=[attempts for _, attempts, _ in unsure],
        failures=[failure for _, _, failure in unsure],
    )


def park(db: sql.Connection, reason_by_account: Mapping[AccountId, str]) -> None:
    """Leave the plans of accounts to the next night and to a person."""
    sql.run(
        db,
        "request_log/park_plans",
        accounts=list(reason_by_account),
        reasons=list(reason_by_account.values()),
    )


def put_in_question(db: sql.Connection, questions_by_account: Mapping[AccountId, Questions]) -> None:
    """Write down the options that an answer left open; no questions: all are answered."""
    sql.run(
        db,
        "request_log/put_in_question",
        accounts=list(questions_by_account),
        in_question=[",".join(questions.pack()) for questions in questions_by_account.values()],
    )


def close(db: sql.Connection, closings: Sequence[Closing]) -> None:
    """Move requests to the log in the given order, in the transaction of what they taught."""
    sql.run(
        db,
        "request_log/close_requests",
        sequence_numbers=[c.sequence_number for c in closings],
        states=[c.state.value for c in closings],
        already=[c.already for c in closings],
        error_codes=[c.error_code for c in closings],
        error_descriptions=[c.error_description for c in closings],
        reference_numbers=[c.reference_number for c in closings],
        attempts=[c.attempts for c in closings],
        responses=[c.response for c in closings],
    )


def close_plans(db: sql.Connection, accounts: Iterable[AccountId]) -> None:
    """Close the plans of those accounts that have no open request and no open question left."""
    sql.run(db, "request_log/close_plans", accounts=list(accounts))


def read_ever_acknowledged(db: sql.Connection, account: AccountId) -> AccountState:
    """Return all options and boxes that Tucano ever acknowledged to have given an account."""
    state = AccountState(exists=True)
    for command_name, parameters in sql.rows(db, "request_log/read_ever_acknowledged", account=account):
        state = apply(state, wire.decode(command_name, account, parameters))
    return state


def read_subscription_numbers(
    db: sql.Connection, accounts: Sequence[AccountId]
) -> dict[AccountId, list[SubscriptionNumber]]:
    """Return the subscriptions that accounts were served for."""
    numbers: dict[AccountId, list[SubscriptionNumber]] = {}
    for account, number in sql.rows(db, "request_log/read_subscription_numbers", accounts=list(accounts)):
        numbers.setdefault(account, []).append(number)
    return numbers


def reserve(
    db: sql.Connection, *, provider: str, count: int, requests_per_second: float, answered: bool = False
) -> Reserved:
    """Reserve *count* places in the queue of all doors; return when the first one is, and what they have learned.

    *answered*: the platform answered this door since it last asked, so it is not dead.
    """
    wait, refused_rate, seconds_ago, known_dead = sql.one(
        db,
        "request_log/reserve_sending",
        provider=provider,
        count=count,
        requests_per_second=requests_per_second,
        answered=answered,
    )
    learned = None if refused_rate is None else Learned(refused_rate=refused_rate, seconds_ago=seconds_ago)
    return Reserved(wait=float(wait), learned=learned, known_dead=known_dead)


def pause(db: sql.Connection, *, provider: str, seconds: float) -> None:
    """Make every door wait, as the platform asked."""
    sql.run(db, "request_log/pause_sending", provider=provider, seconds=seconds)
