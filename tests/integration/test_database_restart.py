"""The provisioning database goes away while claims are held: sending ends, nothing is lost, the next run goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from demo.launcher.administration import Postgres
from demo.launcher.databases import prepare_crm, prepare_provisioning, prepare_roles
from demo.launcher.postgres import PostgresServer
from provisioner.core.errors import SourceError
from provisioner.steps import detect, extract
from tests.integration.conftest import unique
from tests.integration.nursery import Nursery
from tests.integration.stage import Stage, opened
from tests.simulator_process import SimulatorProcess

PLAN = ["CREATE_ACCOUNT", "ADD_MATERIAL", "ACTIVATE_OPTIONS"]
WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def server(runtime_folder: Path) -> Iterator[PostgresServer]:
    """A server that a test may take down. It writes to disk as one in production does."""
    with PostgresServer(runtime_folder / "restarted", shared_buffers="32MB") as running:
        prepare_roles(running)
        yield running


@pytest.fixture
def stage(server: PostgresServer, postgres: Postgres, bare_crm_template: str) -> Iterator[Stage]:
    """A stage whose provisioning database is on that server; the CRM stays where it is."""
    crm, provisioning = unique("crm"), unique("provisioning")
    prepare_crm(postgres, crm, bare_crm_template)
    prepare_provisioning(server, provisioning)
    with (
        SimulatorProcess() as platform,
        opened(server, crm, provisioning, platform, crm_server=postgres) as found,
    ):
        yield found
    postgres.drop_database(crm)


@pytest.mark.parametrize("how", ["restart", "crash"])
def test_a_night_whose_database_went_away_is_finished_by_the_next_one(
    stage: Stage, server: PostgresServer, nursery: Nursery, how: str
) -> None:
    stage.set(fan_out_limit=1, in_flight=2)
    numbers = [stage.subscriber("GEOLOGICAL") for _ in range(8)]
    stage.platform.set_faults({"kind": "slow", "delay_ms": 100}, {"kind": "ignore_keys"})
    worker = nursery.bear(stage.environment("run"))
    deadline = time.monotonic() + WAIT_SECONDS
    while len(stage.ledger()) < 7:
        assert time.monotonic() < deadline, nursery.said()
        time.sleep(0.01)

    if how == "crash":
        server.kill()
    else:
        server.stop()
    # With nobody to ask, what is on its way is answered, and nothing follows.
    ended = worker.wait()
    sent = [entry["request_number"] for entry in stage.ledger()]
    server.start()
    stage.db = psycopg.connect(stage.connections.provisioning_dsn, autocommit=True)

    assert ended in (1, 3), "it did not notice"
    logged = {number for (number,) in stage.rows("SELECT request_number FROM request_history")}
    assert set(sent) <= logged, "sent without being logged"
    assert len(sent) == len(set(sent)) < 3 * len(numbers)
    assert stage.rows("SELECT 1 FROM claim") != [], "a claim outlives the server, until its lease ends"
    stage.rows("UPDATE claim SET until = now() RETURNING account")
    stage.run()
    for number in numbers:
        entries = stage.ledger(number)
        assert [entry["command"] for entry in entries if entry["applied"]] == PLAN
        assert not any(entry["overlapping"] for entry in entries)
        assert [(command, state) for command, state, _ in stage.log(number)] == [
            (one, "COMPLETED") for one in PLAN
        ]
        assert stage.known(number) == stage.holds(number)
    assert stage.rows("SELECT 1 FROM open_request") == []
    stage.db.close()


def test_a_crash_that_emptied_the_landing_stops_the_night_before_it_compares(
    stage: Stage, server: PostgresServer
) -> None:
    number = stage.subscriber("GEOLOGICAL")
    stage.run()
    batch_id = stage.open()
    extract.run(stage.connections, batch_id)

    server.kill()
    server.start()

    # Compared with nothing, everybody would be gone.
    with pytest.raises(SourceError, match="trigger a new run"):
        detect.run(stage.connections, batch_id)
    stage.db = psycopg.connect(stage.connections.provisioning_dsn, autocommit=True)
    assert stage.holds(number)["options"] == ["VP1:GEOLOGICAL"]
    stage.db.close()
