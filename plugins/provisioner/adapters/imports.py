"""Files that were imported into known state, by what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from provisioner.adapters import sql
from provisioner.core.import_file import FileKind
from provisioner.core.import_row import BadRow
from provisioner.core.model import AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """An import that was begun, by its batch; *finished_at* None: it was left in the middle."""

    batch_id: int
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands against an import of one account."""

    account: AccountId
    has_open_request: bool
    is_known: bool


def find(db: sql.Connection, sha256: str) -> Begun | None:
    """Return the import of a file with this content; None where it was never begun."""
    row = sql.run(db, "import/find_file", sha256=sha256).fetchone()
    return None if row is None else Begun(batch_id=row[0], finished_at=row[1])


def begin(db: sql.Connection, *, sha256: str, name: str, kind: FileKind, batch_id: int) -> None:
    """Remember that a file is being imported by a batch."""
    sql.run(db, "import/begin_file", sha256=sha256, name=name, kind=kind.value, batch_id=batch_id)


def finish(db: sql.Connection, sha256: str) -> None:
    """Remember that a file was imported to its end."""
    sql.run(db, "import/finish_file", sha256=sha256)


def imported(db: sql.Connection, batch_id: int) -> set[AccountId]:
    """Return the accounts that a batch has imported."""
    return {account for (account,) in sql.rows(db, "import/list_imported", batch_id=batch_id)}


def standing(db: sql.Connection, accounts: Sequence[AccountId]) -> list[Standing]:
    """Return what stands against an import of *accounts*."""
    return [
        Standing(account=account, has_open_request=has_open_request, is_known=is_known)
        for account, has_open_request, is_known in sql.rows(
            db, "import/list_standing", accounts=list(accounts)
        )
    ]


def keep_bad_rows(db: sql.Connection, batch_id: int, rows: Iterable[BadRow]) -> None:
    """Keep rows that say nothing, for a person."""
    with db.cursor() as cursor, cursor.copy(sql.statement("import/copy_bad_rows")) as copy:
        for row in rows:
            copy.write_row((batch_id, row.account, None, row.reason, row.explanation))


def forget_bad_rows(db: sql.Connection, batch_id: int) -> None:
    """Forget the bad rows of an import that was left in the middle: they are found again."""
    sql.run(db, "batch/clear_extract", batch_id=batch_id)


def keep_not_exported(db: sql.Connection, batch_id: int) -> int:
    """List the known accounts that an export does not have; return how many there are."""
    return sql.run(db, "import/insert_not_exported", batch_id=batch_id).rowcount
