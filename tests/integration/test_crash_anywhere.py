"""Killed at any point between two steps, for each of the five commands: the next run finishes the job.

The process dies by SIGKILL at a named failpoint. The platform's ledger then shows that nothing was lost, nothing was
sent without being logged before, what was sent again was the same number with the same bytes, and the end is right.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict

import pytest

from tests.integration.stage import Stage

# Seven requests, one after the other: a new subscriber's three, and a swap of a channel and of a box.
REQUESTS = 7
ONCE = (
    "extract.landed",
    "extract.committed",
    "plan.written",
    "plan.committed",
    "claim.committed",
    "requests.written",
    "requests.committed",
    "close.counted",
    "close.committed",
)
EACH_REQUEST = ("request.leaving", "request.answered", "outcome.written", "outcome.committed")
FAILPOINTS = [*ONCE, *(f"{name}:{number}" for name in EACH_REQUEST for number in range(1, REQUESTS + 1))]
# Where a request is sent twice and its key is all that a platform could know it by.
SENT_TWICE = [one for one in FAILPOINTS if one.startswith(("request.answered", "outcome.written"))]
CASES = [*((one, False) for one in FAILPOINTS), *((one, True) for one in SENT_TWICE)]


@pytest.fixture
def night(stage: Stage) -> tuple[str, str]:
    """A night with every command in it: (a new subscriber, one who swaps a channel and a box)."""
    stage.set(in_flight=1)
    swapper = stage.subscriber("GEOLOGICAL")
    stage.run()
    new = stage.subscriber("GEOLOGICAL")
    stage.act("SWAPSERVICE", swapper, **{"from": "GEOLOGICAL", "to": {"code": "RELIGION"}})
    box = {"serial_number": f"NEW-{swapper}", "type": "STB_HD", "distributor": "VP1"}
    stage.act("SWAP_INSTALLED_ITEM", swapper, pairs=[{"from": f"BOX-{swapper}", "to": box}])
    stage.forget_sent()
    return new, swapper


def die_at(stage: Stage, failpoint: str) -> int:
    """Run a night in a process that is killed at *failpoint*; return its exit code."""
    ours = stage.connections
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(["plugins", "."]),
        "PROVISIONING_FAILPOINT": failpoint,
        "PROVISIONING_DSN": ours.provisioning_dsn,
        "CRM_DSN": ours.crm_dsn,
        "TUCANO_URL": ours.tucano.url,
        "TUCANO_USER": ours.tucano.user,
        "TUCANO_PASSWORD": ours.tucano.password,
        "RUN_ID": stage.next_run().run_id,
        "PROVIDER_FILE": str(stage.write_provider()),
    }
    command = [sys.executable, "-m", "tests.integration.worker"]
    return subprocess.run(command, env=environment, timeout=120, check=False).returncode


def let_leases_end(stage: Stage) -> None:
    """Half a minute later: what the dead process had claimed is free."""
    stage.rows("UPDATE claim SET until = now() RETURNING account")


@pytest.mark.parametrize(("failpoint", "ignores_keys"), CASES)
def test_the_next_run_finishes_what_a_killed_one_began(
    stage: Stage, night: tuple[str, str], failpoint: str, *, ignores_keys: bool
) -> None:
    new, swapper = night
    if ignores_keys:
        stage.platform.set_faults({"kind": "ignore_keys"})

    assert die_at(stage, failpoint) == -signal.SIGKILL
    let_leases_end(stage)
    stage.run()

    assert stage.holds(new) == {"exists": True, "options": ["VP1:GEOLOGICAL"], "boxes": [f"VP1:BOX-{new}"]}
    assert stage.holds(swapper) == {
        "exists": True,
        "options": ["VP1:RELIGION"],
        "boxes": [f"VP1:NEW-{swapper}"],
    }
    assert [stage.known(account) for account in night] == [stage.holds(account) for account in night]
    entries = stage.ledger()
    bodies = defaultdict(set)
    for entry in entries:
        bodies[entry["request_number"]].add(entry["digest"])
    assert all(len(digests) == 1 for digests in bodies.values()), "sent again with other bytes"
    assert not any(entry["overlapping"] for entry in entries), "two requests of one account at once"
    logged = {number for (number,) in stage.rows("SELECT request_number FROM request_history")}
    assert set(bodies) <= logged, "sent without being logged"
    assert stage.rows("SELECT * FROM open_request") == []
    assert sum(1 for entry in entries if entry["applied"] and not entry["replayed"]) <= REQUESTS
