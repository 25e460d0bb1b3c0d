"""Between two sessions of a lane nothing is held by nobody: not after its end, not after its connections broke."""

from __future__ import annotations

import threading
from datetime import timedelta

import psycopg
import pytest

from demo.launcher.administration import Postgres
from provisioner.core import policy
from provisioner.steps import dispatch, prepare
from tests.integration.lane_at_work import eventually, is_done, running
from tests.integration.stage import Stage


def test_what_it_was_just_taking_at_its_end_is_free_at_once(stage: Stage) -> None:
    with running(stage) as lane, psycopg.connect(stage.connections.provisioning_dsn) as sitting:
        eventually(is_done(stage, stage.subscriber("GEOLOGICAL")), "it works")
        # It may lease an action, and not yet open the batch of it.
        sitting.execute("LOCK TABLE batch IN SHARE MODE")
        stage.subscriber("GEOLOGICAL")
        waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'batch'::regclass"
        eventually(lambda: stage.rows(waits) != [], "it was taking the action")
        ending = threading.Thread(target=lane.end)
        ending.start()
        ended = "SELECT 1 FROM real_time_lane WHERE ended_at IS NOT NULL"
        eventually(lambda: stage.rows(ended) != [], "it said that it ends")
        sitting.rollback()
        ending.join()

    assert stage.rows(
        "SELECT state, due_at <= clock_timestamp() FROM action_inbox WHERE state = 'WAITING'"
    ) == [("WAITING", True)]
    assert stage.rows("SELECT 1 FROM batch WHERE cause = 'REAL_TIME' AND closed_at IS NULL") == []


def test_claims_of_a_session_whose_connections_broke_are_free_when_their_lease_ends(
    stage: Stage, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Seconds instead of half a minute.
    monkeypatch.setattr(policy, "CLAIM_SECONDS", 6.0)
    monkeypatch.setattr(policy, "CLAIM_RENEWAL_SECONDS", 1.0)
    monkeypatch.setattr(policy, "CLAIM_MARGIN_SECONDS", 1.0)
    for module in (dispatch, prepare):
        monkeypatch.setattr(module, "LEASE", timedelta(seconds=6))
    stage.platform.set_faults({"kind": "slow", "delay_ms": 1500})
    with running(stage):
        number = stage.subscriber("GEOLOGICAL")
        eventually(lambda: stage.ledger(number) != [], "it was being sent")
        with psycopg.connect(postgres.admin_dsn(stage.db.info.dbname), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND usename = 'provisioner' AND pid <> %s",
                (stage.db.info.backend_pid,),
            )
        stage.platform.clear_faults()
        stage.rows(
            "UPDATE action_inbox SET due_at = clock_timestamp() WHERE state = 'WAITING' "
            "RETURNING transaction_reference"
        )
        eventually(is_done(stage, number), "the same lane finished it")

    applied = [entry["command"] for entry in stage.ledger(number) if entry["applied"]]
    assert applied == ["CREATE_ACCOUNT", "ADD_MATERIAL", "ACTIVATE_OPTIONS"]
