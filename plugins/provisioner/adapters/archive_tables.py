"""The tables of months: checks, detaching and attaching. The one place that composes their names into statements."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql as compose

from provisioner.adapters import sql
from provisioner.core.retention import FROZEN_SECONDS, LOCK_MILLISECONDS, WITNESS_LOCK_SECONDS, Month

HOT, COLD = "request_log", "request_archive"
PARENTS = {"hot": HOT, "cold": COLD}

# What `with_patience` of the steps tries again: somebody else held a lock for longer than we may make others wait.
LockNotAvailable = psycopg.errors.LockNotAvailable


def hot_table(month: Month) -> str:
    """Return the name of the month's table in the log."""
    return f"{HOT}_{month.suffix}"


def cold_table(month: Month) -> str:
    """Return the name of the month's table in the archive."""
    return f"{COLD}_{month.suffix}"


def table_of(month: Month, tier: str) -> str:
    """Return the name of the month's table in a tier, 'hot' or 'cold'."""
    return f"{PARENTS[tier]}_{month.suffix}"


def exists(db: sql.Connection, table: str) -> int | None:
    """Return the number (oid) of a table, or None where there is none."""
    (number,) = sql.one(db, "archive/find_table", table_name=table)
    return None if number is None else int(number)


def be_brief(db: sql.Connection) -> None:
    """Wait for no lock longer than writers may wait for us, and hold none in our sleep, in this transaction."""
    db.execute(compose.SQL("SET LOCAL lock_timeout = {}").format(compose.Literal(f"{LOCK_MILLISECONDS}ms")))
    db.execute(
        compose.SQL("SET LOCAL idle_in_transaction_session_timeout = {}").format(
            compose.Literal(f"{FROZEN_SECONDS}s")
        )
    )


def be_no_link_of_a_circle(db: sql.Connection) -> None:
    """Take the locks of the log's readers without a long wait, in a transaction whose process has another with them.

    What it waits for later, the other one does not hold.
    """
    db.execute(compose.SQL("SET LOCAL lock_timeout = {}").format(compose.Literal(f"{WITNESS_LOCK_SECONDS}s")))
    db.execute("LOCK TABLE request_log, request_archive IN ACCESS SHARE MODE")
    db.execute("SET LOCAL lock_timeout = 0")


def has_valid_check(db: sql.Connection, table: str) -> bool | None:
    """Tell whether the table's check on its bounds is validated; None where it has none."""
    found = sql.rows(db, "archive/find_constraint", table_name=table, constraint_name=_check_of(table))
    return None if not found else bool(found[0][0])


def add_check(db: sql.Connection, table: str, month: Month) -> None:
    """Add the check that lets a month be attached without a look at its rows; not validated yet."""
    _run(
        db,
        "ALTER TABLE {table} ADD CONSTRAINT {check} "
        "CHECK (closed_at >= {begins_at} AND closed_at < {ends_at}) NOT VALID",
        table=compose.Identifier(table),
        check=compose.Identifier(_check_of(table)),
        **_bounds(month),
    )


def validate_check(db: sql.Connection, table: str) -> None:
    """Look at every row once; readers and writers go on meanwhile."""
    _run(
        db,
        "ALTER TABLE {table} VALIDATE CONSTRAINT {check}",
        table=compose.Identifier(table),
        check=compose.Identifier(_check_of(table)),
    )


def lock_for_move(db: sql.Connection, table: str) -> None:
    """Take every lock of a move of *table* to the other tier. The log itself last: from then on its writers wait."""
    to_cold = table.startswith(f"{HOT}_")
    _run(
        db,
        "LOCK TABLE ONLY {cold} IN SHARE UPDATE EXCLUSIVE MODE" if to_cold else "LOCK TABLE ONLY {cold}",
        cold=compose.Identifier(COLD),
    )
    _run(db, "LOCK TABLE ONLY {table}", table=compose.Identifier(table))
    _run(db, "LOCK TABLE ONLY {table}", table=compose.Identifier(f"{HOT}_default"))
    _run(db, "LOCK TABLE ONLY {hot}", hot=compose.Identifier(HOT))


def lock_for_replacement(db: sql.Connection, month: Month) -> None:
    """Take every lock of a replacement: readers of the archive wait for us, the hot log goes on."""
    _run(db, "LOCK TABLE ONLY {table}", table=compose.Identifier(cold_table(month)))
    _run(db, "LOCK TABLE ONLY {cold}", cold=compose.Identifier(COLD))


def detach(db: sql.Connection, parent: str, table: str) -> None:
    """Take a month out of its tier. Never CONCURRENTLY: cancelled half-way, the month is in no tier."""
    _run(
        db,
        "ALTER TABLE {parent} DETACH PARTITION {table}",
        parent=compose.Identifier(parent),
        table=compose.Identifier(table),
    )


def attach(db: sql.Connection, parent: str, table: str, month: Month) -> None:
    """Put a month into a tier; its validated check spares the look at its rows."""
    _run(
        db,
        "ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES FROM ({begins_at}) TO ({ends_at})",
        parent=compose.Identifier(parent),
        table=compose.Identifier(table),
        **_bounds(month),
    )


def drop_check(db: sql.Connection, table: str) -> None:
    """Drop the check, since the partition's bounds say the same now."""
    _run(
        db,
        "ALTER TABLE {table} DROP CONSTRAINT {check}",
        table=compose.Identifier(table),
        check=compose.Identifier(_check_of(table)),
    )


def rename(db: sql.Connection, table: str, name: str) -> None:
    """Give a table another name."""
    _run(
        db,
        "ALTER TABLE {table} RENAME TO {name}",
        table=compose.Identifier(table),
        name=compose.Identifier(name),
    )


def create_like_cold(db: sql.Connection, table: str) -> None:
    """Create an empty table that can become a month of the archive."""
    _run(
        db,
        "CREATE TABLE {table} (LIKE {cold} INCLUDING ALL)",
        table=compose.Identifier(table),
        cold=compose.Identifier(COLD),
    )


def drop(db: sql.Connection, table: str) -> None:
    """Drop a table, if it is there."""
    _run(db, "DROP TABLE IF EXISTS {table}", table=compose.Identifier(table))


def _check_of(table: str) -> str:
    return f"{table}_bounds"


def _bounds(month: Month) -> dict[str, compose.Composable]:
    # With their offset, whatever zone the session has.
    return {
        "begins_at": compose.Literal(month.begins_at.isoformat()),
        "ends_at": compose.Literal(month.ends_at.isoformat()),
    }


def _run(db: sql.Connection, text: Any, **names: compose.Composable) -> None:
    db.execute(compose.SQL(text).format(**names))


def fill_from_landing(db: sql.Connection, table: str) -> None:
    """Put the landed rows into a new table."""
    db.execute(compose.SQL(sql.statement("archive/insert_landing")).format(compose.Identifier(table)))


def vacuum(db: sql.Connection, table: str) -> None:
    """Overwrite what was updated or deleted, so that no old version of a row stays in the table's file."""
    _run(db, "VACUUM (FREEZE) {table}", table=compose.Identifier(table))
