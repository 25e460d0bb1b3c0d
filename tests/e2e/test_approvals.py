"""What waits for a person in a running Airflow: shown, answered once, recorded whatever the answer; silence is a no."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from demo.launcher.rest import AirflowClient, RestError
from provisioner.adapters import batches
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.core.retention import parse_month
from provisioner.steps import load_provider, move_month
from provisioner.steps.guard import hash_of
from provisioner.steps.reset_run import Run
from tests.e2e.conftest import RUN_SECONDS, StartedStack

RELEASE, EXPORT = "tucano_release_removals", "tucano_export_requests"
MONTH = "2026-01"
HELD = ["option VP1:GEOLOGICAL"]


@dataclass(kw_only=True)
class Desk:
    """A person at Airflow's Required Actions, and the database in which answers are kept."""

    stack: StartedStack
    db: psycopg.Connection[Any]

    @property
    def client(self) -> AirflowClient:
        """The person's session."""
        return self.stack.client

    @property
    def person(self) -> str:
        """Who answers."""
        return self.stack.environment.airflow_user

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what a statement finds."""
        return self.db.execute(statement.encode(), values or None).fetchall()

    def asked(self, dag: str, run: str, task: str) -> dict[str, Any]:
        """Wait until *run* asks and its task is at rest, and return what is shown.

        The question can be read a moment before the task waits, and the scheduler learns a moment later that it does.
        An answer in between is lost or fails the task, which then asks again; no person is so fast.
        """
        log = self.stack.runtime.folder / "airflow-scheduler.log"
        at_rest = f"task_id='{task}', run_id='{run}'"
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline and self.client.state(dag, run) != "failed":
            states = {one["task_id"]: one["state"] for one in self.client.task_instances(dag, run)}
            events = [line for line in log.read_text().splitlines() if "Received executor event" in line]
            if states.get(task) == "awaiting_input" and any(at_rest in line for line in events):
                return dict(self.client.call("GET", self.path(dag, run, task)))
            time.sleep(0.5)
        raise AssertionError(f"{run} of {dag} never asked: {self.client.task_instances(dag, run)}")

    def answer(self, dag: str, run: str, task: str, option: str) -> None:
        """Answer a required action."""
        body = {"chosen_options": [option], "params_input": {}}
        self.client.call("PATCH", self.path(dag, run, task), body)

    def let_the_time_run_out(self, run: str) -> None:
        """Move the moment until which Airflow waits for an answer into the past."""
        with psycopg.connect(self.stack.metadata_dsn) as db:
            moved = db.execute(
                "UPDATE task_instance SET trigger_timeout = now() - interval '1 second' "
                "WHERE run_id = %s AND state = 'awaiting_input'",
                (run,),
            )
        assert moved.rowcount == 1

    def states(self, dag: str, run: str) -> dict[str, str]:
        """Wait for the end of a run; return the state of the run and of each task."""
        ended = {"run": self.client.wait(dag, run, seconds=RUN_SECONDS)}
        return ended | {one["task_id"]: one["state"] for one in self.client.task_instances(dag, run)}

    def path(self, dag: str, run: str, task: str) -> str:
        return f"/api/v2/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}/-1/hitlDetails"


@pytest.fixture(scope="module")
def desk(stack: StartedStack, ended_run: str) -> Iterator[Desk]:
    """The desk, after a run by which Tucano serves somebody."""
    assert ended_run
    for dag in (RELEASE, EXPORT):
        stack.client.wait_for_dag(dag)
    with psycopg.connect(make_conninfo(stack.metadata_dsn, dbname="provisioning"), autocommit=True) as db:
        yield Desk(stack=stack, db=db)


def held_batch(desk: Desk) -> int:
    """Make a batch that holds a removal from an account that Tucano serves, as the guard leaves one behind."""
    environment = desk.stack.environment
    connections = Connections(
        provisioning_dsn=environment.provisioning_dsn,
        crm_dsn=environment.crm_dsn,
        tucano=Endpoint(url=environment.tucano_url, user="", password=""),
    )
    ((account,),) = desk.rows("SELECT min(account) FROM known_state WHERE options <> '{}'")
    with connections.provisioning() as db:
        (batch_id,) = db.execute(
            "INSERT INTO batch (cause, run_id, requested_by, landed_accounts, held_because) "
            "VALUES ('RESET_RUN', gen_random_uuid()::text, 'tester', 300, 'more than a night explains') "
            "RETURNING batch_id"
        ).fetchone() or (0,)
    load_provider.run(connections, batch_id)
    with connections.provisioning() as db:
        db.execute(
            "INSERT INTO batch_item (batch_id, account, subscription_numbers, removals, outcome, finished_at) "
            "VALUES (%s, %s, ARRAY[%s], %s, 'HELD', now())",
            (batch_id, account, account, HELD),
        )
        db.execute(
            "INSERT INTO held_removal (batch_id, account, removals) VALUES (%s, %s, %s)",
            (batch_id, account, HELD),
        )
        db.execute(
            "UPDATE batch SET held_hash = %s, stage = 'CLOSED', closed_at = now() WHERE batch_id = %s",
            (hash_of(batches.read_held(db, batch_id)), batch_id),
        )
    return int(batch_id)


def decision(desk: Desk, batch_id: int) -> list[tuple[Any, ...]]:
    return desk.rows("SELECT approved, decided_by FROM release_decision WHERE batch_id = %s", batch_id)


def test_what_is_held_is_shown_released_by_a_yes_and_answered_only_once(desk: Desk) -> None:
    batch_id = held_batch(desk)
    run = desk.client.trigger(RELEASE, {"batch_id": batch_id})

    shown = desk.asked(RELEASE, run, "ask")
    desk.answer(RELEASE, run, "ask", "Approve")
    with pytest.raises(RestError) as second:
        desk.answer(RELEASE, run, "ask", "Reject")
    ended = desk.states(RELEASE, run)

    assert f"Batch {batch_id} holds 1 of 300 accounts" in shown["body"]
    assert "more than a night explains" in shown["body"]
    assert shown["options"] == ["Approve", "Reject"]
    assert second.value.status == 409
    assert (ended["run"], ended["decide"], ended["dispatch"]) == ("success", "success", "success")
    assert decision(desk, batch_id) == [(True, desk.person)]
    assert desk.rows("SELECT released_by FROM held_removal WHERE batch_id = %s", batch_id) == [(desk.person,)]


def test_a_no_and_a_silence_are_recorded_and_nothing_is_released(desk: Desk) -> None:
    refused, silent = held_batch(desk), held_batch(desk)
    runs = {batch_id: desk.client.trigger(RELEASE, {"batch_id": batch_id}) for batch_id in (refused, silent)}
    for run in runs.values():
        desk.asked(RELEASE, run, "ask")

    desk.answer(RELEASE, runs[refused], "ask", "Reject")
    desk.let_the_time_run_out(runs[silent])
    ended = [desk.states(RELEASE, run) for run in runs.values()]

    assert [one["run"] for one in ended] == ["success", "success"]
    assert [(one["decide"], one["dispatch"], one["close"]) for one in ended] == [
        ("success", "skipped", "skipped")
    ] * 2
    assert decision(desk, refused) == [(False, desk.person)]
    assert decision(desk, silent) == [(False, "nobody in time")]
    assert desk.rows(
        "SELECT count(*) FROM held_removal WHERE released_at IS NOT NULL AND batch_id = ANY(%s)",
        [refused, silent],
    ) == [(0,)]


def test_a_yes_to_what_a_later_run_replaced_releases_nothing(desk: Desk) -> None:
    batch_id = held_batch(desk)
    run = desk.client.trigger(RELEASE, {"batch_id": batch_id})
    desk.asked(RELEASE, run, "ask")
    ((later,),) = desk.rows(
        "INSERT INTO batch (cause, run_id, requested_by, plan_hash) "
        "VALUES ('RESET_RUN', gen_random_uuid()::text, 'tester', repeat('0', 64)) RETURNING batch_id"
    )

    desk.answer(RELEASE, run, "ask", "Approve")
    ended = desk.states(RELEASE, run)

    desk.rows("UPDATE batch SET stage = 'CLOSED', closed_at = now() WHERE batch_id = %s RETURNING 1", later)
    assert (ended["run"], ended["decide"]) == ("failed", "failed")
    assert decision(desk, batch_id) == []


def test_an_archived_month_is_deleted_only_by_a_yes_and_who_answered_is_kept(desk: Desk) -> None:
    month = parse_month(MONTH)
    desk.db.execute(
        f"CREATE TABLE request_log_{month.suffix} PARTITION OF request_log "
        f"FOR VALUES FROM ('{month.begins_at}') TO ('{month.ends_at}')".encode()
    )
    desk.db.execute(f"ALTER TABLE request_log_{month.suffix} OWNER TO archivist".encode())
    # Refused requests teach nothing, so that what Tucano is known to have stays what other tests made it.
    desk.db.execute(
        "INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account, command, "
        "parameters, state, error_code, caused_by, planned_at, closed_at, attempts) "
        "SELECT -n, 'OLD-' || n, 1, 'OLD', 'OLD', 'CREATE_ACCOUNT', '{}', 'REJECTED', 'INVALID_REQUEST', 'test', "
        "'2026-01-15', '2026-01-15', 1 FROM generate_series(1, 30) AS n"
    )
    as_archivist = ArchiveConnection(dsn=make_conninfo(desk.stack.metadata_dsn, dbname="provisioning"))
    move_month.run(as_archivist, MONTH, Run(run_id="by hand", requested_by="tester"))

    def asked_and_answered(option: str) -> dict[str, str]:
        run = desk.client.trigger(EXPORT, {"month": MONTH})
        shown = desk.asked(EXPORT, run, "ask_to_delete")
        assert shown["body"].startswith(f"30 requests are in request_archive_{month.suffix}.1.parquet")
        desk.answer(EXPORT, run, "ask_to_delete", option)
        return desk.states(EXPORT, run)

    rows = "SELECT count(*) FROM request_archive WHERE account = 'OLD' AND command <> 'CHECKPOINT'"
    refused = asked_and_answered("Reject")
    kept = desk.rows(rows)
    approved = asked_and_answered("Approve")

    assert (refused["run"], refused["decide"], kept) == ("success", "success", [(30,)])
    assert (approved["run"], approved["decide"], desk.rows(rows)) == ("success", "success", [(0,)])
    assert desk.rows(
        "SELECT operation, reason FROM archive_manifest WHERE month = %s ORDER BY manifest_number",
        month.first_day,
    ) == [
        ("ARCHIVE", None),
        ("EXPORT", None),
        ("KEEP", f"deletion refused by {desk.person}"),
        ("DELETE", f"approved by {desk.person}"),
    ]
