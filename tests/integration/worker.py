"""One door's work in a process of its own, for tests that kill, freeze and mislead it: told by its environment.

WORK names what is done: 'run' (a whole reset run), 'dispatch' (one chunk of a batch), 'single' (one subscription),
'lane' (the real-time lane, for LANE_SECONDS), 'release' (what was SHOWN, with its sending), 'import' (a file into
known state), 'rebuild' (known state from the log).
CLOCK_JUMPS sets this process's wall clock wrong, in seconds: '0,-3600' is right at its first look and an hour slow
at the next, and so on in turn. CLAIM is the lease of claims, its renewal and its margin, in
seconds ('6,2,2'). PATIENCE is how long an answer is waited for, and the first and
longest back-off. FAILPOINTS_PASSED is a file to be told of failpoints. Nothing of the product is
imported before that.
"""

from __future__ import annotations

import datetime
import itertools
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.adapters.connections import Connections

Environment = Mapping[str, str]


def main(environment: Environment = os.environ) -> None:
    """Do what *environment* says; what goes wrong is raised."""
    if environment.get("CLOCK_JUMPS"):
        mislead([float(one) for one in environment["CLOCK_JUMPS"].split(",")])
    if environment.get("PATIENCE"):
        hasten(*map(float, environment["PATIENCE"].split(",")))
    if environment.get("CLAIM"):
        shorten(*map(float, environment["CLAIM"].split(",")))
    if environment.get("FAILPOINTS_PASSED"):
        tell_failpoints(Path(environment["FAILPOINTS_PASSED"]))
    WORKS[environment["WORK"]](connections_of(environment), environment)


def mislead(jumps: list[float]) -> None:
    """Let every look at the wall clock be wrong by the next of *jumps*."""
    turns = itertools.cycle(jumps)
    right = time.time

    class Misled(datetime.datetime):
        """The time of a host whose clock jumps."""

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Misled:
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls) -> Misled:
            return cls.now(datetime.UTC).replace(tzinfo=None)

    time.time = lambda: right() + next(turns)
    datetime.datetime = Misled  # type: ignore[misc]


def shorten(claim: float, renewal: float, margin: float) -> None:
    """Give claims another lease, in seconds, so that no test has to wait for half a minute."""
    from provisioner.core import policy

    policy.CLAIM_SECONDS = policy.ACTION_LEASE_SECONDS = claim  # type: ignore[misc]
    policy.CLAIM_RENEWAL_SECONDS = renewal  # type: ignore[misc]
    policy.CLAIM_MARGIN_SECONDS = margin  # type: ignore[misc]


def hasten(answer: float, first: float, longest: float) -> None:
    """Wait for an answer so many seconds, and back off between those, so that no test waits for half a minute."""
    from provisioner.core import policy

    policy.ANSWER_SECONDS = answer  # type: ignore[misc]
    policy.BACK_OFF_FIRST_SECONDS = first  # type: ignore[misc]
    policy.BACK_OFF_LONGEST_SECONDS = longest  # type: ignore[misc]


def tell_failpoints(file: Path) -> None:
    """Write the name of each failpoint to *file* as it is passed."""
    from provisioner import failpoint

    def told(name: str) -> None:
        with file.open("a", encoding="utf-8") as passed:
            passed.write(f"{name}\n")

    failpoint.failpoint = told


def connections_of(environment: Environment) -> Connections:
    """Return where everything is."""
    from provisioner.adapters.connections import Connections
    from provisioner.adapters.tucano import Endpoint

    return Connections(
        provisioning_dsn=environment["PROVISIONING_DSN"],
        crm_dsn=environment["CRM_DSN"],
        tucano=Endpoint(
            url=environment["TUCANO_URL"],
            user=environment["TUCANO_USER"],
            password=environment["TUCANO_PASSWORD"],
        ),
    )


def run(connections: Connections, environment: Environment) -> None:
    """Do a whole reset run."""
    from provisioner.steps import reset_run

    asked = reset_run.Run(run_id=environment["RUN_ID"], requested_by="tester")
    reset_run.run_all(connections, asked, provider_file=Path(environment["PROVIDER_FILE"]))


def dispatch(connections: Connections, environment: Environment) -> None:
    """Send one chunk of a batch that is planned."""
    from provisioner.steps import dispatch

    dispatch.run(connections, int(environment["BATCH_ID"]), int(environment["CHUNK"]))


def single(connections: Connections, environment: Environment) -> None:
    """Reset one subscription."""
    from provisioner.steps import reset_run, reset_subscription

    asked = reset_run.Run(run_id=environment["RUN_ID"], requested_by="tester")
    found = reset_subscription.look(
        connections,
        asked,
        {"subscription_number": environment["SUBSCRIPTION"]},
        provider_file=Path(environment["PROVIDER_FILE"]),
    )
    reset_subscription.send(connections, found.batch_id)


def lane(connections: Connections, environment: Environment) -> None:
    """Let the real-time lane work for a while."""
    from provisioner.steps import real_time

    real_time.run(
        connections,
        environment["RUN_ID"],
        lasts_seconds=float(environment["LANE_SECONDS"]),
        provider_file=Path(environment["PROVIDER_FILE"]),
    )


def release(connections: Connections, environment: Environment) -> None:
    """Release what was shown, as a person's yes does."""
    import json

    from provisioner.steps import dispatch, release_removals, reset_run

    asked = reset_run.Run(run_id=environment["RUN_ID"], requested_by="tester")
    released = release_removals.release(
        connections,
        asked,
        json.loads(environment["SHOWN"]),
        decided_by="nora",
        provider_file=Path(environment["PROVIDER_FILE"]),
    )
    for chunk in release_removals.chunks_of(connections, released["batch_id"]):
        dispatch.run(connections, released["batch_id"], chunk.chunk_number)


def import_file(connections: Connections, environment: Environment) -> None:
    """Import a file into known state."""
    from provisioner.steps import import_known_state, reset_run

    asked = reset_run.Run(run_id=environment["RUN_ID"], requested_by="tester")
    folder, name = Path(environment["IMPORT_FOLDER"]), environment["IMPORT_FILE"]
    import_known_state.run(connections, asked, folder, {"file": name})


def rebuild(connections: Connections, environment: Environment) -> None:
    """Rebuild known state from the log where they differ."""
    from provisioner.steps import reset_run, verify_known_state

    asked = reset_run.Run(run_id=environment["RUN_ID"], requested_by="tester")
    verify_known_state.run(connections, asked, {"rebuild": True})


WORKS: dict[str, Callable[[Connections, Environment], None]] = {
    "run": run,
    "dispatch": dispatch,
    "single": single,
    "lane": lane,
    "release": release,
    "import": import_file,
    "rebuild": rebuild,
}


if __name__ == "__main__":
    main()
