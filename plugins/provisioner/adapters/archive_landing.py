"""A month read back from its file, in a table that lives as long as the transaction: checked, mended, put in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from provisioner.adapters import sql
from provisioner.core.model import AccountId
from provisioner.core.retention import Content, Month


def create(db: sql.Connection) -> None:
    """Make the empty landing of this transaction."""
    sql.run(db, "archive/create_landing")


def copy(db: sql.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Land *rows*, in the columns of an exported month."""
    with db.cursor() as cursor, cursor.copy(sql.statement("archive/copy_landing")) as landing:
        for row in rows:
            landing.write_row(row)


def drop(db: sql.Connection) -> None:
    """Forget what was landed, so that something else can be."""
    sql.run(db, "archive/drop_landing")


def set_aside(db: sql.Connection) -> None:
    """Let another landing be made beside this one, until the caller's savepoint is rolled back."""
    sql.run(db, "archive/move_landing_aside")


def fill_checkpoint(db: sql.Connection, month: Month) -> None:
    """Land what is left of a month that is deleted: the state of each of its accounts at its last request there."""
    sql.run(db, "archive/fill_checkpoint", closed_from=month.begins_at, closed_to=month.ends_at)


def content(db: sql.Connection) -> Content:
    """Return what names the landed rows."""
    rows, checksum, first, last = sql.one(db, "archive/checksum_landing")
    return Content(rows=rows, checksum=int(checksum), first_log_number=first, last_log_number=last)


def blank(db: sql.Connection, accounts: Iterable[AccountId]) -> int:
    """Take personal data of *accounts* out of the landed rows; return how many had some."""
    return sql.run(db, "archive/blank_landing", accounts=list(accounts)).rowcount


def rows(db: sql.Connection) -> Iterator[tuple[Any, ...]]:
    """Yield the landed rows for a file."""
    return _stream(db, "archive/read_landing", {})


def rows_of_month(db: sql.Connection, month: Month) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of an archived month for a file."""
    bounds = {"closed_from": month.begins_at, "closed_to": month.ends_at}
    return _stream(db, "archive/export_month", bounds)


def _stream(db: sql.Connection, name: str, parameters: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    with db.cursor(name="exported_rows") as cursor:
        cursor.itersize = 5_000
        cursor.execute(sql.statement(name), parameters)
        yield from cursor
