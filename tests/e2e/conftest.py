"""The whole platform, started once for the end-to-end tests: `stack` tells where everything is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from demo.launcher.rest import AirflowClient
from demo.launcher.runtime import Runtime
from demo.launcher.settings import Environment, Wanted
from demo.launcher.simulator import Control
from demo.launcher.stack import Stack

SUBSCRIPTIONS = 300
ROTATION_SECONDS = 10  # of the real-time lane, which is paused until a test unpauses it
RUN_SECONDS = 600  # a run takes half a minute on an idle machine


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedStack:
    """A running platform: its addresses, its files and processes, Airflow's REST API, the simulator's control.

    *metadata_dsn* is Airflow's own database, for looking only; *pages_dsn* the provisioning database as role pages.
    """

    environment: Environment
    runtime: Runtime
    client: AirflowClient
    control: Control
    metadata_dsn: str
    pages_dsn: str


@pytest.fixture(scope="package")
def stack(runtime_folder: Path) -> Iterator[StartedStack]:
    """PostgreSQL, a CRM of 300 subscriptions, the simulator and Airflow; stopped after the tests of this folder."""
    runtime = Runtime(runtime_folder / "stack")
    started = Stack(
        runtime,
        Wanted(subscriptions=SUBSCRIPTIONS, airflow_port=None, rotation_seconds=ROTATION_SECONDS),
        print,
    )
    try:
        environment = started.start()
        yield StartedStack(
            environment=environment,
            runtime=runtime,
            client=AirflowClient(
                environment.airflow_url, environment.airflow_user, environment.airflow_password
            ),
            control=Control(environment.tucano_control_url),
            metadata_dsn=started.postgres.admin_dsn("airflow"),
            pages_dsn=started.pages_dsn,
        )
    finally:
        runtime.end()


@pytest.fixture(scope="package")
def ended_run(stack: StartedStack) -> str:
    """The run id of one reset run that has ended, whatever its end: it leaves logs, XCom and rendered fields."""
    stack.client.wait_for_dag("tucano_reset_run")
    run = stack.client.trigger("tucano_reset_run", {"subscription_types": ["SHOWCASE"]})
    stack.client.wait("tucano_reset_run", run, seconds=RUN_SECONDS)
    return run


def rows_holding(dsn: str, text: str) -> list[str]:
    """Return the tables of a database in which some row holds *text*, whatever the column."""
    found = []
    with psycopg.connect(dsn) as db:
        names = db.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (name,) in names:
            query = f"SELECT 1 FROM {name} AS t WHERE strpos(t::text, %s) > 0 LIMIT 1"  # noqa: S608 names of the catalogue
            if db.execute(query.encode(), (text,)).fetchone():
                found.append(str(name))
    return found
