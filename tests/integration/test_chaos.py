"""The property test of the whole: whatever happens in whatever order, the promises hold after every step.

CHAOS_SEED repeats a walk's choices (not the moments at which processes meet them), `CHAOS_SEED=random` makes others,
and CHAOS_SECONDS makes it longer.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Thread

import psycopg
import pytest

from demo.launcher.administration import Postgres
from tests.integration.chaos.life import Life
from tests.integration.chaos.walk import Walk
from tests.integration.conftest import Stages
from tests.integration.nursery import Nursery
from tests.simulator_process import SimulatorProcess

Begun = Callable[[int], AbstractContextManager[Walk]]

SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))


@pytest.fixture
def begun(postgres: Postgres, stages: Stages, nursery: Nursery) -> Begun:
    """Begin a walk with a seed: `with begun(seed) as walk`; its workers end with it."""

    @contextmanager
    def begin(seed: int) -> Iterator[Walk]:
        with SimulatorProcess() as platform, stages(platform) as stage:
            (name,) = stage.db.execute("SELECT current_database()").fetchone() or ("",)
            stage.set(in_flight=4, fan_out_limit=1)
            with psycopg.connect(postgres.admin_dsn(name), autocommit=True) as owner:
                chance = random.Random(seed)
                walk = Walk(
                    stage=stage,
                    life=Life(stage=stage, chance=chance),
                    nursery=nursery,
                    server=postgres,
                    owner=owner,
                    chance=chance,
                )
                try:
                    yield walk
                finally:
                    for worker in walk.workers:
                        worker.kill()

    return begin


@pytest.fixture
def walk(begun: Begun) -> Callable[[int], None]:
    """Walk with a seed."""

    def go(seed: int) -> None:
        with begun(seed) as walked:
            try:
                walked.go(SECONDS)
            except Exception as error:
                raise AssertionError(
                    f"CHAOS_SEED={seed}, after {len(walked.trail)} steps, the last of them "
                    f"{walked.trail[-12:]}: {error}"
                ) from error
            received = len(walked.stage.platform.ledger())
            print(f"CHAOS_SEED={seed}: {len(walked.trail)} steps, {received} requests received")

    return go


def test_every_promise_holds_at_every_step_of_a_random_walk(walk: Callable[[int], None]) -> None:
    seed = os.environ.get("CHAOS_SEED") or "862311"
    walk(secrets.randbelow(1_000_000) if seed == "random" else int(seed))


def test_a_walk_that_meets_a_broken_promise_tells_its_seed(
    walk: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(self: Walk) -> None:
        # Something has to be known before it can be wrong.
        self.stage.platform.clear_faults()
        self.stage.run()
        self.stage.rows("UPDATE known_state SET options = '{VP1:NOTHING}' RETURNING account")

    monkeypatch.setattr(Walk, "see_ends", spoil)

    with pytest.raises(AssertionError, match=r"CHAOS_SEED=7, after \d+ steps.*the log adds up to"):
        walk(7)


def test_a_walk_goes_on_though_its_archive_waits_for_what_a_frozen_worker_has_locked(begun: Begun) -> None:
    with begun(7) as walk:
        walk.life.subscribe()
        walk.stage.run()
        landing = {"PROVISIONING_FAILPOINT": "extract.landed", "PROVISIONING_FAILPOINT_SIGNAL": "SIGSTOP"}
        worker = walk.nursery.bear(walk.stage.environment("run") | landing)
        walk.workers.append(worker)
        walk.frozen.append(worker)
        eventually(walk, "the landing is locked", "mode = 'AccessExclusiveLock' AND granted")
        archiving = Thread(target=walk.archive, daemon=True)

        archiving.start()

        archiving.join(60)
        assert not archiving.is_alive()
        assert not walk.frozen
        assert walk.stage.rows("SELECT count(*) > 0 FROM archive_manifest") == [(True,)]


def eventually(walk: Walk, what: str, locked: str) -> None:
    """Wait until there is a lock on the landing of which *locked* is true."""
    query = f"SELECT count(*) FROM pg_locks WHERE relation = 'desired_state'::regclass AND {locked}"  # noqa: S608
    deadline = time.monotonic() + 60
    while walk.owner.execute(query.encode()).fetchone() == (0,):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
