"""The nightly DAG in a real Airflow, on a real PostgreSQL, the demo CRM and the simulator: green, red, and as drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from demo.crm import install
from demo.launcher.airflow import http_connection, postgres_connection
from demo.launcher.databases import prepare_crm, prepare_provisioning, prepare_roles
from demo.launcher.postgres import PostgresServer
from tests.dags.running_airflow import RunningAirflow, started
from tests.integration.stage import Stage, opened
from tests.simulator_process import SimulatorProcess

SENTENCE = ("open_batch", "load_provider", "extract", "prove_extract", "detect", "plan", "guard")


@dataclass(kw_only=True)
class Nights(RunningAirflow):
    """An Airflow, and everything that its reset runs touch."""

    stage: Stage
    admin_dsn: str
    import_folder: Path

    def administrate(self, statement: str) -> None:
        """Run *statement* on the provisioning database as its administrator."""
        with psycopg.connect(self.admin_dsn) as db:
            db.execute(statement.encode())

    def night(self, **conf: Any) -> dict[str, Any]:
        """Run the nightly DAG to its end."""
        self.stage.forget_sent()
        return self.run("tucano_reset_run", **conf)

    def last_batch(self) -> tuple[Any, ...]:
        """The stage, the counts and the summary of the last batch."""
        return self.stage.rows("SELECT stage, counts, summary FROM batch ORDER BY batch_id DESC LIMIT 1")[0]


@pytest.fixture(scope="module")
def airflow(runtime_folder: Path) -> Iterator[Nights]:
    """Airflow with the three connections in its environment, as production gives them."""
    with (
        PostgresServer(runtime_folder / "nights-postgres", durable=False) as postgres,
        SimulatorProcess() as platform,
    ):
        prepare_roles(postgres)
        prepare_provisioning(postgres, "provisioning")
        prepare_crm(postgres, "crm")
        with psycopg.connect(postgres.dsn("crm", "crm_owner")) as db:
            install.create_tables(db)
            install.tie_up(db)
        with opened(postgres, "crm", "provisioning", platform) as stage:
            imports = runtime_folder / "imports"
            imports.mkdir()
            environment = {
                "PROVISIONING_IMPORT_FOLDER": str(imports),
                "AIRFLOW_CONN_PROVISIONING_DB": postgres_connection(stage.connections.provisioning_dsn),
                "AIRFLOW_CONN_CRM_DB": postgres_connection(stage.connections.crm_dsn, read_only=True),
                "AIRFLOW_CONN_TUCANO": http_connection(platform.url, platform.user, platform.password),
            }
            with started(runtime_folder / "nights-home", environment) as running:
                yield Nights(
                    process=running.process,
                    known=running.known,
                    stage=stage,
                    admin_dsn=postgres.admin_dsn("provisioning"),
                    import_folder=imports,
                )


def test_a_few_accounts_are_one_mapped_task_each_that_bears_the_subscription_number(airflow: Nights) -> None:
    numbers = [airflow.stage.subscriber("FLEX_A") for _ in range(3)]

    ran = airflow.night()

    assert ran["state"] == "success"
    assert ran["tasks"] == {task: ["success"] for task in (*SENTENCE, "close")} | {
        "dispatch": ["success"] * 3
    }
    assert sorted(ran["labels"]["dispatch"]) == numbers
    assert all(
        airflow.stage.holds(number)["options"] == ["VP1:ENTERTAIN", "VP1:GEOLOGICAL"] for number in numbers
    )


def test_many_accounts_are_chunks(airflow: Nights) -> None:
    for _ in range(41):  # one more than fan_out_limit
        airflow.stage.subscriber("NEWS", boxes={})

    ran = airflow.night()

    assert ran["labels"] == {"dispatch": ["chunk 0 (41 accounts)"]}
    assert ran["tasks"]["dispatch"] == ["success"]


def test_the_last_task_returns_the_counts_of_the_run(airflow: Nights) -> None:
    airflow.stage.subscriber("NEWS")

    ran = airflow.night()

    _, counts, _ = airflow.last_batch()
    assert ran["results"]["close"] == counts
    assert counts["requests_completed"] == len(airflow.stage.ledger()) == 3
    assert (counts["out_of_sync_before"], counts["out_of_sync_after"]) == (1, 0)


def test_a_night_without_anything_to_do_is_green(airflow: Nights) -> None:
    ran = airflow.night()

    assert (ran["state"], ran["tasks"]["dispatch"], ran["tasks"]["close"]) == (
        "success",
        ["skipped"],
        ["success"],
    )
    assert airflow.stage.ledger() == []


def test_a_dry_run_sends_nothing_and_is_green(airflow: Nights) -> None:
    number = airflow.stage.subscriber("NEWS", boxes={})

    ran = airflow.night(dry_run=True)

    assert (ran["state"], ran["tasks"]["dispatch"]) == ("success", ["skipped"])
    assert ran["results"]["close"]["out_of_sync_before"] == 1
    assert airflow.stage.sent(number) == []
    airflow.night()


def test_a_platform_that_is_down_makes_the_run_red_and_close_still_tells_it(airflow: Nights) -> None:
    number = airflow.stage.subscriber("NEWS", boxes={})
    airflow.stage.platform.set_faults({"kind": "refuse"})

    ran = airflow.night()
    airflow.stage.platform.clear_faults()

    assert (ran["state"], ran["tasks"]["dispatch"], ran["tasks"]["close"]) == (
        "failed",
        ["failed"],
        ["failed"],
    )
    stage, _, summary = airflow.last_batch()
    assert stage == "CLOSED"
    assert "FAILED: " in str(summary) and "Tucano cannot be reached" in str(summary)
    assert airflow.night()["state"] == "success"
    assert airflow.stage.holds(number)["options"] == ["VP1:NEWS"]


def test_a_step_that_fails_skips_the_sending_and_close_still_tells_it(airflow: Nights) -> None:
    number = airflow.stage.subscriber("NEWS", boxes={})
    airflow.administrate(
        "REVOKE TEMPORARY ON DATABASE provisioning FROM provisioner"
    )  # plans are copied through one

    ran = airflow.night()
    airflow.administrate("GRANT TEMPORARY ON DATABASE provisioning TO provisioner")

    assert (ran["state"], ran["tasks"]["plan"], ran["tasks"]["close"]) == ("failed", ["failed"], ["failed"])
    assert ran["tasks"]["guard"] == ran["tasks"]["dispatch"] == ["upstream_failed"]
    assert "FAILED: plan: InsufficientPrivilege" in str(airflow.last_batch()[2])
    assert airflow.stage.sent(number) == []


def test_contradicting_parameters_are_refused_before_a_batch_is_opened(airflow: Nights) -> None:
    before = airflow.stage.rows("SELECT count(*) FROM batch")

    ran = airflow.night(allow_removals=True)

    assert ran["tasks"]["open_batch"] == ["failed"]
    assert airflow.stage.rows("SELECT count(*) FROM batch") == before


def test_a_night_told_to_distrust_brings_back_what_a_restored_platform_lost(airflow: Nights) -> None:
    airflow.stage.platform.snapshot()
    ((since,),) = airflow.stage.rows("SELECT clock_timestamp()")
    number = airflow.stage.subscriber("NEWS")
    airflow.night()
    airflow.stage.platform.restore()
    assert airflow.stage.holds(number)["exists"] is False

    ran = airflow.night(distrust_since=since.isoformat())

    assert ran["state"] == "success"
    assert airflow.stage.holds(number)["options"] == ["VP1:NEWS"]
    assert "were distrusted since" in str(airflow.last_batch()[2])


def test_an_export_is_imported_and_known_state_is_verified_and_rebuilt(airflow: Nights) -> None:
    (airflow.import_folder / "export.csv").write_text("account,distributor,option\nIMPORTED,VP1,NEWS\n")

    ran = airflow.run("tucano_import_known_state", file="export.csv")

    assert (ran["state"], ran["results"]["import_file"]["accounts"]) == ("success", 1)
    assert airflow.stage.known("IMPORTED")["options"] == ["VP1:NEWS"]
    airflow.stage.rows("UPDATE known_state SET options = '{}' WHERE account = 'IMPORTED' RETURNING account")
    assert airflow.run("tucano_verify_known_state")["tasks"] == {"verify": ["failed"]}
    assert airflow.stage.known("IMPORTED")["options"] == []
    rebuilt = airflow.run("tucano_verify_known_state", rebuild=True)
    assert (rebuilt["state"], rebuilt["results"]["verify"]["rebuilt"]) == ("success", 1)
    assert airflow.stage.known("IMPORTED")["options"] == ["VP1:NEWS"]


def test_no_secret_and_no_name_is_handed_from_task_to_task(airflow: Nights) -> None:
    number = airflow.stage.subscriber("NEWS", account={"name": "Quincy Passable"})

    ran = airflow.night()

    handed = json.dumps(ran["results"])
    assert number in handed
    assert "Quincy" not in handed
    assert airflow.stage.platform.password not in handed
    assert airflow.stage.connections.provisioning_dsn.split(":")[2].split("@")[0] not in handed
