"""The whole platform of one folder: what is ours is started, what already runs is used.

The order is that of a person's patience: Airflow's tables are made while the CRM is seeded, and Airflow comes up
while the rest gets ready. Whoever uses a Stack ends its runtime, also when a step failed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from demo.launcher import simulator
from demo.launcher.airflow import (
    PREFERRED_PORT,
    USER,
    Airflow,
    http_connection,
    key_connection,
    postgres_connection,
)
from demo.launcher.databases import CRM_ROLES, prepare_crm, prepare_provisioning, prepare_roles
from demo.launcher.errors import LauncherError
from demo.launcher.postgres import PostgresServer
from demo.launcher.processes import is_free, port_to_use
from demo.launcher.runtime import MARK, POSTGRES, Runtime
from demo.launcher.settings import Environment, Wanted
from provisioner import migrate

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Where Tucano is; *control_url* is empty for one that is not our simulator."""

    url: str
    user: str
    password: str
    control_url: str


class Stack:
    """PostgreSQL, the CRM, Tucano, the provisioning database and Airflow, in one runtime folder."""

    def __init__(self, runtime: Runtime, wanted: Wanted, tell: Tell) -> None:
        self.runtime = runtime
        self.wanted = wanted
        self.tell = tell
        self.crm_dsn = self.crm_reader_dsn = wanted.crm_dsn or ""
        self.provisioning_dsn = wanted.provisioning_dsn or ""
        self.data_team_dsn = wanted.data_team_dsn or ""
        # Of a given database we know one role only, unless we made the others.
        self.pages_dsn = self.archive_dsn = self.provisioning_dsn
        self.expected_rejected = 0
        self.platform = Platform(
            url=wanted.tucano_url or "",
            user=wanted.tucano_user,
            password=wanted.tucano_password,
            control_url=wanted.tucano_control_url or "",
        )

    def start(self) -> Environment:
        """Start everything and return where it is, once all of it is healthy."""
        self.start_postgres()
        self.prepare_crm()
        self.prepare_provisioning()
        self.start_tucano()
        self.start_airflow()
        self.wait_for_airflow()
        return self.environment()

    def start_postgres(self) -> None:
        """Start our server with its roles and Airflow's database, and begin to make Airflow's tables."""
        port = port_to_use(self.wanted.airflow_port or (PREFERRED_PORT if is_free(PREFERRED_PORT) else None))
        mark = {MARK: str(self.runtime.folder)}
        self.postgres = server = PostgresServer(self.runtime.folder / "postgres", environment=mark).start()
        self.runtime.adopt(POSTGRES, server.pid)
        roles = (*CRM_ROLES, *migrate.ROLES)
        prepare_roles(server, {role: self.runtime.secret(f"password_of_{role}") for role in roles})
        server.create_role("airflow", self.runtime.secret("password_of_airflow"))
        if not server.has_database("airflow"):
            server.create_database("airflow", owner="airflow")
        self.tell(f"PostgreSQL runs on port {server.port}")
        self.airflow = Airflow(
            self.runtime,
            port=port,
            metadata_dsn=server.dsn("airflow", "airflow"),
            timezone=self.wanted.timezone,
            rotation_seconds=self.wanted.rotation_seconds,
        )
        self.airflow.begin_migration()

    def prepare_crm(self) -> None:
        """Seed our own CRM, or see that the given one answers. A given one is never written to."""
        if self.wanted.crm_dsn:
            _connect("CRM_DSN", self.wanted.crm_dsn, read_only=True).close()
            self.tell("the CRM of CRM_DSN answers; it is only read")
            return
        if not self.postgres.has_database("crm"):
            self._seed_crm()
        self.crm_dsn = self.postgres.dsn("crm", "crm_owner")
        self.crm_reader_dsn = self.postgres.dsn("crm", "crm_reader")

    def start_tucano(self) -> None:
        """Start the simulator, unless another platform is given."""
        if self.wanted.tucano_url:
            self.tell(f"Tucano is {self.wanted.tucano_url}")
            return
        password = self.runtime.secret("tucano_password")
        url, control_url = simulator.start(self.runtime, password)
        self.platform = Platform(url=url, user=simulator.USER, password=password, control_url=control_url)
        self.tell(f"the Tucano simulator answers at {url}")

    def prepare_provisioning(self) -> None:
        """Bring our own provisioning database to the newest schema; a given one only if MIGRATE=yes."""
        if self.wanted.provisioning_dsn:
            self._prepare_given_provisioning(self.wanted.provisioning_dsn)
            return
        if self.postgres.has_database("provisioning"):
            migrate.migrate(self.postgres.dsn("provisioning", "provisioning_owner"))
        else:
            self.postgres.drop_database("provisioning_draft")  # of a start that was interrupted
            prepare_provisioning(self.postgres, "provisioning_draft")
            self.postgres.rename_database("provisioning_draft", "provisioning")
        self.provisioning_dsn = self.postgres.dsn("provisioning", "provisioner")
        self.data_team_dsn = self.postgres.dsn("provisioning", "data_team")
        self.pages_dsn = self.postgres.dsn("provisioning", "pages")
        self.archive_dsn = self.postgres.dsn("provisioning", "archivist")
        self.tell(f"the provisioning database is at schema version {migrate.newest_version()}")

    def start_airflow(self) -> None:
        """Start Airflow, which now knows its connections."""
        platform = self.platform
        self.airflow.start(
            {
                "crm_db": postgres_connection(self.crm_reader_dsn, read_only=True),
                "provisioning_db": postgres_connection(self.provisioning_dsn),
                "tucano": http_connection(platform.url, platform.user, platform.password),
                "provisioning_archive_db": postgres_connection(self.archive_dsn),
                "provisioning_pages_db": postgres_connection(self.pages_dsn),
                "tucano_jwt": key_connection(self.runtime.secret("tucano_jwt_key")),
            }
        )

    def wait_for_airflow(self) -> None:
        """Return when all of Airflow is healthy."""
        self.airflow.wait_until_healthy()
        self.tell(f"Airflow is healthy at {self.airflow.url}")

    def environment(self) -> Environment:
        """Return where everything is."""
        return Environment(
            airflow_url=self.airflow.url,
            airflow_user=USER,
            airflow_password=self.airflow.password,
            crm_dsn=self.crm_dsn,
            provisioning_dsn=self.provisioning_dsn,
            data_team_dsn=self.data_team_dsn,
            tucano_url=self.platform.url,
            tucano_user=self.platform.user,
            tucano_password=self.platform.password,
            tucano_control_url=self.platform.control_url,
        )

    def _seed_crm(self) -> None:
        from demo.crm import generate, install  # here: who has a CRM of his own does not need the demo's

        self.postgres.drop_database("crm_draft")  # of a start that was interrupted
        prepare_crm(self.postgres, "crm_draft")
        draft = self.postgres.dsn("crm_draft", "crm_owner")
        try:
            report = generate.create(draft, subscriptions=self.wanted.subscriptions)
        except install.DemoCrmError as error:
            raise LauncherError(f"the demo CRM was not made: {error}") from error
        self.postgres.rename_database("crm_draft", "crm")
        self.expected_rejected = report.rejected_requests
        self.tell(f"the demo CRM has {self.wanted.subscriptions:,} subscriptions")

    def _prepare_given_provisioning(self, dsn: str) -> None:
        _connect("PROVISIONING_DSN", dsn).close()
        if self.wanted.migrate:
            self._migrate_given(dsn)
            return
        found, newest = migrate.version(dsn), migrate.newest_version()
        if found != newest:
            state = f"is at schema version {found}" if found else "has no schema of ours"
            raise LauncherError(
                f"the database of PROVISIONING_DSN {state}, and this code needs {newest}: nothing was changed. "
                "Migrate it with `python -m provisioner.migrate`, or let this command do it: MIGRATE=yes make up"
            )
        self.tell("the provisioning database of PROVISIONING_DSN answers and has the newest schema")

    def _migrate_given(self, dsn: str) -> None:
        passwords = {role: self.runtime.secret(f"given_password_of_{role}") for role in migrate.ROLES}
        try:
            made = migrate.create_roles(dsn, passwords)
            version = migrate.migrate(dsn)
        except psycopg.errors.InsufficientPrivilege as error:
            raise LauncherError(
                f"MIGRATE=yes needs a PROVISIONING_DSN that may create roles and tables: {error}"
            ) from error
        if "data_team" in made and not self.data_team_dsn:
            address = psycopg.conninfo.make_conninfo(dsn, user="data_team", password=passwords["data_team"])
            self.data_team_dsn = address
        if "pages" in made:
            self.pages_dsn = psycopg.conninfo.make_conninfo(dsn, user="pages", password=passwords["pages"])
        if "archivist" in made:
            address = psycopg.conninfo.make_conninfo(dsn, user="archivist", password=passwords["archivist"])
            self.archive_dsn = address
        self.tell(f"the provisioning database of PROVISIONING_DSN is migrated to schema version {version}")


def _connect(variable: str, dsn: str, *, read_only: bool = False) -> psycopg.Connection:
    """Connect to a database a person named; the message of a failure names the variable, not the password."""
    session = "-c default_transaction_read_only=on" if read_only else None
    try:
        return psycopg.connect(dsn, connect_timeout=10, options=session)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise LauncherError(f"the database of {variable} cannot be opened: {error}") from error
