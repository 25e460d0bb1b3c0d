"""The writer beside which a month moves: the shipped recorder, which closes what the shipped planner's tables hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import psycopg

from provisioner.adapters import claims, request_log
from provisioner.adapters.request_log import Closing, OpenRequest, PlannedRequest
from provisioner.core import policy, wire
from provisioner.core.model import (
    AccountId,
    AccountState,
    ActivateOptions,
    DistributorCode,
    OptionCode,
    RequestState,
)
from provisioner.steps.recorder import write_reports
from provisioner.steps.work import Report

# What 20 ms bring at 500 requests a second, the shipped limit, is one commit.
FLUSHED_ACCOUNTS = int(policy.DEFAULT_SETTINGS.requests_per_second * policy.FLUSH_SECONDS)
ACCOUNTS = [AccountId(f"W{n:09d}") for n in range(FLUSHED_ACCOUNTS)]
PLACE, OPTION = DistributorCode("VP1"), OptionCode("NEWS")
KNOWN = AccountState(exists=True, options=frozenset({(PLACE, OPTION)}))


def write(dsn: str, *, until: Callable[[], bool]) -> list[float]:
    """Close requests as provisioner; return the seconds of each commit of the recorder.

    Planning and claiming come before each of them and are not timed: they do not touch the log.
    """
    waits: list[float] = []
    with psycopg.connect(dsn, autocommit=True) as db:
        while not until():
            reports = _answered(db)
            began = time.monotonic()
            held = write_reports(db, 1, reports)
            waits.append(time.monotonic() - began)
            if len(held) != len(ACCOUNTS):
                raise RuntimeError("the writer lost its claims: nothing was written and nothing is measured")
            time.sleep(policy.FLUSH_SECONDS)
    return waits


def _answered(db: psycopg.Connection) -> list[Report]:
    """Plan, claim and let go one request of each account; return what the recorder is told of their answers."""
    with db.transaction():
        tokens = claims.take(db, ACCOUNTS, owner="benchmark", lease=timedelta(seconds=policy.CLAIM_SECONDS))
        plans = request_log.open_plans(db, ACCOUNTS, batch_id=1)
        drawn = request_log.draw_numbers(db, len(ACCOUNTS))
        planned = [
            PlannedRequest(
                request=_request(account, number),
                plan_number=plans[account],
                position=1,
                planned_at=drawn_at,
                leaving=True,
            )
            for account, (number, drawn_at) in zip(ACCOUNTS, drawn, strict=True)
        ]
        request_log.insert(db, planned, batch_id=1, caused_by="benchmark")
    return [
        Report(
            account=account,
            token=tokens[account],
            closings=[
                Closing(
                    sequence_number=number,
                    state=RequestState.COMPLETED,
                    attempts=1,
                    reference_number=str(number),
                    response="y" * 80,
                )
            ],
            known=KNOWN,
            release=True,
        )
        for account, (number, _) in zip(ACCOUNTS, drawn, strict=True)
    ]


def _request(account: AccountId, number: int) -> OpenRequest:
    command = ActivateOptions(account=account, distributor=PLACE, options=(OPTION,))
    request_number = request_log.REQUEST_NUMBER.format(number)
    return OpenRequest(
        sequence_number=number,
        request_number=request_number,
        account=account,
        subscription_number=account,
        command=command,
        body=wire.encode(request_number, command),
    )
