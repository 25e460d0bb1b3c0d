"""Where the outside systems are, as values that a step is given. Filled by Airflow's connections or by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import psycopg

from provisioner.adapters import session, sql
from provisioner.adapters.tucano import Endpoint
from provisioner.core import policy
from provisioner.core.errors import PlatformUnavailable, SourceError


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Connection strings of the two databases and the platform's endpoint; none of them is ever shown."""

    provisioning_dsn: str = field(repr=False)
    crm_dsn: str = field(repr=False)
    tucano: Endpoint

    @contextmanager
    def provisioning(self, options: str = "") -> Iterator[sql.Connection]:
        """Open the provisioning database, with *options* of the server; the caller commits."""
        try:
            db = psycopg.connect(session.conninfo(self.provisioning_dsn, options))
        except psycopg.OperationalError as error:
            raise PlatformUnavailable(f"connection provisioning_db cannot be opened: {error}") from error
        with db:
            yield db

    def under_claims(self) -> AbstractContextManager[sql.Connection]:
        """Open the provisioning database for who works under claims; the caller commits.

        A process that stands still in a transaction locks its claims for longer than they last: whoever takes them over
        would wait for as long as a container is paused. The server ends such a session after two leases.
        """
        milliseconds = int(2_000 * policy.CLAIM_SECONDS)
        return self.provisioning(f"-c idle_in_transaction_session_timeout={milliseconds}")

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
