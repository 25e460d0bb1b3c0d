"""What is at work while a task of the archive is killed: the process it is, a writer, and a watcher who counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg

from provisioner.core.model import AccountId, ActivateOptions, DistributorCode, OptionCode
from tests.integration.old_requests import OLD, OldRequests

JANUARY = OLD[0]


@dataclass(kw_only=True)
class Worker:
    """The process whose forks are the tasks."""

    process: subprocess.Popen[str]

    def begin(self, old: OldRequests, step: str, **environment: str) -> int:
        """Start a step; return its process number."""
        given = {
            "dsn": old.archive.dsn,
            "folder": str(old.archive.folder),
            "step": step,
            "month": "2026-01",
            "subscription_number": "S0000000001",
            "environment": environment,
        }
        assert self.process.stdin
        self.process.stdin.write(json.dumps(given) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end_at(self, old: OldRequests, step: str, failpoint: str) -> int:
        """Do a step in a process that a failpoint kills; return its exit code."""
        self.begin(old, step, PROVISIONING_FAILPOINT=failpoint)
        return self.answer()

    def answer(self) -> int:
        """Read a process number, or when it has ended, its exit code."""
        assert self.process.stdout
        return int(self.process.stdout.readline())


@contextmanager
def a_worker() -> Iterator[Worker]:
    """Start the process whose forks are the tasks."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(["plugins", "."])}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.archive_worker"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield Worker(process=process)
        assert process.stdin
        process.stdin.close()


# In one statement and so in one snapshot. A month is whole in one tier, or deleted with its checkpoints left.
LOOK = """
SELECT count(*) FILTER (WHERE old), count(DISTINCT log_number) FILTER (WHERE old),
       count(DISTINCT tier) FILTER (WHERE old OR checkpoint), count(*) FILTER (WHERE checkpoint),
       count(*) FILTER (WHERE account LIKE 'WRITER%%'),
       count(DISTINCT log_number) FILTER (WHERE account LIKE 'WRITER%%')
FROM (SELECT r.account, r.log_number, r.tier, r.command <> 'CHECKPOINT' AND r.closed_at < %(ends)s AS old,
             r.command = 'CHECKPOINT' AS checkpoint
      FROM (SELECT account, log_number, command, closed_at, 'hot' AS tier FROM request_log
            UNION ALL SELECT account, log_number, command, closed_at, 'cold' FROM request_archive) AS r) AS told
"""


@dataclass(kw_only=True)
class Company:
    """A writer who closes requests as fast as he can, and a watcher who counts them."""

    old: OldRequests
    requests: int
    written: int = 0
    looks: int = 0
    wrong: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def write(self) -> None:
        """Close requests of accounts of the writer's own until told to stop."""
        while not self.stop.is_set():
            account = f"WRITER{self.written % 5}"
            on = ActivateOptions(
                account=AccountId(account), distributor=DistributorCode("VP1"), options=(OptionCode("NEWS"),)
            )
            with self.old.db.transaction():
                self.old.close(account, on, datetime.now(UTC))
            self.written += 1
            time.sleep(0.005)

    def watch(self) -> None:
        """Count in one snapshot after another; as the owner, since both tiers must be seen apart."""
        with psycopg.connect(
            self.old.owner.info.dsn, password=self.old.owner.info.password, autocommit=True
        ) as db:
            while not self.stop.is_set():
                at_least = self.written
                found = db.execute(LOOK, {"ends": JANUARY.ends_at}).fetchone()
                assert found
                old, distinct, tiers, checkpoints, new, new_distinct = found
                here = old == distinct == self.requests and not checkpoints
                deleted = old == 0 < checkpoints
                if not ((here or deleted) and tiers == 1 and new == new_distinct >= at_least):
                    self.wrong.append(f"{found}, written {at_least}")
                self.looks += 1
                time.sleep(0.03)


@contextmanager
def in_company(old: OldRequests, requests: int) -> Iterator[Company]:
    """Let both work beside what is done within; *requests* of January must be in one place at each moment."""
    company = Company(old=old, requests=requests)
    threads = [threading.Thread(target=company.write), threading.Thread(target=company.watch)]
    for thread in threads:
        thread.start()
    try:
        yield company
    finally:
        looks, deadline = company.looks, time.monotonic() + 30
        while company.looks < looks + 2 and time.monotonic() < deadline and not company.wrong:
            time.sleep(0.01)  # at least one look after the end
        company.stop.set()
        for thread in threads:
            thread.join(timeout=60)
    assert company.wrong == []
    assert company.looks > 1 and company.written > 1
    (closed,) = old.rows("SELECT count(*) FROM logged_request WHERE account LIKE 'WRITER%'")
    assert closed == (company.written,)
