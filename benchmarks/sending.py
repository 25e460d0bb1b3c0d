"""The shipped sender with its durable log, against its own HTTP client without one and against wrk."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import psycopg
import uvloop

from benchmarks import reference_client
from benchmarks.alternating import compare
from benchmarks.bars import Ratio, Tell
from benchmarks.ground import SQL_FOLDER, Ground, one, rows
from benchmarks.responder import running
from demo.crm.install import create_tables, tie_up
from demo.launcher.postgres import PostgresServer
from provisioner.adapters import tucano
from provisioner.adapters.tucano import Endpoint
from provisioner.core.outcome import TransportFailure
from provisioner.steps import detect, dispatch, extract, guard, plan, prove_extract

PROVIDER = Path(__file__).parent / "provider.yaml"
COMMANDS_AN_ACCOUNT = 3
IN_FLIGHT = 128  # as the provider file says
ANSWER_AFTER_SECONDS = 0.02

Account = Sequence[tuple[str, bytes]]
"""The requests of one account in order: number and body."""


class NotSentError(Exception):
    """A sender left something undone, so that its speed says nothing."""


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

    def send_durably(self, url: str) -> float:
        """Send all from nothing with the shipped dispatch; return requests a second."""
        endpoint = Endpoint(url=url, user="benchmark", password="benchmark")  # noqa: S106
        connections = self.ground.connections(endpoint)
        name = self.ground.provisioning_name
        with self.ground.admin(name) as db:
            one(db, "forget_everything")
            batch_id = self.ground.open_batch(provider=PROVIDER)
            for step in (extract, prove_extract, detect, plan):
                step.run(connections, batch_id)
            chunks = guard.run(connections, batch_id)
            self.ground.settle()
            began = time.perf_counter()
            for chunk in chunks:
                dispatch.run(connections, batch_id, chunk.chunk_number)
            seconds = time.perf_counter() - began
            (undone,) = one(db, "count_undone")
            sent = rows(db, "read_sent", {"batch_id": batch_id})
        if undone or len(sent) != self.requests:
            raise NotSentError(f"{len(sent)} of {self.requests} requests were sent, {undone} are undone")
        self.accounts = [
            [(number, body) for _, number, body in requests]
            for _, requests in groupby(sent, key=lambda row: row[0])
        ]
        return self.requests / seconds

    def send_unlogged(self, url: str) -> float:
        """Send the same bytes, in the same order within an account, with the client alone."""
        endpoint = Endpoint(url=url, user="benchmark", password="benchmark")  # noqa: S106
        began = time.perf_counter()
        uvloop.run(_send_all(endpoint, deque(self.accounts)))
        return self.requests / (time.perf_counter() - began)


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
    """Compare the shipped dispatch (claims, fresh plans, durable log) with its HTTP client and nothing else."""
    with running(after=0) as url:
        medians = compare(
            tell,
            "durable_per_unlogged",
            lambda: subscribers.send_durably(url),
            lambda: subscribers.send_unlogged(url),
            repetitions=repetitions,
            unit="requests/s",
        )
    return Ratio(
        name="durable_per_unlogged",
        value=medians.ratio,
        sides=f"{medians.ours:,.0f} / {medians.floor:,.0f} requests/s",
    )


def sender_per_wrk(subscribers: Subscribers, tell: Tell, *, repetitions: int) -> Ratio:
    """Compare the shipped dispatch with wrk where every answer takes 20 ms."""
    name, reference = "wrk", partial(reference_client.wrk, in_flight=IN_FLIGHT)
    if not reference_client.wrk_is_there():
        tell(
            "sender_per_wrk: skipped: no wrk; a minimal asyncio client stands in for it (apt-get install wrk)"
        )
        name = "a minimal asyncio client"
        reference = partial(
            reference_client.minimal_client, in_flight=IN_FLIGHT, requests=subscribers.requests
        )
    with running(after=ANSWER_AFTER_SECONDS) as url:
        medians = compare(
            tell,
            "sender_per_wrk",
            lambda: subscribers.send_durably(url),
            lambda: reference(url),
            repetitions=repetitions,
            unit="requests/s",
        )
    return Ratio(
        name="sender_per_wrk",
        value=medians.ratio,
        sides=f"{medians.ours:,.0f} / {medians.floor:,.0f} requests/s of {name}",
    )
