"""Yesterday: the platform in step with the CRM, before the story begins."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from demo.launcher.stack import Stack, Tell
from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.steps import reset_run

SAY_SECONDS = 10.0


def provision(stack: Stack, tell: Tell) -> None:
    """Bring Tucano in step with the CRM by one reset run in this process, and tell how that gets on.

    Raises RunFailed if it did not do its work.
    """
    platform = stack.platform
    connections = Connections(
        provisioning_dsn=stack.provisioning_dsn,
        crm_dsn=stack.crm_reader_dsn,
        tucano=Endpoint(url=platform.url, user=platform.user, password=platform.password),
    )
    began = time.monotonic()
    with saying_how_far(stack.provisioning_dsn, tell):
        counts = reset_run.run_all(connections, reset_run.Run(run_id="yesterday", requested_by="demo"))
    sent, seconds = counts["requests_completed"], time.monotonic() - began
    tell(f"yesterday: {sent:,} requests brought Tucano in step with the CRM, in {seconds:.0f} s")


@contextmanager
def saying_how_far(dsn: str, tell: Tell) -> Iterator[None]:
    """Tell every ten seconds how many requests are closed, while the block runs."""
    ended = threading.Event()

    def watch() -> None:
        with psycopg.connect(dsn, autocommit=True) as db:
            while not ended.wait(SAY_SECONDS):
                (closed,) = db.execute("SELECT count(*) FROM request_log").fetchone() or (0,)
                tell(f"  yesterday: {closed:,} requests so far")

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
