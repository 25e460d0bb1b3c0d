"""A random walk over everything that can happen at once; every step and every chance comes from one seed."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import psycopg

from demo.launcher.administration import Postgres
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core.retention import Month
from provisioner.steps import move_month
from provisioner.steps.reset_run import Run
from tests.integration.chaos import invariants
from tests.integration.chaos.doors import DOORS
from tests.integration.chaos.life import Life
from tests.integration.nursery import Nursery, Worker
from tests.integration.stage import Stage

MOST_WORKERS = 3
# The exit code of a worker that was killed, as subprocess has it; 1 is an error that the product lists.
ENDS = (0, 1, -9)
# Of a worker whose database was cut off: the driver's own error, which a task's log shows.
CUT_OFF = 3
# What a frozen worker has locked is waited for so long, and then that machine is back.
FROZEN_SECONDS = 5.0
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "reset_after", "probability": 0.3},
    {"kind": "hang_after", "probability": 0.2},
    {"kind": "hang_before", "probability": 0.2},
    {"kind": "apply_late", "delay_ms": 300, "probability": 0.3},
    {"kind": "status", "status": 500, "probability": 0.3},
    {"kind": "status", "status": 503, "retry_after": 1, "count": 2},
    {"kind": "status_but_applied", "probability": 0.3},
    {"kind": "half_body", "probability": 0.3},
    {"kind": "html_200", "probability": 0.3},
    {"kind": "headers_then_silence", "count": 2},
    {"kind": "slow", "delay_ms": 200},
    {"kind": "refuse", "count": 3},
    {"kind": "mixed_list_rejects"},
    {"kind": "ignore_keys"},
    {"kind": "ignore_keys"},
)


@dataclass(kw_only=True)
class Walk:
    """The world of a walk. *owner* may change anything in the provisioning database; *trail* is what was done."""

    stage: Stage
    nursery: Nursery
    server: Postgres
    owner: psycopg.Connection[Any]
    chance: random.Random
    life: Life
    workers: list[Worker] = field(default_factory=list)
    frozen: list[Worker] = field(default_factory=list)
    shaken: list[Worker] = field(default_factory=list)
    cut_off: list[Worker] = field(default_factory=list)
    alone_after: int = 0
    trail: list[str] = field(default_factory=list)
    months: int = 0

    def go(self, seconds: float) -> None:
        """Walk for so long, looking at everything after each step, and come home."""
        self.life.subscribe()
        steps: tuple[tuple[int, Callable[[], None]], ...] = (
            (9, self.live),
            (6, self.open_door),
            (5, self.pause),
            (3, self.misbehave),
            (1, self.behave),
            (1, self.kill),
            (1, self.freeze),
            (3, self.wake),
            (1, self.restart_platform),
            (1, self.cut_database),
            (1, self.archive),
        )
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            (step,) = self.chance.choices([step for _, step in steps], [weight for weight, _ in steps])
            self.trail.append(step.__name__)
            step()
            self.see_ends()
            self.check()
        self.come_home()

    # -- steps ----------------------------------------------------------------------------------

    def live(self) -> None:
        """Let something happen in the CRM."""
        (happens,) = self.chance.choices([self.life.act, self.life.subscribe, self.life.move_box], [7, 1, 1])
        self.trail[-1] = happens()

    def open_door(self) -> None:
        """Start a worker of any door, beside the one that may be at work."""
        if len(self.workers) < MOST_WORKERS:
            door = self.chance.choice(DOORS)
            self.trail[-1] = f"open {type(door).__name__}"
            self.workers.append(door.open(self.stage, self.nursery, self.chance, self.life.numbers))

    def pause(self) -> None:
        """Let the workers work."""
        time.sleep(self.chance.uniform(0.1, 0.8))

    def misbehave(self) -> None:
        """Let the platform misbehave in one or two ways."""
        faults = self.chance.sample(FAULTS, self.chance.randint(1, 2))
        self.trail[-1] = f"faults {[fault['kind'] for fault in faults]}"
        self.stage.platform.set_faults(*faults, seed=self.chance.randrange(1_000))

    def behave(self) -> None:
        """End all faults."""
        self.stage.platform.clear_faults()

    def kill(self) -> None:
        """Kill a worker."""
        if self.workers:
            self.chance.choice(self.workers).kill()

    def freeze(self) -> None:
        """Stop a worker where it is."""
        if free := [one for one in self.workers if one not in self.frozen and one.works()]:
            worker = self.chance.choice(free)
            worker.freeze()
            self.frozen.append(worker)
            self.shaken.append(worker)

    def wake(self) -> None:
        """Let a frozen worker go on."""
        if self.frozen:
            self.frozen.pop(0).wake()

    def restart_platform(self) -> None:
        """Kill the platform, or stop it, and start it again; its faults are gone then."""
        if self.chance.random() < 0.5:
            self.stage.platform.kill()
            self.stage.platform.start()
        else:
            self.stage.platform.restart()

    def cut_database(self) -> None:
        """End all sessions of the provisioning database but the walk's own, as a restart of it does."""
        ours = [self.owner.info.backend_pid, self.stage.db.info.backend_pid]
        self.cut_off += self.workers
        self.owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> ALL(%s)",
            (ours,),
        )

    def archive(self) -> None:
        """Let all that is closed be of a month long over, and move that month to the archive.

        It may wait for what a frozen worker has locked, and nobody else wakes that one meanwhile.
        """
        with ThreadPoolExecutor(1) as archivist:
            moving = archivist.submit(self.move_a_month)
            while wait([moving], timeout=FROZEN_SECONDS).not_done:
                self.wake()
            moving.result()

    def move_a_month(self) -> None:
        self.months += 1
        month = Month(first_day=date(2015 + self.months // 12, self.months % 12 + 1, 1))
        self.owner.execute(
            f"CREATE TABLE request_log_{month.suffix} PARTITION OF request_log"
            f" FOR VALUES FROM ('{month.begins_at}') TO ('{month.ends_at}')"
        )
        self.owner.execute(f"ALTER TABLE request_log_{month.suffix} OWNER TO archivist")
        self.owner.execute("UPDATE request_log SET closed_at = %s", (month.begins_at,))
        dsn = self.server.dsn(self.owner.info.dbname, "archivist")
        move_month.run(ArchiveConnection(dsn=dsn), str(month), Run(run_id="walk", requested_by="tester"))

    # -- after each step, and at the end ----------------------------------------------------------

    def check(self) -> None:
        """Hold the ledger against the log."""
        dsn = self.server.admin_dsn(self.owner.info.dbname)
        # What a frozen worker has asked stays unanswered while another one goes on: until it has ended.
        shaken = any(worker in self.shaken for worker in self.workers)
        seen = invariants.check(self.stage, dsn, alone_after=sys.maxsize if shaken else self.alone_after)
        if shaken:
            self.alone_after = seen

    def see_ends(self) -> None:
        """Let go of workers that ended; an end that the product does not list is a broken promise."""
        for worker in [one for one in self.workers if not one.works()]:
            self.workers.remove(worker)
            if worker in self.frozen:
                self.frozen.remove(worker)
            if worker.exit_code not in ENDS and (worker.exit_code != CUT_OFF or worker not in self.cut_off):
                raise invariants.Broken(f"a worker ended with {worker.exit_code}: {self.nursery.said()}")

    def come_home(self) -> None:
        """End all trouble and let two nights pass: then Tucano has what the CRM wants."""
        self.trail.append("home")
        for worker in self.frozen:
            worker.wake()
        self.stage.platform.clear_faults()
        for worker in self.workers:
            worker.wait()
        self.see_ends()
        # What the dead held is free half a minute later.
        self.stage.rows("UPDATE claim SET until = now() RETURNING account")
        self.life.mend()
        for _ in range(2):
            self.stage.run()
        self.check()
        left = self.stage.rows(
            "SELECT p.*, r.request_number, r.command, r.parameters, r.state, r.sent_at, r.last_failure"
            " FROM open_plan p LEFT JOIN open_request r USING (account)"
        )
        if left:
            last = self.stage.rows(
                "SELECT * FROM batch_item WHERE account = %s ORDER BY batch_id", left[0][0]
            )
            raise invariants.Broken(f"open after two quiet nights: {left}; {last[-3:]}")
        for number in self.life.numbers:
            wanted, held = self.life.wanted(number), self.stage.holds(number)
            if wanted != held or self.stage.known(number) != held:
                raise invariants.Broken(f"{number}: wanted {wanted}, Tucano has {held}")
