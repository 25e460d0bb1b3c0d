"""Whatever goes wrong, at whatever step: a documented query shows a listed state with its reason, and the next run
finishes the job.

The causes are real: a connection to the database that is killed, a CRM that is not there, a provider file that cannot
be read, a platform that misbehaves, and an error that nobody thought of (a failpoint that raises).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from demo.launcher.administration import Postgres
from provisioner.core.errors import ProvisioningError
from provisioner.steps import reset_run, reset_subscription
from tests.integration.stage import Stage

ROOT = Path(__file__).parents[2]
BROKE_OFF = "a database broke off"
# The documented queries, as an operator finds them.
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def documented_query(question: str) -> str:
    """Return the query under *question* in docs/operations.md."""
    found = re.search(rf"-- {re.escape(question)}\n(.*?;)\n", OPERATIONS, re.DOTALL)
    assert found, f"docs/operations.md does not answer {question!r}"
    return found[1]


def listed_states() -> set[str]:
    """The states of the table in docs/operations.md."""
    section = OPERATIONS.split("## Every state there is")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def states(stage: Stage) -> dict[str, list[str]]:
    """What the documented query shows now: the reasons of each state."""
    found: dict[str, list[str]] = {}
    for state, _, reason in stage.rows(documented_query("What is not done, and why?").replace("%", "%%")):
        found.setdefault(state, []).append(reason or "")
    return found


def test_the_table_lists_what_the_query_can_show_and_nothing_else() -> None:
    query = documented_query("What is not done, and why?")
    named = set(re.findall(r"'([A-Z_]{4,})'", query)) - {"RESET_RUN", "UNKNOWN"}

    assert named == listed_states()


@contextmanager
def killing_the_connection(stage: Stage, postgres: Postgres, event: str) -> Iterator[None]:
    """End our own backend in the middle of a transaction, as an administrator or a fail-over does, at *event*."""
    name = str(conninfo_to_dict(stage.connections.provisioning_dsn)["dbname"])
    table = event.partition(" ON ")[2].partition(" ")[0]
    with psycopg.connect(postgres.admin_dsn(name), autocommit=True) as owner:
        owner.execute(
            "CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); RETURN NEW; END $$"
        )
        owner.execute(f"CREATE TRIGGER dies BEFORE {event} EXECUTE FUNCTION die()".encode())
        try:
            yield
        finally:
            owner.execute(f"DROP TRIGGER dies ON {table}".encode())


def to_stage(name: str) -> str:
    return f"UPDATE ON batch FOR EACH ROW WHEN (NEW.stage = '{name}')"


# What is hit, and the states of which the query must show at least one, with the reason.
KILLS = {
    "load": (to_stage("PROVIDER_LOADED"), {"RUN_FAILED": f"after OPENED: .*{BROKE_OFF}"}),
    "extract": (to_stage("EXTRACTED"), {"RUN_FAILED": f"after PROVIDER_LOADED: .*{BROKE_OFF}"}),
    "prove": (to_stage("PROVED"), {"RUN_FAILED": f"after EXTRACTED: .*{BROKE_OFF}"}),
    "detect": (to_stage("DETECTED"), {"RUN_FAILED": f"after PROVED: .*{BROKE_OFF}"}),
    "plan": (to_stage("PLANNED"), {"RUN_FAILED": f"after DETECTED: .*{BROKE_OFF}"}),
    "guard": (to_stage("GUARDED"), {"RUN_FAILED": f"after PLANNED: .*{BROKE_OFF}"}),
    "dispatch, the claim": ("INSERT ON claim FOR EACH ROW", {"RUN_FAILED": BROKE_OFF, "NOT_FINISHED": ""}),
    "dispatch, the plan": (
        "INSERT ON open_request FOR EACH ROW",
        {"RUN_FAILED": BROKE_OFF, "NOT_FINISHED": ""},
    ),
    "dispatch, the outcome": (
        "DELETE ON open_request FOR EACH ROW",
        {"RUN_FAILED": BROKE_OFF, "SENT_NO_ANSWER_YET": "", "NOT_FINISHED": ""},
    ),
    "close": (to_stage("CLOSED"), {"RUN_NOT_CLOSED": "stopped after GUARDED"}),
}


def half_a_minute_later(stage: Stage) -> None:
    """Let the claims of a dead worker have run out."""
    stage.db.execute("UPDATE claim SET until = clock_timestamp() - interval '1 second'")


def assert_shown(stage: Stage, expected: dict[str, str]) -> None:
    shown = states(stage)
    assert shown.keys() <= listed_states(), "a state that docs/operations.md does not list"
    for state, reason in expected.items():
        assert any(re.search(reason, each) for each in shown.get(state, [])), (state, reason, shown)


def assert_the_next_run_finishes(stage: Stage, number: str) -> None:
    half_a_minute_later(stage)
    stage.run()
    assert stage.holds(number)["options"] == ["VP1:NEWS"]
    assert stage.known(number) == stage.holds(number)
    applied = [entry["request_number"] for entry in stage.ledger(number) if entry["applied"]]
    assert len(applied) == len(set(applied)) == 2, "done twice, or not at all"
    assert states(stage) == {}, "something is left that a person has to look at"


@pytest.fixture
def stage(empty_stage: Stage) -> Stage:
    """Everything that the query shows is this test's own."""
    return empty_stage


@pytest.mark.parametrize("step", KILLS)
def test_a_killed_connection_is_shown_and_mended_by_the_next_run(
    stage: Stage, postgres: Postgres, step: str
) -> None:
    number = stage.subscriber("NEWS", boxes={})
    event, expected = KILLS[step]

    with (
        killing_the_connection(stage, postgres, event),
        pytest.raises((ProvisioningError, psycopg.OperationalError)),
    ):
        stage.run()

    assert_shown(stage, expected)
    assert_the_next_run_finishes(stage, number)


def test_a_run_that_cannot_even_open_its_batch_leaves_nothing_behind(
    stage: Stage, postgres: Postgres
) -> None:
    number = stage.subscriber("NEWS", boxes={})

    with (
        killing_the_connection(stage, postgres, "INSERT ON batch FOR EACH ROW"),
        pytest.raises(psycopg.OperationalError),
    ):
        stage.run()

    assert stage.rows("SELECT count(*) FROM batch") == [(0,)]
    assert states(stage) == {}
    assert_the_next_run_finishes(stage, number)


def without_a_crm(stage: Stage) -> None:
    stage.connections = replace(stage.connections, crm_dsn="host=127.0.0.1 port=1 user=nobody dbname=none")


def without_a_provider_file(stage: Stage) -> None:
    stage.provider_file = stage.provider_file.parent


def with_a_bad_provider_file(stage: Stage) -> None:
    stage.provider["settings"]["in_flight"] = "many"


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something of ours that is wrong: how it comes, and what the query shows of it."""

    begin: Callable[[Stage], None]
    shown: dict[str, str]


TROUBLES = {
    "no CRM": Trouble(begin=without_a_crm, shown={"RUN_FAILED": "is the CRM's database up"}),
    "a bad provider file": Trouble(begin=with_a_bad_provider_file, shown={"RUN_FAILED": "in_flight"}),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_set_up_wrong_is_shown_and_mended(stage: Stage, trouble: str) -> None:
    number = stage.subscriber("NEWS", boxes={})
    before = stage.connections
    TROUBLES[trouble].begin(stage)

    with pytest.raises(ProvisioningError):
        stage.run()

    assert_shown(stage, TROUBLES[trouble].shown)
    stage.connections = before
    stage.begin()
    assert_the_next_run_finishes(stage, number)


def test_a_provider_file_that_cannot_be_read_is_shown(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})

    with pytest.raises(ProvisioningError):
        reset_run.run_all(stage.connections, stage.next_run(), {}, provider_file=stage.provider_file.parent)

    assert_shown(stage, {"RUN_FAILED": "the provider file .* cannot be read"})
    assert_the_next_run_finishes(stage, number)


ACTIVATE = {"commands": ["ACTIVATE_OPTIONS"]}
FAULTS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "refuse": ({"kind": "refuse"}, {"RUN_FAILED": "cannot be reached", "NEVER_LEFT": "never left"}),
    "unauthorised": (
        {"kind": "unauthorised"},
        {"RUN_FAILED": "connection 'tucano'", "NEVER_LEFT": "HTTP 401: nothing was applied"},
    ),
    "silence": (
        {"kind": "status", "status": 500, **ACTIVATE},
        {"PARKED": "no answer to PR-", "IN_DOUBT": "HTTP 500"},
    ),
    "refusal": (
        {"kind": "reject", **ACTIVATE},
        {"REJECTED": "ACTIVATE_OPTIONS PR-[0-9]+: INVALID_REQUEST"},
    ),
    "a long pause": (
        {"kind": "status", "status": 429, "retry_after": 600, **ACTIVATE},
        {"RUN_FAILED": "asks to wait 600 s", "NEVER_LEFT": "sending stopped"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_platform_does_is_shown_and_mended(stage: Stage, fault: str) -> None:
    number = stage.subscriber("NEWS", boxes={})
    stage.set(unknown_attempts=1)
    asked, expected = FAULTS[fault]
    stage.platform.set_faults(asked)

    try:
        stage.run()
    except ProvisioningError:
        assert "RUN_FAILED" in expected
    else:
        assert "RUN_FAILED" not in expected

    assert_shown(stage, expected)
    stage.platform.clear_faults()
    stage.db.execute("UPDATE sending_rate SET next_at = clock_timestamp()")
    assert_the_next_run_finishes(stage, number)


FAILPOINTS = (
    *("extract.landed", "plan.written", "claim.committed", "requests.written", "requests.committed"),
    *("request.leaving:2", "request.answered:2", "outcome.written:2", "outcome.committed:2", "close.counted"),
)


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_an_error_that_nobody_thought_of_is_shown_and_mended(stage: Stage, failpoint: str) -> None:
    number = stage.subscriber("NEWS", boxes={})

    assert run_raising_at(stage, failpoint) != 0

    if failpoint == "close.counted":
        assert_shown(stage, {"RUN_NOT_CLOSED": "stopped after GUARDED"})
    else:
        assert_shown(stage, {"RUN_FAILED": "FailpointReached: look at the log of the task"})
    assert_the_next_run_finishes(stage, number)


def run_raising_at(stage: Stage, failpoint: str) -> int:
    """Run a night in a process that meets an error at *failpoint*; return its exit code."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(["plugins", "."]),
        "PROVISIONING_FAILPOINT": f"{failpoint}!",
    } | stage.environment("run")
    command = [sys.executable, "-m", "tests.integration.worker"]
    return subprocess.run(
        command, cwd=ROOT, env=environment, timeout=120, check=False, stderr=subprocess.DEVNULL
    ).returncode


# -- the door of one subscription -----------------------------------------------------------------

SINGLE = {
    "look": (to_stage("GUARDED"), {"REFUSED": BROKE_OFF}),
    "send": ("INSERT ON open_request FOR EACH ROW", {"RUN_FAILED": BROKE_OFF}),
    "outcome": ("DELETE ON open_request FOR EACH ROW", {"RUN_FAILED": BROKE_OFF, "SENT_NO_ANSWER_YET": ""}),
    "close": (to_stage("CLOSED"), {"RUN_NOT_CLOSED": "stopped after GUARDED"}),
}


def reset(stage: Stage, number: str) -> None:
    found = reset_subscription.look(
        stage.connections,
        stage.next_run(),
        {"subscription_number": number},
        provider_file=stage.write_provider(),
    )
    reset_subscription.send(stage.connections, found.batch_id)


@pytest.mark.parametrize("step", SINGLE)
def test_a_single_reset_that_breaks_off_is_shown_and_mended(
    stage: Stage, postgres: Postgres, step: str
) -> None:
    number = stage.subscriber("NEWS", boxes={})
    event, expected = SINGLE[step]

    with (
        killing_the_connection(stage, postgres, event),
        pytest.raises((ProvisioningError, psycopg.OperationalError)),
    ):
        reset(stage, number)

    assert_shown(stage, expected)
    half_a_minute_later(stage)
    reset(stage, number)
    assert_the_next_run_finishes(stage, number)


def test_a_single_reset_without_a_crm_is_shown(stage: Stage) -> None:
    number = stage.subscriber("NEWS", boxes={})
    before = stage.connections
    without_a_crm(stage)

    with pytest.raises(ProvisioningError):
        reset(stage, number)

    assert_shown(stage, {"REFUSED": "is the CRM's database up"})
    stage.connections = before
    reset(stage, number)
    assert stage.holds(number)["options"] == ["VP1:NEWS"]
