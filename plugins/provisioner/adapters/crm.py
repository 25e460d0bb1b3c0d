"""The operator's CRM, read through the contract in include/sql/crm/ and docs/crm-contract.md. Never written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from provisioner.adapters import sql
from provisioner.adapters.crm_rows import parse_row
from provisioner.core.errors import SourceError
from provisioner.core.model import RejectedRow, Subscription, SubscriptionNumber

EXTRACT = "crm/extract_subscriptions"
BY_NUMBER = "crm/extract_by_number"

# The contract's columns with PostgreSQL's type names, in order.
CONTRACT = (
    ("subscription_number", ("text", "varchar")),
    ("account_id", ("text", "varchar")),
    ("name", ("text", "varchar")),
    ("email", ("text", "varchar")),
    ("phone", ("text", "varchar")),
    ("address", ("text", "varchar")),
    ("subscription_type", ("text", "varchar")),
    ("state", ("text", "varchar")),
    ("created_at", ("timestamptz",)),
    ("services", ("jsonb",)),
    ("items", ("jsonb",)),
    ("version", ("int8", "int4")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What an extract is limited to; nothing by default. *created_to* is exclusive.

    *subscription_numbers* stands alone: these subscriptions with all others of their accounts, by the contract's other
    statement.
    """

    created_from: datetime | None = None
    created_to: datetime | None = None
    subscription_types: tuple[str, ...] | None = None
    subscription_numbers: tuple[str, ...] | None = None

    @property
    def any(self) -> bool:
        """Tell whether the extract is limited at all."""
        return any((self.created_from, self.created_to, self.subscription_types, self.subscription_numbers))

    @property
    def contradict(self) -> bool:
        """Tell whether subscriptions are named and limited in another way as well."""
        return bool(
            self.subscription_numbers and (self.created_from or self.created_to or self.subscription_types)
        )

    @property
    def extract(self) -> str:
        """Return the name of the contract's statement that reads what is meant."""
        return BY_NUMBER if self.subscription_numbers else EXTRACT

    def parameters(self) -> dict[str, Any]:
        """Return the bound parameters of that statement."""
        if self.subscription_numbers:
            return {"subscription_numbers": list(self.subscription_numbers)}
        return {
            "created_from": self.created_from,
            "created_to": self.created_to,
            "subscription_types": list(self.subscription_types) if self.subscription_types else None,
        }


def filters_of(parameters: Mapping[str, Any]) -> Filters:
    """Return what the extract of a run with *parameters* is limited to. A time without zone is UTC."""
    types, numbers = parameters.get("subscription_types"), parameters.get("subscription_numbers")
    return Filters(
        created_from=_time(parameters.get("created_from")),
        created_to=_time(parameters.get("created_to")),
        subscription_types=tuple(types) if types else None,
        subscription_numbers=tuple(numbers) if numbers else None,
    )


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def begin_snapshot(db: sql.Connection) -> None:
    """Start one read-only snapshot: everything read until the transaction ends is of one moment."""
    db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def check_contract(db: sql.Connection, filters: Filters) -> None:
    """Raise SourceError unless the extract has the contract's columns, in its order and types."""
    try:
        cursor = db.execute(
            sql.around("SELECT * FROM ({}) AS extract LIMIT 0", filters.extract), filters.parameters()
        )
    except psycopg.Error as error:
        raise SourceError(
            f"include/sql/{filters.extract}.sql does not run on crm_db: {error}: see docs/crm-contract.md"
        ) from error
    types = db.adapters.types
    found = [
        (column.name, type_info.name if (type_info := types.get(column.type_code)) else str(column.type_code))
        for column in cursor.description or ()
    ]
    found += [("missing", "")] * (len(CONTRACT) - len(found))
    problems = [
        f"column {position} should be {name} ({' or '.join(kinds)}), is {' '.join(column).strip()}"
        for position, ((name, kinds), column) in enumerate(zip(CONTRACT, found, strict=False), start=1)
        if column[0] != name or column[1] not in kinds
    ]
    problems += [f"column {name} is not of the contract" for name, _ in found[len(CONTRACT) :]]
    if problems:
        raise SourceError(
            f"include/sql/{filters.extract}.sql breaks docs/crm-contract.md: " + "; ".join(problems)
        )


def count_rows(db: sql.Connection, filters: Filters) -> int:
    """Count what the extract with *filters* gives, in the same snapshot."""
    row = db.execute(
        sql.around("SELECT count(*) FROM ({}) AS extract", filters.extract), filters.parameters()
    ).fetchone()
    return int(row[0]) if row else 0


def stream(db: sql.Connection, filters: Filters) -> Iterator[list[str | None]]:
    """Yield the extract's rows as texts (None for null), read by COPY to the end or not at all.

    Raises SourceError when the CRM breaks off: what came before is then no extract.
    """
    copy_out = sql.around("COPY ({}) TO STDOUT", filters.extract)
    try:
        with db.cursor() as cursor, cursor.copy(copy_out, filters.parameters()) as copy:
            for block in copy:
                yield _fields(bytes(block))
    except psycopg.Error as error:
        raise SourceError(
            f"the extract from crm_db broke off: {error}: nothing was removed, run again"
        ) from error


def _fields(line: bytes) -> list[str | None]:
    texts: list[str | None] = list(line[:-1].decode().split("\t"))
    if b"\\" in line:
        return [None if text == "\\N" else _unescaped(text or "") for text in texts]
    return texts


_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    parts = iter(text.split("\\"))
    out = [next(parts)]
    for part in parts:
        if part:
            out.append(_ESCAPES.get(part[0], part[0]) + part[1:])
        else:  # an escaped backslash: the split left an empty part, the next one follows it unescaped
            out.append("\\" + next(parts, ""))
    return "".join(out)


def read_by_number(
    db: sql.Connection, subscription_numbers: Iterable[SubscriptionNumber]
) -> list[Subscription | RejectedRow]:
    """Return all subscriptions, as they are now, of the accounts that *subscription_numbers* belong to."""
    found = sql.run(db, BY_NUMBER, subscription_numbers=list(subscription_numbers)).pgresult
    if found is None:
        return []
    # As the texts that came, like those of `stream`: the driver would read JSON and times only to have them written
    # and read again, and has no value for some times.
    columns = range(found.nfields)
    return [
        parse_row(
            [
                None if (text := found.get_value(row, column)) is None else bytes(text).decode()
                for column in columns
            ]
        )
        for row in range(found.ntuples)
    ]
