"""Months of the request log: made ahead, twice without harm, closed by the hour of UTC; strays are seen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest


@pytest.fixture
def db(provisioning_db: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(provisioning_db, autocommit=True) as connection:
        yield connection


def months(db: psycopg.Connection[Any]) -> list[str]:
    return [
        name
        for (name,) in db.execute(
            "SELECT relid::regclass::text FROM pg_partition_tree('request_log') WHERE level = 1 ORDER BY 1"
        )
        if name != "request_log_default"
    ]


def month_names(first: datetime, count: int) -> list[str]:
    indexes = range(first.year * 12 + first.month - 1, first.year * 12 + first.month - 1 + count)
    return [f"request_log_{index // 12}_{index % 12 + 1:02d}" for index in indexes]


def close_at(db: psycopg.Connection[Any], moment: str, number: str = "PR-1") -> str:
    """Put a closed request of *moment* into the log; return the partition that took it."""
    ((partition,),) = db.execute(
        """
        INSERT INTO request_log (sequence_number, request_number, batch_id, subscription_number, account, command,
            parameters, state, error_code, caused_by, planned_at, closed_at, attempts)
        VALUES (1, %s, 1, 'S1', 'S1', 'CREATE_ACCOUNT', '{}', 'REJECTED', 'SUPERSEDED', 'test', now(), %s, 0)
        RETURNING tableoid::regclass::text
        """,
        (number, moment),
    ).fetchall()
    return str(partition)


def test_this_month_and_the_next_three_are_there_from_the_beginning(db: psycopg.Connection[Any]) -> None:
    assert months(db) == month_names(datetime.now(UTC), 4)


def test_months_are_made_ahead_and_making_them_again_makes_nothing(db: psycopg.Connection[Any]) -> None:
    made = db.execute("SELECT make_partitions(5)").fetchall()

    assert [name for (name,) in made] == month_names(datetime.now(UTC), 6)[4:]
    assert db.execute("SELECT make_partitions(5)").fetchall() == []


def test_two_who_make_months_at_once_do_not_fail(provisioning_db: str) -> None:
    def make(_: int) -> int:
        with psycopg.connect(provisioning_db) as connection:
            return len(connection.execute("SELECT make_partitions(8)").fetchall())

    with ThreadPoolExecutor(4) as several:
        made = list(several.map(make, range(4)))

    assert sorted(made) == [0, 0, 0, 5]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/New_York"])
def test_a_month_ends_at_midnight_utc_wherever_the_session_is(db: psycopg.Connection[Any], zone: str) -> None:
    this, following = month_names(datetime.now(UTC), 2)
    edge = f"{following[-7:-3]}-{following[-2:]}-01"
    db.execute("SELECT set_config('timezone', %s, false)", (zone,))

    last = close_at(db, f"{edge} 00:00:00+00")
    ((before,),) = db.execute(
        "SELECT (%s::timestamptz - interval '1 microsecond')::text", (f"{edge} 00:00:00+00",)
    ).fetchall()

    assert last == following
    assert close_at(db, before) == this


def test_a_request_that_no_month_takes_is_kept_and_seen(db: psycopg.Connection[Any]) -> None:
    assert db.execute("SELECT count(*) FROM stray_request").fetchall() == [(0,)]

    partition = close_at(db, "2031-05-05 00:00:00+00", "PR-STRAY")

    assert partition == "request_log_default"
    assert db.execute("SELECT request_number FROM stray_request").fetchall() == [("PR-STRAY",)]
    assert db.execute("SELECT state FROM request_history WHERE request_number = 'PR-STRAY'").fetchall() == [
        ("REJECTED",)
    ]
