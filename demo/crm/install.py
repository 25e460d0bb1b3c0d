"""Lay the demo CRM's tables and functions into a database, and tie them up once the rows are loaded."""

from __future__ import annotations

from pathlib import Path

import psycopg

FOLDER = Path(__file__).parent


class DemoCrmError(Exception):
    """The demo CRM cannot be made or changed as asked; the message says what to do."""


def create_tables(db: psycopg.Connection) -> None:
    """Create roles, tables, catalogue and crm.act in the caller's transaction, which acts as crm_owner from then on.

    Raises DemoCrmError if the database has a schema `crm`: it may be an operator's.
    """
    row = db.execute("SELECT current_database() FROM pg_namespace WHERE nspname = 'crm'").fetchone()
    if row is not None:
        raise DemoCrmError(
            f"database {row[0]!r} has a schema 'crm' already: give an empty database, or drop it there"
        )
    functions = sorted((FOLDER / "act").glob("*.sql"))  # numbered: later files call earlier ones
    tables = (
        FOLDER / name
        for name in ("roles.sql", "schema.sql", "catalogue.sql", "behaviours.sql", "access_tokens.sql")
    )
    for path in (*tables, *functions):
        _run(db, path)


def tie_up(db: psycopg.Connection) -> None:
    """Create keys and indexes over the loaded rows, set the rights, and give the planner its statistics."""
    _run(db, FOLDER / "keys.sql")
    _run(db, FOLDER / "rights.sql")
    db.execute("ANALYZE")


def _run(db: psycopg.Connection, path: Path) -> None:
    # Bytes, not text: psycopg takes only literal strings as queries, so that none is put together by accident.
    db.execute(path.read_bytes())
