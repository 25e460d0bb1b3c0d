"""Every session with a database finds out that the other side is gone, and keeps what the connection says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.adapters.connections import Connections
from provisioner.adapters.pools import Pools
from provisioner.adapters.tucano import Endpoint

Session = AbstractContextManager[psycopg.Connection[Any]]
Door = Callable[[str], Session]


def connections(dsn: str) -> Connections:
    return Connections(
        provisioning_dsn=dsn, crm_dsn=dsn, tucano=Endpoint(url="http://127.0.0.1:9", user="u", password="p")
    )


@contextmanager
def pooled(dsn: str, name: str) -> Iterator[psycopg.Connection[Any]]:
    with closing(Pools(provisioning_dsn=dsn, crm_dsn=dsn)) as pools, getattr(pools, name)() as db:
        yield db


DOORS: dict[str, Door] = {
    "a task's own": lambda dsn: connections(dsn).provisioning(),
    "a task's of the CRM": lambda dsn: connections(dsn).crm(),
    "a page's own": lambda dsn: pooled(dsn, "provisioning"),
    "a page's of the CRM": lambda dsn: pooled(dsn, "crm"),
    "the archivist's": lambda dsn: ArchiveConnection(dsn=dsn).open(),
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_both_sides_find_out_within_a_minute_that_the_other_one_is_gone(crm_db: str, door: Door) -> None:
    with door(crm_db) as db:
        asked = [
            db.execute(f"SHOW tcp_keepalives_{what}").fetchone() for what in ("idle", "interval", "count")
        ]
        ours = db.info.get_parameters()

    server = [int(row[0]) for row in asked if row]
    client = [int(ours[f"keepalives_{what}"]) for what in ("idle", "interval", "count")]
    assert server == client
    for idle, interval, count in (server, client):
        assert 0 < idle + interval * count <= 60


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_the_options_of_the_operators_connection_are_kept(crm_db: str, door: Door) -> None:
    with door(make_conninfo(crm_db, options="-c search_path=billing,public")) as db:
        assert db.execute("SHOW search_path").fetchone() == ("billing,public",)


def test_what_a_session_of_ours_must_be_wins_over_the_operators_options(crm_db: str) -> None:
    with connections(make_conninfo(crm_db, options="-c default_transaction_read_only=off")).crm() as db:
        assert db.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
