"""Real things for the integration tests: a PostgreSQL server, databases copied from templates, the simulator.

TEST_POSTGRES_DSN names a server to use instead of the embedded one: a superuser of a server kept for tests,
since the suite sets the passwords of the product's roles there. Airflow is not imported here.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from demo.crm import install
from demo.launcher.administration import Postgres
from demo.launcher.databases import CRM_ROLES, prepare_crm, prepare_provisioning, prepare_roles
from demo.launcher.postgres import PostgresServer
from provisioner import migrate
from provisioner.adapters.archive_connection import ArchiveConnection
from tests.integration.archive_at_work import Worker, a_worker
from tests.integration.nursery import Nursery
from tests.integration.old_requests import OldRequests
from tests.integration.stage import Stage, opened
from tests.simulator_process import SimulatorProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.integration.pages_data import Story
    from tests.integration.pages_server import PagesServer

Stages = Callable[..., AbstractContextManager[Stage]]

SUBSCRIPTIONS = 200  # every deliberate case of the generator, and still made in a second


@pytest.fixture(scope="session")
def postgres(runtime_folder: Path) -> Iterator[Postgres]:
    """A server with the product's roles; `.dsn(dbname, role)` gives the DSN of each of them."""
    given = os.environ.get("TEST_POSTGRES_DSN")
    if given:
        server = Postgres(given)
        prepare_shared_roles(server)
        yield server
        return
    with PostgresServer(runtime_folder / "postgres", durable=False) as embedded:
        prepare_roles(embedded)
        yield embedded


def prepare_shared_roles(server: Postgres) -> None:
    """Prepare the roles of a server that all processes of this session use: the same passwords, one after the other."""
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex(16)
    names = (*CRM_ROLES, *migrate.ROLES)
    passwords = {name: hashlib.sha256(f"{session} {name}".encode()).hexdigest()[:32] for name in names}
    with psycopg.connect(server.admin_dsn(), autocommit=True) as lock:
        lock.execute("SELECT pg_advisory_lock(hashtextextended('tests.roles', 0))")
        prepare_roles(server, passwords)


@pytest.fixture(scope="session")
def crm_template(postgres: Postgres) -> Iterator[str]:
    """The name of a seeded CRM database that tests copy; nobody may stay connected to it."""
    from demo.crm import generate  # here, so that tests without a CRM do not need the demo's

    name = unique("crm_template")
    prepare_crm(postgres, name)
    generate.create(postgres.dsn(name, "crm_owner"), subscriptions=SUBSCRIPTIONS)
    yield name
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def provisioning_template(postgres: Postgres) -> Iterator[str]:
    """The name of a migrated, empty provisioning database that tests copy."""
    name = unique("provisioning_template")
    prepare_provisioning(postgres, name)
    yield name
    postgres.drop_database(name)


@pytest.fixture
def crm_db(postgres: Postgres, crm_template: str) -> Iterator[str]:
    """The DSN of a CRM with 200 subscriptions for one test, as crm_owner, who may act."""
    name = unique("crm")
    prepare_crm(postgres, name, crm_template)
    yield postgres.dsn(name, "crm_owner")
    postgres.drop_database(name)


@pytest.fixture
def provisioning_db(postgres: Postgres, provisioning_template: str) -> Iterator[str]:
    """The DSN of an empty provisioning database for one test, as provisioner, whom the tasks are."""
    name = unique("provisioning")
    prepare_provisioning(postgres, name, provisioning_template)
    yield postgres.dsn(name, "provisioner")
    postgres.drop_database(name)


@pytest.fixture
def tucano() -> Iterator[SimulatorProcess]:
    """A platform of the test's own, empty and without faults."""
    with SimulatorProcess() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def bare_crm_template(postgres: Postgres) -> Iterator[str]:
    """The name of a CRM database with its catalogue and crm.act, but without any subscriber."""
    name = unique("bare_crm_template")
    prepare_crm(postgres, name)
    with psycopg.connect(postgres.dsn(name, "crm_owner")) as db:
        install.create_tables(db)
        install.tie_up(db)
    yield name
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def shared_platform() -> Iterator[SimulatorProcess]:
    """One platform for the session: no two stages use the same accounts, boxes or request numbers."""
    with SimulatorProcess() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def stages(postgres: Postgres, bare_crm_template: str, provisioning_template: str) -> Stages:
    """Build stages of databases of their own: `with stages(platform) as stage`."""

    @contextmanager
    def build(platform: SimulatorProcess, crm_template: str = bare_crm_template) -> Iterator[Stage]:
        crm, provisioning = unique("crm"), unique("provisioning")
        prepare_crm(postgres, crm, crm_template)
        prepare_provisioning(postgres, provisioning, provisioning_template)
        try:
            with opened(postgres, crm, provisioning, platform) as stage:
                yield stage
        finally:
            postgres.drop_database(crm)
            postgres.drop_database(provisioning)

    return build


@pytest.fixture(scope="module")
def module_stage(stages: Stages, shared_platform: SimulatorProcess) -> Iterator[Stage]:
    """The stage of a module's tests: each has subscribers of its own, and a stage costs a second."""
    with stages(shared_platform) as stage:
        yield stage


@pytest.fixture
def stage(module_stage: Stage) -> Iterator[Stage]:
    """The module's stage on a new page: nothing sent yet, no faults, settings as they were."""
    module_stage.begin()
    yield module_stage
    module_stage.platform.clear_faults()
    module_stage.platform.capacity(None)


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Where a module's tests get worker processes from."""
    with Nursery(tmp_path_factory.mktemp("nursery") / "workers.log") as found:
        yield found


@pytest.fixture
def platform() -> Iterator[SimulatorProcess]:
    """A simulator of the test's own, which it may kill and start again."""
    with SimulatorProcess() as simulator:
        yield simulator


@pytest.fixture
def empty_stage(stages: Stages, shared_platform: SimulatorProcess) -> Iterator[Stage]:
    """A stage with empty databases, for tests that count everything there is."""
    with stages(shared_platform) as stage:
        yield stage
    shared_platform.clear_faults()
    shared_platform.capacity(None)


@pytest.fixture
def dsn_as(postgres: Postgres) -> Callable[[str, str], str]:
    """Return the DSN of the same database for another role: `dsn_as(crm_db, "crm_reader")`."""
    return lambda dsn, role: postgres.dsn(str(conninfo_to_dict(dsn)["dbname"]), role)


def unique(name: str) -> str:
    """Return a database name no other session on the same server uses."""
    return f"{name}_{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def pages(
    postgres: Postgres,
    crm_template: str,
    provisioning_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PagesServer]:
    """An API server with the pages and the made-up fortnight of pages_data as `.story`; 30 s to start."""
    from tests.integration import pages_data, pages_server  # here: it takes `unique` from this file

    home = tmp_path_factory.mktemp("airflow")
    with pages_server.started(postgres, crm_template, provisioning_template, home) as started:
        started.story = pages_data.tell(started.owner_dsn)
        yield started


@pytest.fixture
def story(pages: PagesServer) -> Story:
    """What the pages have to tell."""
    return pages.story


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium from $CHROMIUM or PATH. Without one the tests are skipped, but fail where BROWSER_TESTS=required.

    For a module, not the session: while it is there, no other test can run an event loop.
    """
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        said = "no Chromium: install Debian's package `chromium`, or let CHROMIUM name the program"
        if os.environ.get("BROWSER_TESTS") == "required":
            pytest.fail(said)
        pytest.skip(said)
    from playwright.sync_api import sync_playwright  # here: only these tests need it

    with sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run as root, which CI is.
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def archive_worker() -> Iterator[Worker]:
    """The process whose forks are a module's archive tasks, to be killed."""
    with a_worker() as started:
        yield started


@pytest.fixture
def old_requests(postgres: Postgres, provisioning_template: str, tmp_path: Path) -> Iterator[OldRequests]:
    """An empty provisioning database in which a log of old months can be made."""
    name = unique("provisioning")
    prepare_provisioning(postgres, name, provisioning_template)
    with (
        psycopg.connect(postgres.admin_dsn(name), autocommit=True) as owner,
        psycopg.connect(postgres.dsn(name, "provisioner"), autocommit=True) as db,
    ):
        (batch_id,) = owner.execute(
            "INSERT INTO batch (cause, run_id, requested_by) VALUES ('RESET_RUN', 'night', 'tester') RETURNING batch_id"
        ).fetchone() or (0,)
        yield OldRequests(
            owner=owner,
            db=db,
            archive=ArchiveConnection(dsn=postgres.dsn(name, "archivist"), folder=tmp_path / "archive"),
            dsn_of=lambda role: postgres.dsn(name, role),
            batch_id=batch_id,
        )
    postgres.drop_database(name)
