"""The shipped sender with its durable log, and a whole dispatch, against the HTTP client alone and against wrk.

What is timed of the *sender*: the shipped Dispatch of accounts that were claimed and planned before the clock began. It
waits for its turn at the limiter, sends, and commits each outcome with the known state and the leave of the account's
next request before that one goes; it renews its claims and gives them back. What is timed of a *dispatch*: all of
dispatch.run, so also claiming, reading the CRM again, planning and writing the requests down.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import psycopg
import uvloop

from benchmarks import reference_client
from benchmarks.alternating import medians
from benchmarks.bars import Ratio, Tell
from benchmarks.ground import SQL_FOLDER, Ground, one, rows
from benchmarks.responder import running
from demo.crm.install import create_tables, tie_up
from demo.launcher.postgres import PostgresServer
from provisioner.adapters import batches, claims, tucano
from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.core import policy
from provisioner.core.model import AccountId
from provisioner.core.outcome import TransportFailure
from provisioner.steps import detect, dispatch, extract, guard, plan, prove_extract
from provisioner.steps.drafting import Task
from provisioner.steps.load_provider import of_batch
from provisioner.steps.prepare import Prepared, prepare
from provisioner.steps.work import Candidate, Work

PROVIDER = Path(__file__).parent / "provider.yaml"
COMMANDS_AN_ACCOUNT = 3
IN_FLIGHT = 128  # as the provider file says
ANSWER_AFTER_SECONDS = 0.02
# As long as the other side takes, and no longer than wrk needs to show its rate.
WRK_SECONDS = 5
REQUESTS_A_WRK_SECOND = 4_000

Account = Sequence[tuple[str, bytes]]
"""The requests of one account in order: number and body."""


class NotSentError(Exception):
    """A sender left something undone, so that its speed says nothing."""


class PlannedBefore(dispatch.Dispatch):
    """The shipped dispatch of accounts that the shipped `prepare` has claimed and planned before it runs."""

    def plan(self) -> None:
        """Claim and plan all accounts, and leave their requests durable, window by window as a dispatch does."""
        self._planned: dict[AccountId, Work] = {}
        renewed_at = time.monotonic()
        for at in range(0, len(self._queue), dispatch.ACCOUNTS_A_WINDOW):
            window = list(self._queue)[at : at + dispatch.ACCOUNTS_A_WINDOW]
            prepared = prepare(self._planning, self._source, self._task, window)
            self._planned.update((work.account, work) for work in prepared.work)
            if time.monotonic() - renewed_at > policy.CLAIM_RENEWAL_SECONDS:
                renewed_at = time.monotonic()
                self._renew_in_transaction()
        self._renew_in_transaction()

    async def _prepare(self, window: list[Candidate]) -> list[Work]:
        works = [self._planned.pop(candidate.item.account) for candidate in window]
        for work in works:
            # The dispatch renews all claims of its owner, and notes it for the accounts in hand only.
            work.lease_ends = time.monotonic() + policy.CLAIM_SECONDS - policy.CLAIM_RENEWAL_SECONDS
        return self._accept(window, Prepared(work=works))


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a second."""

    dispatch: float
    sender: float
    floor: float


class Subscribers:
    """New subscribers whom the platform does not know: three requests each."""

    def __init__(self, postgres: PostgresServer, requests: int, tell: Tell) -> None:
        """Make at least *requests* requests' worth of them."""
        accounts = -(-requests // COMMANDS_AN_ACCOUNT)
        self.requests = accounts * COMMANDS_AN_ACCOUNT
        self.ground = Ground(postgres, "sending")
        tell(f"making {accounts:,} new subscribers")
        with psycopg.connect(postgres.dsn(self.ground.crm_name, "crm_owner")) as db:
            create_tables(db)
            statement = psycopg.ClientCursor(db).mogrify(
                (SQL_FOLDER / "fill_subscribers.sql").read_bytes(), {"accounts": accounts}
            )
            db.execute(statement.encode())
            tie_up(db)
        self.accounts: list[Account] = []
        self._rates: dict[float, Rates] = {}

    def rates(self, tell: Tell, *, after: float, repetitions: int) -> Rates:
        """Return the rates where the platform answers *after* seconds; measured once.

        The floor is the client alone where it answers at once, else wrk.
        """
        if after not in self._rates:
            with running(after=after) as url:
                found = medians(
                    tell,
                    "whole dispatch, sender with its log, floor",
                    [
                        partial(self.dispatch, url),
                        partial(self.send, url),
                        partial(self.send_unlogged if after == 0 else self.send_with_wrk, url),
                    ],
                    repetitions=repetitions,
                    unit="requests/s",
                )
            self._rates[after] = Rates(*found)
        return self._rates[after]

    def dispatch(self, url: str) -> float:
        """Send all from nothing with dispatch.run; return requests a second."""
        connections, batch_id, chunks = self._begin(url)
        began = time.perf_counter()
        for chunk_number in chunks:
            dispatch.run(connections, batch_id, chunk_number)
        seconds = time.perf_counter() - began
        self._end(batch_id)
        return self.requests / seconds

    def send(self, url: str) -> float:
        """Send all with their accounts claimed and planned before the clock begins; return requests a second."""
        connections, batch_id, chunks = self._begin(url)
        seconds = 0.0
        for chunk_number in chunks:
            with ExitStack() as opened:
                planning, recording, renewing, pacing = (
                    opened.enter_context(connections.provisioning()) for _ in range(4)
                )
                source = opened.enter_context(connections.crm())
                source.autocommit = True
                with planning.transaction():
                    batch = batches.read(planning, batch_id)
                    items = batches.read_chunk(planning, batch_id, chunk_number)
                sender = PlannedBefore(
                    Task(batch=batch, provider=of_batch(batch), owner=claims.new_owner()),
                    items,
                    planning=planning,
                    recording=recording,
                    renewing=renewing,
                    pacing=pacing,
                    source=source,
                )
                sender.plan()
                began = time.perf_counter()
                with dispatch.seldom_collecting():
                    uvloop.run(sender.run(connections.tucano))
                seconds += time.perf_counter() - began
        self._end(batch_id)
        return self.requests / seconds

    def _begin(self, url: str) -> tuple[Connections, int, list[int]]:
        """Forget everything, and lead a reset run of everybody to where its dispatch begins."""
        endpoint = Endpoint(url=url, user="benchmark", password="benchmark")  # noqa: S106
        connections = self.ground.connections(endpoint)
        with self.ground.admin(self.ground.provisioning_name) as db:
            one(db, "forget_everything")
        batch_id = self.ground.open_batch(provider=PROVIDER)
        for step in (extract, prove_extract, detect, plan):
            step.run(connections, batch_id)
        chunks = [chunk.chunk_number for chunk in guard.run(connections, batch_id)]
        self.ground.settle()
        return connections, batch_id, chunks

    def _end(self, batch_id: int) -> None:
        """Raise NotSentError unless all was sent and recorded; keep what was sent."""
        with self.ground.admin(self.ground.provisioning_name) as db:
            (undone,) = one(db, "count_undone")
            sent = rows(db, "read_sent", {"batch_id": batch_id})
        if undone or len(sent) != self.requests:
            raise NotSentError(f"{len(sent)} of {self.requests} requests were sent, {undone} are undone")
        self.accounts = [
            [(number, body) for _, number, body in requests]
            for _, requests in groupby(sent, key=lambda row: row[0])
        ]

    def send_unlogged(self, url: str) -> float:
        """Send the same bytes, in the same order within an account, with the client alone."""
        endpoint = Endpoint(url=url, user="benchmark", password="benchmark")  # noqa: S106
        began = time.perf_counter()
        with dispatch.seldom_collecting():
            uvloop.run(_send_all(endpoint, deque(self.accounts)))
        return self.requests / (time.perf_counter() - began)

    def send_with_wrk(self, url: str) -> float:
        """Send with wrk or, where it is not installed, with what stands in for it."""
        if reference_client.wrk_is_there():
            seconds = min(WRK_SECONDS, 1 + self.requests // REQUESTS_A_WRK_SECOND)
            return reference_client.wrk(url, in_flight=IN_FLIGHT, seconds=seconds)
        return reference_client.minimal_client(url, in_flight=IN_FLIGHT, requests=self.requests)


async def _send_all(endpoint: Endpoint, accounts: deque[Account]) -> None:
    async with tucano.connect(endpoint, in_flight=IN_FLIGHT) as client:

        async def send_accounts() -> None:
            while accounts:
                for number, body in accounts.popleft():
                    answer = await client.send(number, body)
                    if isinstance(answer, TransportFailure) or answer.verdict is None:
                        raise NotSentError(f"request {number} got {answer}")

        async with asyncio.TaskGroup() as group:
            for _ in range(IN_FLIGHT):
                group.create_task(send_accounts())


def durable_per_unlogged(subscribers: Subscribers, tell: Tell, *, repetitions: int) -> Ratio:
    """Compare the sender with its durable log with its HTTP client and nothing else."""
    rates = subscribers.rates(tell, after=0, repetitions=repetitions)
    return _ratio("durable_per_unlogged", rates.sender, rates.floor)


def dispatch_per_unlogged(subscribers: Subscribers, tell: Tell, *, repetitions: int) -> Ratio:
    """Compare a whole dispatch (claims, fresh plans, durable log) with its HTTP client and nothing else."""
    rates = subscribers.rates(tell, after=0, repetitions=repetitions)
    return _ratio("dispatch_per_unlogged", rates.dispatch, rates.floor)


def sender_per_wrk(subscribers: Subscribers, tell: Tell, *, repetitions: int) -> Ratio:
    """Compare the sender with its durable log with wrk where every answer takes 20 ms."""
    rates = subscribers.rates(tell, after=ANSWER_AFTER_SECONDS, repetitions=repetitions)
    return _ratio("sender_per_wrk", rates.sender, rates.floor, of=_reference(tell))


def dispatch_per_wrk(subscribers: Subscribers, tell: Tell, *, repetitions: int) -> Ratio:
    """Compare a whole dispatch with wrk where every answer takes 20 ms."""
    rates = subscribers.rates(tell, after=ANSWER_AFTER_SECONDS, repetitions=repetitions)
    return _ratio("dispatch_per_wrk", rates.dispatch, rates.floor, of=_reference(tell))


def _ratio(name: str, ours: float, floor: float, *, of: str = "the client alone") -> Ratio:
    return Ratio(name=name, value=ours / floor, sides=f"{ours:,.0f} / {floor:,.0f} requests/s of {of}")


def _reference(tell: Tell) -> str:
    if reference_client.wrk_is_there():
        return "wrk"
    tell("skipped: no wrk; a minimal asyncio client stands in for it (apt-get install wrk)")
    return "a minimal asyncio client"
