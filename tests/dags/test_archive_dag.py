"""The archive's DAGs in a real Airflow on a real log: what is drawn runs, a failure stays put, a person decides.

Airflow is another process, since its environment must be set before it is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from demo.launcher.administration import Postgres
from demo.launcher.airflow import postgres_connection
from demo.launcher.databases import prepare_provisioning, prepare_roles
from demo.launcher.postgres import PostgresServer
from provisioner.adapters.archive_connection import ArchiveConnection
from tests.dags.running_airflow import ROOT, RunningAirflow, started
from tests.integration.old_requests import OLD, OldRequests


@dataclass(kw_only=True)
class ArchiveAirflow(RunningAirflow):
    """An Airflow, and the log that its DAGs work on."""

    log: OldRequests


@pytest.fixture(scope="module")
def airflow(runtime_folder: Path) -> Iterator[ArchiveAirflow]:
    """Airflow with SQLite as its own database, and a provisioning database with two old months."""
    home = runtime_folder / "airflow-home"
    with PostgresServer(runtime_folder / "dags-postgres", durable=False) as postgres:
        prepare_roles(postgres)
        prepare_provisioning(postgres, "provisioning")
        with (
            psycopg.connect(postgres.admin_dsn("provisioning"), autocommit=True) as owner,
            psycopg.connect(postgres.dsn("provisioning", "provisioner"), autocommit=True) as db,
        ):
            log = an_old_log(postgres, owner, db)
            environment = {
                "AIRFLOW_CONN_PROVISIONING_ARCHIVE_DB": postgres_connection(log.archive.dsn),
                "PROVISIONING_ARCHIVE_FOLDER": str(home / "archive"),
            }
            with started(home, environment) as running:
                yield ArchiveAirflow(process=running.process, known=running.known, log=log)


def an_old_log(
    postgres: Postgres, owner: psycopg.Connection[Any], db: psycopg.Connection[Any]
) -> OldRequests:
    owner.execute("INSERT INTO batch (cause, run_id, requested_by) VALUES ('RESET_RUN', 'night', 'tester')")
    log = OldRequests(
        owner=owner,
        db=db,
        archive=ArchiveConnection(dsn=postgres.dsn("provisioning", "archivist")),
        dsn_of=lambda role: postgres.dsn("provisioning", role),
        batch_id=1,
    )
    log.make_months(*OLD)
    log.fill(OLD)
    return log


def test_every_dag_of_the_archive_is_importable(airflow: ArchiveAirflow) -> None:
    ours = ("archive_requests", "export_requests", "forget_person", "import_requests")

    assert airflow.known["import_errors"] == {}
    assert {f"tucano_{one}" for one in ours} <= set(airflow.known["dags"])


def test_a_dry_run_shows_months_rows_and_bytes_and_moves_nothing(airflow: ArchiveAirflow) -> None:
    ran = airflow.run("tucano_archive_requests", before="2026-02-01T00:00:00Z", dry_run=True)

    shown = ran["results"]["choose_months"]
    assert ran["state"] == "success"
    assert [one["month"] for one in shown["months"]] == ["2026-01"]
    assert shown["rows"] > 20 and shown["months"][0]["bytes"] > 8192
    assert ran["tasks"]["move_month"] == ["skipped"]
    assert airflow.log.count("request_archive") == 0


def test_maintenance_and_retention_do_not_starve_each_other(airflow: ArchiveAirflow) -> None:
    log = airflow.log
    log.owner.execute("UPDATE known_state SET options = '{VP9:EXTRA}' WHERE account = 'S0000000002'")
    ((latest,),) = log.rows(
        "SELECT max(relname::text) FROM pg_class WHERE relname ~ '^request_log_\\d{4}_\\d\\d$'"
    )
    log.owner.execute(f"DROP TABLE {latest}")
    log.owner.execute(
        "INSERT INTO authentication_attempt (attempted_at, asked_by, identifier_kind, identifier_mark, outcome)"
        " SELECT now() - make_interval(days => days), 'portal', 'SUBSCRIPTION', sha256('x'), 'UNKNOWN_IDENTIFIER'"
        " FROM unnest(ARRAY[1, 89, 91, 400]) AS days"
    )

    ran = airflow.run("tucano_archive_requests", before="2026-02-01T00:00:00Z")

    assert ran["tasks"]["move_month"] == ["failed"]
    assert ran["results"]["make_partitions"] == [latest]
    assert ran["results"]["delete_attempts"] == 2
    assert log.count("authentication_attempt") == 2
    assert log.count("request_archive") == 0
    log.owner.execute("DELETE FROM known_state WHERE account = 'S0000000002'")
    log.owner.execute("DELETE FROM request_log WHERE account = 'S0000000002'")


def test_by_hand_with_a_time_the_month_moves_and_all_of_it_is_proved(airflow: ArchiveAirflow) -> None:
    ran = airflow.run("tucano_archive_requests", before="2026-02-01T00:00:00Z")

    assert (ran["state"], ran["tasks"]["move_month"]) == ("success", ["success"])
    assert ran["results"]["prove"]["things"] > 0
    assert airflow.log.rows(
        "SELECT month::text, tier, verified_at IS NOT NULL, run_id LIKE '%manual%' FROM archive_manifest"
    ) == [("2026-01-01", "cold", True, True)]


def test_attempts_that_cannot_be_deleted_hinder_nothing_else(airflow: ArchiveAirflow) -> None:
    by = "FUNCTION delete_attempts(timestamptz, boolean)"
    airflow.log.owner.execute(f"REVOKE EXECUTE ON {by} FROM archivist")

    ran = airflow.run("tucano_archive_requests", before="2026-02-01T00:00:00Z")

    airflow.log.owner.execute(f"GRANT EXECUTE ON {by} TO archivist")
    assert ran["tasks"]["delete_attempts"] == ["failed"]
    assert (ran["tasks"]["look_for_strays"], ran["tasks"]["prove"]) == (["success"], ["success"])


def test_a_person_is_forgotten_by_hand(airflow: ArchiveAirflow) -> None:
    ran = airflow.run("tucano_forget_person", subscription_number="S0000000000", reason="request 7")

    assert ran["state"] == "success"
    assert ran["results"]["forget"]["subscription_number"] == "S0000000000"


def test_a_hot_month_cannot_be_imported(airflow: ArchiveAirflow) -> None:
    ran = airflow.run("tucano_import_requests", month="2026-02")

    assert ran["tasks"] == {"bring_back": ["failed"]}


def test_deletion_waits_for_a_person_and_silence_is_a_refusal() -> None:
    """Read from the drawing; tests/e2e/test_approvals.py answers in a running Airflow."""
    import ast

    tree = ast.parse((ROOT / "dags" / "tucano_export_requests.py").read_text())
    (asking,) = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "HITLOperator"
    ]
    words = {one.arg: ast.unparse(one.value) for one in asking.keywords}

    assert words["options"] == "[wiring.APPROVE, wiring.REJECT]"
    assert words["defaults"] == "wiring.REJECT"
    assert words["response_timeout"] == "timedelta(days=3)"
    assert "decide(exported, ask_to_delete.output)" in ast.unparse(tree)
