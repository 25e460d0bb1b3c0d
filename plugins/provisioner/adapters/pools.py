"""Connections that stay open between requests: the API server's way to the two databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from provisioner.adapters import session, sql
from provisioner.core.errors import PlatformUnavailable

# Of each database in each API server process: more than the two cores of a small host can use at once.
SIZE = 8
# Who waits longer than this for a connection, a lock or an answer is told to come again.
WAIT_SECONDS = 5


class Pools:
    """A pool for each database. Nothing is opened before the first use, and `close` closes all."""

    def __init__(self, *, provisioning_dsn: str, crm_dsn: str) -> None:
        limits = f"-c statement_timeout={WAIT_SECONDS}s -c lock_timeout={WAIT_SECONDS}s"
        self._provisioning = _pool("pages", provisioning_dsn, limits)
        # One statement, one journey: what is read here needs no snapshot over several.
        self._crm = _pool("crm", crm_dsn, f"{limits} -c default_transaction_read_only=on", autocommit=True)

    @contextmanager
    def provisioning(self) -> Iterator[sql.Connection]:
        """Lend a connection to the provisioning database for one transaction, committed at its end."""
        with _lent(self._provisioning, "provisioning_pages_db") as db:
            yield db

    @contextmanager
    def crm(self) -> Iterator[sql.Connection]:
        """Lend a connection to the CRM that cannot write; each statement sees the CRM of its own moment."""
        with _lent(self._crm, "crm_db") as db:
            yield db

    def close(self) -> None:
        """Close every connection."""
        self._provisioning.close()
        self._crm.close()


def _pool(name: str, dsn: str, options: str, *, autocommit: bool = False) -> ConnectionPool[sql.Connection]:
    return ConnectionPool(
        session.conninfo(dsn, options),
        kwargs={"autocommit": autocommit},
        min_size=0,
        max_size=SIZE,
        timeout=WAIT_SECONDS,
        name=name,
        open=False,
        # A restarted database leaves dead connections behind: one more round trip finds them before we do.
        check=ConnectionPool.check_connection,
    )


@contextmanager
def _lent(pool: ConnectionPool[sql.Connection], connection_id: str) -> Iterator[sql.Connection]:
    pool.open()
    try:
        with pool.connection() as db:
            yield db
    except PoolTimeout as error:
        raise PlatformUnavailable(
            f"connection {connection_id} gave no session within {WAIT_SECONDS} s: is the database up?"
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        # A lock or a statement that took too long, or a server that went away.
        raise PlatformUnavailable(f"connection {connection_id} failed: {error}: ask again") from error
