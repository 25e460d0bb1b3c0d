"""How long an action takes from its commit in the CRM to Tucano, alone and beside a reset; how fast a backlog goes."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.alternating import Medians
from benchmarks.bars import Ratio, Tell
from benchmarks.ground import SQL_FOLDER, Ground, one, rows
from benchmarks.responder import running
from benchmarks.sending import PROVIDER, NotSentError
from demo.crm.install import create_tables, tie_up
from demo.launcher.postgres import PostgresServer
from provisioner.adapters.tucano import Endpoint
from provisioner.steps import detect, dispatch, extract, guard, plan, prove_extract, real_time

ACTIONS = 200  # of one round: the p99 is the second longest
ACTIONS_A_SECOND = 20
WARM_UP = 10
RESET_REQUESTS_A_SECOND = 500
PATIENCE_SECONDS = 600


class Customers:
    """Subscribers whom the platform knows, each but for one channel; an action asks for that channel."""

    def __init__(self, postgres: PostgresServer, accounts: int, tell: Tell) -> None:
        """Make them; the last ones have the channel stopped until an action starts it."""
        self.accounts = accounts
        self.actions = min(ACTIONS, accounts // 6)
        self.ground = Ground(postgres, "real_time")
        tell(f"making {accounts:,} customers")
        with psycopg.connect(postgres.dsn(self.ground.crm_name, "crm_owner")) as db:
            create_tables(db)
            filled = psycopg.ClientCursor(db).mogrify(
                (SQL_FOLDER / "fill_subscribers.sql").read_bytes(), {"accounts": accounts}
            )
            db.execute(filled.encode())
            tie_up(db)

    def begin(self) -> None:
        """Forget all that was sent and every action."""
        with self.ground.admin(self.ground.provisioning_name) as db:
            one(db, "forget_everything")
            rows(db, "know_all_but_one_option", {"accounts": self.accounts})
            rows(db, "forget_actions")
        with self.ground.admin(self.ground.crm_name) as crm:
            rows(crm, "forget_acted")
        self.ground.settle()

    def connections(self, url: str) -> Any:
        """Return what the shipped steps are given."""
        return self.ground.connections(Endpoint(url=url, user="benchmark", password="benchmark"))  # noqa: S106

    @contextmanager
    def lane(self, url: str, provider: Path = PROVIDER) -> Iterator[None]:
        """Run the shipped lane beside the caller, until the block ends."""
        why: list[str] = []
        thread = threading.Thread(
            target=lambda: real_time.run(
                self.connections(url),
                "benchmark",
                should_end=lambda: why[0] if why else None,
                provider_file=provider,
            )
        )
        thread.start()
        try:
            yield
        finally:
            why.append("measured")
            thread.join()

    def act(
        self, seconds_between: float, count: int, after: Callable[[], bool] = lambda: True
    ) -> dict[str, float]:
        """Commit *count* actions, one for a customer each; return when each was committed, by account."""
        committed: dict[str, float] = {}
        with psycopg.connect(self.ground.postgres.dsn(self.ground.crm_name, "crm_owner")) as db:
            stopped = psycopg.ClientCursor(db).mogrify(
                (SQL_FOLDER / "stop_services.sql").read_bytes(), {"actions": count}
            )
            db.execute(stopped.encode())
            db.commit()
            numbers = [f"S{self.accounts - n:010d}" for n in range(count)]
            for number in itertools.takewhile(lambda _: after(), numbers):
                db.execute(
                    "SELECT crm.act('START_SERVICE', %s, '{\"services\": [\"ENTERTAIN\"]}', 'benchmark')",
                    (number,),
                )
                committed[number] = time.time()
                db.commit()
                time.sleep(seconds_between)
        return committed

    def wait_until_read(self) -> None:
        """Wait until the lane has taken its first look, so that what comes is real time."""
        self._wait(lambda db: db.execute("SELECT count(*) > 0 FROM action_cursor").fetchone() == (True,))

    def wait_until_done(self, actions: int) -> None:
        """Wait until all *actions* went through."""
        self._wait(lambda db: one(db, "count_actions") == (actions, 0))

    def _wait(self, claim: Callable[[psycopg.Connection[tuple[Any, ...]]], bool]) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        with self.ground.admin(self.ground.provisioning_name) as db:
            while not claim(db):
                if time.monotonic() > until:
                    raise NotSentError(f"the lane did not come to its end: {one(db, 'count_actions')}")
                time.sleep(0.05)

    def batch(self, url: str, provider: Path) -> Callable[[], None]:
        """Prepare a reset run of all customers; return what sends it."""
        connections = self.connections(url)
        batch_id = self.ground.open_batch(provider=provider)
        for step in (extract, prove_extract, detect, plan):
            step.run(connections, batch_id)
        chunks = guard.run(connections, batch_id)

        def send() -> None:
            for chunk in chunks:
                dispatch.run(connections, batch_id, chunk.chunk_number)

        return send


def action_p99_ms(customers: Customers, tell: Tell, *, repetitions: int) -> Ratio:
    """Return the 99th percentile from just before an action's commit to its request's arrival at the platform."""
    found = []
    for repetition in range(repetitions):
        customers.begin()
        with _noting() as (url, arrivals), customers.lane(url):
            customers.wait_until_read()
            committed = customers.act(1 / ACTIONS_A_SECOND, customers.actions)
            customers.wait_until_done(len(committed))
            found.append(_milliseconds(committed, arrivals))
        tell(
            f"action_p99_ms: round {repetition + 1}, {_p99(found[-1]):.3g} ms, median {_median(found[-1]):.3g} ms"
        )
    p99 = statistics.median(_p99(one) for one in found)
    return Ratio(
        name="action_p99_ms",
        value=p99,
        sides=f"{p99:.3g} ms, median {_median([one for each in found for one in each]):.3g} ms",
    )


def action_p99_ms_during_reset(customers: Customers, tell: Tell, *, repetitions: int) -> Ratio:
    """Return the same beside a reset run of everybody, limited to 500 requests a second; once, it is long enough."""
    customers.begin()
    with tempfile.TemporaryDirectory(prefix="provisioning-bench-") as folder:
        provider = Path(folder, "provider.yaml")
        limited = PROVIDER.read_text(encoding="utf-8").replace(
            "requests_per_second: 100000", f"requests_per_second: {RESET_REQUESTS_A_SECOND}"
        )
        provider.write_text(limited, encoding="utf-8")
        with _noting() as (url, arrivals), customers.lane(url, provider):
            customers.wait_until_read()
            reset = threading.Thread(target=customers.batch(url, provider))
            reset.start()
            committed = customers.act(1 / ACTIONS_A_SECOND, customers.actions)
            beside = reset.is_alive()
            customers.wait_until_done(len(committed))
            found = _milliseconds(committed, arrivals)
            reset.join()
    if not beside:
        tell("action_p99_ms_during_reset: the reset ended before the last action")
    tell(f"action_p99_ms_during_reset: {_p99(found):.3g} ms, {repetitions=} counts once")
    return Ratio(
        name="action_p99_ms_during_reset",
        value=_p99(found),
        sides=f"{_p99(found):.3g} ms, median {_median(found):.3g} ms, {len(found)} actions",
    )


def drain_per_sender(customers: Customers, tell: Tell, *, repetitions: int) -> Ratio:
    """Compare a backlog of one action a customer with a reset run's dispatch of the same requests; once."""
    with running(after=0) as url:
        customers.begin()
        send = customers.batch(url, PROVIDER)
        customers.ground.settle()
        began = time.perf_counter()
        send()
        floor = customers.accounts / (time.perf_counter() - began)
        tell(f"drain_per_sender: a reset run sends {floor:,.0f} requests/s")
        customers.begin()
        with customers.ground.admin(customers.ground.crm_name) as crm:
            rows(crm, "act_on_all")
        began = time.perf_counter()
        with customers.lane(url):
            customers.wait_until_done(customers.accounts)
            ours = customers.accounts / (time.perf_counter() - began)
        tell(f"drain_per_sender: the lane drains {ours:,.0f} actions/s, {repetitions=} counts once")
    medians = Medians(ours=ours, floor=floor)
    return Ratio(name="drain_per_sender", value=medians.ratio, sides=f"{ours:,.0f} / {floor:,.0f} requests/s")


@contextmanager
def _noting() -> Iterator[tuple[str, Path]]:
    """Run a platform that notes what arrives when; give its URL and the notes."""
    with tempfile.TemporaryDirectory(prefix="provisioning-bench-") as folder:
        arrivals = Path(folder, "arrivals")
        with running(after=0, arrivals=arrivals) as url:
            yield url, arrivals


def _milliseconds(committed: dict[str, float], arrivals: Path) -> list[float]:
    """Return how long each action took; the first ones warm everything up and do not count."""
    arrived: dict[str, float] = {}
    for line in arrivals.read_text(encoding="utf-8").splitlines():
        at, account = line.split()
        if float(at) >= committed.get(account, 0.0):
            arrived.setdefault(account, float(at))
    took = [(arrived[account] - at) * 1000 for account, at in committed.items() if account in arrived]
    return took[min(WARM_UP, len(took) // 10) :]


def _p99(milliseconds: list[float]) -> float:
    return statistics.quantiles(milliseconds, n=100)[-1]


def _median(milliseconds: list[float]) -> float:
    return statistics.median(milliseconds)
