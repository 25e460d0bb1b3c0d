"""Statements live in include/sql/<adapter>/<verb_object>.sql, one a file; this module reads and runs them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import psycopg

SQL_FOLDER = Path(__file__).resolve().parents[3] / "include" / "sql"

Row: TypeAlias = tuple[Any, ...]
Connection: TypeAlias = "psycopg.Connection[Row]"
Cursor: TypeAlias = "psycopg.Cursor[Row]"
# What a function of the schema says by RAISE EXCEPTION.
RaisedByUs: TypeAlias = psycopg.errors.RaiseException


@cache
def statement(name: str) -> str:
    """Return the statement *name* ('folder/verb_object') without its header.

    The header is dropped since the driver would take a percent sign in it for a parameter.
    """
    lines = (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("--")).strip().rstrip(";")


def around(template: str, name: str) -> str:
    """Return *template* with the statement *name* in place of its {}: the one place where SQL is put into SQL.

    Both are texts of this repository; values are bound by whoever runs the result.
    """
    return template.replace("{}", statement(name))


def run(db: Connection, name: str, /, **parameters: Any) -> Cursor:
    """Run the statement *name* with bound *parameters* and return its cursor."""
    return db.execute(statement(name), parameters)


def rows(db: Connection, name: str, /, **parameters: Any) -> list[Row]:
    """Run the statement *name* and return all its rows."""
    return run(db, name, **parameters).fetchall()


def one(db: Connection, name: str, /, **parameters: Any) -> Row:
    """Run the statement *name*, which always returns exactly one row, and return it."""
    row = run(db, name, **parameters).fetchone()
    if row is None:
        raise LookupError(f"{name} returned no row for {sorted(parameters)}")
    return row
