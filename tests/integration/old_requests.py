"""A log that is months old, and the known state it adds up to: what the archive's tests begin with.

Known state is made by core/plan.apply, request by request, and never by the fold that is on trial.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from provisioner.adapters import known_state, request_log
from provisioner.adapters.archive_connection import ArchiveConnection
from provisioner.core import wire
from provisioner.core.model import (
    AccountId,
    AccountState,
    ActivateOptions,
    AddMaterial,
    Command,
    CreateAccount,
    DistributorCode,
    Material,
    MaterialType,
    OptionCode,
    RemoveMaterial,
    SerialNumber,
    Subscriber,
    SuspendOptions,
)
from provisioner.core.packing import pack_materials, pack_options
from provisioner.core.plan import apply
from provisioner.core.retention import Month
from provisioner.steps.reset_run import Run

RUN = Run(run_id="by hand", requested_by="tester")
OLD = (Month(first_day=datetime(2026, 1, 1).date()), Month(first_day=datetime(2026, 2, 1).date()))  # noqa: DTZ001
CODES = ("SPORT", "KIDS", "ENTERTAIN")


@dataclass(kw_only=True)
class OldRequests:
    """A database with old months. *owner* may do everything, *db* is provisioner, both commit by themselves."""

    owner: psycopg.Connection[Any]
    db: psycopg.Connection[Any]
    archive: ArchiveConnection
    dsn_of: Callable[[str], str]
    states: dict[str, AccountState] = field(default_factory=dict)
    batch_id: int = 0

    def make_months(self, *months: Month) -> None:
        """Make tables of the log for months that are over."""
        for month in months:
            self.owner.execute(
                f"CREATE TABLE request_log_{month.suffix} PARTITION OF request_log "
                f"FOR VALUES FROM ('{month.begins_at}') TO ('{month.ends_at}')"
            )
            self.owner.execute(f"ALTER TABLE request_log_{month.suffix} OWNER TO archivist")

    def close(
        self,
        account: str,
        command: Command | str,
        at: datetime,
        *,
        error_code: str | None = None,
        parameters: dict[str, Any] | None = None,
        **columns: Any,
    ) -> None:
        """Close a request at a time, with what it taught; a *command* that is text is IMPORT or CHECKPOINT."""
        known = self.states.get(account, AccountState())
        if isinstance(command, str):
            name, given = command, parameters or {}
            known = columns.pop("state")
            given = {
                "account_exists": known.exists,
                "options": pack_options(known.options),
                "materials": pack_materials(known.materials),
            }
            body = None
        else:
            name, given = wire.name_of(command).value, parameters or request_log.stored_parameters(command)
            body = json.dumps({"account": account, "parameters": wire.parameters(command)}).encode()
            if error_code is None:
                known = apply(known, command)
            elif error_code == "UNKNOWN_ACCOUNT" and not isinstance(command, CreateAccount):
                known = AccountState()
        self.states[account] = known
        row = {
            "sequence_number": self.next_number(),
            "batch_id": self.batch_id,
            "subscription_number": account,
            "account": account,
            "command": name,
            "distributor": given.get("distributor"),
            "parameters": json.dumps(given),
            "state": "COMPLETED" if error_code is None else "REJECTED",
            "error_code": error_code,
            "caused_by": "RESET_RUN night",
            "planned_at": at - timedelta(seconds=2),
            "sent_at": at - timedelta(seconds=1),
            "closed_at": at,
            "attempts": 1,
            "body": body,
        } | columns
        row["request_number"] = f"PR-{row['sequence_number']:010d}"
        names = ", ".join(row)
        self.db.execute(
            f"INSERT INTO request_log ({names}) VALUES ({', '.join(f'%({name})s' for name in row)})",  # noqa: S608
            row,
        )
        known_state.write(self.db, {AccountId(account): known})

    def next_number(self) -> int:
        """Draw a sequence number."""
        (number,) = self.db.execute("SELECT nextval('request_sequence')").fetchone() or (0,)
        return int(number)

    def fill(self, months: Sequence[Month], *, accounts: int = 8, requests: int = 60, seed: int = 5) -> None:
        """Close random requests, all kinds of outcomes, evenly through *months*."""
        chance = random.Random(seed)
        begins, ends = months[0].begins_at, months[-1].ends_at
        step = (ends - begins) / (requests + 1)
        with self.db.transaction():
            for n in range(requests):
                account = f"S{chance.randrange(accounts):010d}"
                command = a_command(chance, account)
                error = chance.choices((None, "UNKNOWN_OPTION", "UNKNOWN_ACCOUNT"), (16, 1, 1))[0]
                self.close(account, command, begins + step * (n + 1), error_code=error)

    def count(self, table: str) -> int:
        """Return how many rows a table or view has."""
        (rows,) = self.owner.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)  # noqa: S608
        return int(rows)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what a statement finds."""
        return self.owner.execute(statement, values or None).fetchall()


def a_command(chance: random.Random, account: str) -> Command:
    """Return any of the five commands."""
    of = AccountId(account)
    place, code = DistributorCode(f"VP{chance.randint(1, 2)}"), OptionCode(chance.choice(CODES))
    serial = SerialNumber(f"BOX-{account}-{chance.randint(1, 2)}")
    match chance.randrange(6):
        case 0:
            return CreateAccount(
                account=of, subscriber=Subscriber(name=f"Ada {account}", email="ada@example.com")
            )
        case 1 | 2:
            more = tuple(sorted({code, OptionCode(chance.choice(CODES))}))
            return ActivateOptions(account=of, distributor=place, options=more)
        case 3:
            return SuspendOptions(account=of, distributor=place, options=(code,))
        case 4:
            kind = MaterialType(chance.choice(("HD", "UHD")))
            return AddMaterial(
                account=of, material=Material(distributor=place, serial_number=serial, material_type=kind)
            )
        case _:
            return RemoveMaterial(account=of, distributor=place, serial_number=serial)


def at(text: str) -> datetime:
    """Return a time in UTC: at('2026-01-05 10:00')."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
