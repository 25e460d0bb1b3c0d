"""What detection is fast by: the planner knows the newest landing, and fingerprints are read from indexes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from provisioner.adapters.connections import Connections
from provisioner.adapters.tucano import Endpoint
from provisioner.steps import extract, load_provider, reset_run


@pytest.fixture
def landed_twice(
    crm_db: str, provisioning_db: str, dsn_as: Callable[[str, str], str]
) -> Iterator[tuple[psycopg.Connection, int]]:
    """The provisioning database after two extracts, as its owner; and the batch of the second."""
    connections = Connections(
        provisioning_dsn=provisioning_db,
        crm_dsn=dsn_as(crm_db, "crm_reader"),
        tucano=Endpoint(url="http://127.0.0.1:1", user="-", password="-"),
    )
    batch_id = 0
    for run_id in ("first", "second"):
        run = reset_run.Run(run_id=run_id, requested_by="tester")
        batch_id = reset_run.open_batch_of_run(connections, run, {})
        load_provider.run(connections, batch_id)
        extract.run(connections, batch_id)
    with psycopg.connect(dsn_as(provisioning_db, "provisioning_owner"), autocommit=True) as db:
        yield db, batch_id


def test_the_planner_knows_the_batch_of_the_newest_landing(landed_twice):
    db, batch_id = landed_twice

    assert db.execute(
        "SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'desired_state' AND attname = 'batch_id'"
    ).fetchone() == (f"{{{batch_id}}}",), "without statistics of its own it takes a new batch for empty"


def test_a_landing_may_be_read_from_its_index_alone(landed_twice):
    db, _ = landed_twice
    (pages, visible) = db.execute(
        "SELECT relpages, relallvisible FROM pg_class WHERE relname = 'desired_state'"
    ).fetchone()

    assert pages > 0
    # The pages of accounts with several subscriptions were written again when those were merged.
    assert visible >= pages - 2
