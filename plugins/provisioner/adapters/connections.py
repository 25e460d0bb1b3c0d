"""Where the outside systems are, as values that a step is given. Filled by Airflow's connections or by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from provisioner.adapters import session, sql
from provisioner.adapters.tucano import Endpoint
from provisioner.core.errors import PlatformUnavailable, SourceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Connection strings of the two databases and the platform's endpoint; none of them is ever shown."""

    provisioning_dsn: str = field(repr=False)
    crm_dsn: str = field(repr=False)
    tucano: Endpoint

    @contextmanager
    def provisioning(self) -> Iterator[sql.Connection]:
        """Open the provisioning database; the caller commits."""
        try:
            db = psycopg.connect(session.conninfo(self.provisioning_dsn))
        except psycopg.OperationalError as error:
            raise PlatformUnavailable(f"connection provisioning_db cannot be opened: {error}") from error
        with db:
            yield db

    @contextmanager
    def crm(self) -> Iterator[sql.Connection]:
        """Open the CRM in a session that cannot write, and that speaks UTF-8 whatever the CRM stores."""
        try:
            db = psycopg.connect(
                session.conninfo(self.crm_dsn, "-c default_transaction_read_only=on"), client_encoding="utf8"
            )
        except psycopg.OperationalError as error:
            raise SourceError(
                f"connection crm_db cannot be opened: {error}: is the CRM's database up?"
            ) from error
        with db:
            yield db
