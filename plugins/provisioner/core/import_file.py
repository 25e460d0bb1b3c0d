"""What Tucano held before we knew it: an operator's platform export or old request log, row by row to states.

The columns are documented in docs/day-one.md. A row that cannot be used is kept with its reason and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from provisioner.core import import_row
from provisioner.core.errors import ConfigurationError
from provisioner.core.import_row import BadRow
from provisioner.core.model import (
    AccountId,
    AccountState,
    Command,
    DistributorCode,
    Material,
    OptionCode,
    SerialNumber,
    SubscriptionNumber,
)
from provisioner.core.plan import apply


class FileKind(StrEnum):
    """EXPORT: what the platform holds, a row a thing. REQUESTS: what it acknowledged, a row a request."""

    EXPORT = "EXPORT"
    REQUESTS = "REQUESTS"


EXPORT_COLUMNS: Final = (
    "account",
    "distributor",
    "option",
    "serial_number",
    "material_type",
    "subscription_number",
)
REQUESTS_COLUMNS: Final = (
    "account",
    "command",
    "distributor",
    "options",
    "serial_number",
    "material_type",
    "state",
    "closed_at",
    "subscription_number",
)
# Of the columns, those that a file must have.
NEEDED: Final = {
    FileKind.EXPORT: ("account",),
    FileKind.REQUESTS: ("account", "command", "state", "closed_at"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What a file says: the state of each account, one subscription of some, and the rows that say nothing."""

    states: Mapping[AccountId, AccountState]
    numbers: Mapping[AccountId, SubscriptionNumber]
    bad: Sequence[BadRow]
    rows: int
    not_completed: int


def kind_of(columns: Sequence[str]) -> FileKind:
    """Return what kind of file has these *columns*; raises ConfigurationError naming those that are wrong."""
    kind = FileKind.REQUESTS if "command" in columns else FileKind.EXPORT
    allowed = REQUESTS_COLUMNS if kind is FileKind.REQUESTS else EXPORT_COLUMNS
    if strangers := [name for name in columns if name not in allowed]:
        raise ConfigurationError(
            f"the file has unknown columns {', '.join(map(repr, strangers))}: of {kind} a file has "
            f"{', '.join(allowed)}, separated by commas, with these names in its first line (docs/day-one.md)"
        )
    if missing := [name for name in NEEDED[kind] if name not in columns]:
        raise ConfigurationError(
            f"the file has no column {', '.join(missing)}: of {kind} it is needed (docs/day-one.md)"
        )
    if len(set(columns)) < len(columns):
        raise ConfigurationError("the file names a column twice: which one counts?")
    return kind


def fold(
    kind: FileKind,
    columns: Sequence[str],
    rows: Iterable[tuple[int, Sequence[str]]],
    distributors: Iterable[DistributorCode],
) -> Folded:
    """Fold *rows* (line, values) to states.

    An account of an old request log of which one row cannot be used is not imported at all: a request that is left out
    could make known what is gone. Of an export the rest of the account is: what is left out is only not known.
    """
    if kind is FileKind.EXPORT:
        return _fold_export(columns, rows, frozenset(distributors))
    return _fold_requests(columns, rows, frozenset(distributors))


def _fold_export(
    columns: Sequence[str],
    rows: Iterable[tuple[int, Sequence[str]]],
    distributors: frozenset[DistributorCode],
) -> Folded:
    options: dict[AccountId, set[tuple[DistributorCode, OptionCode]]] = {}
    materials: dict[AccountId, set[Material]] = {}
    places: dict[SerialNumber, tuple[AccountId, Material]] = {}
    numbers: dict[AccountId, SubscriptionNumber] = {}
    bad: list[BadRow] = []
    count = 0
    for line, values in rows:
        count += 1
        try:
            row = import_row.read(columns, values)
            account = import_row.account_of(row)
            if row.get("option") and row.get("serial_number"):
                raise import_row.Unusable(
                    "MALFORMED_ROW", "names an option and a serial number: one thing a row"
                )
            if code := row.get("option"):
                place = import_row.distributor_of(row, distributors)
                options.setdefault(account, set()).add(
                    (place, OptionCode(import_row.code_of("option", code)))
                )
            elif row.get("serial_number"):
                material = import_row.material_of(row, distributors)
                holder = places.setdefault(material.serial_number, (account, material))
                if holder != (account, material):
                    raise import_row.Unusable(
                        "ITEM_IN_TWO_PLACES",
                        f"box {material.serial_number!r} is at account {holder[0]!r} already: a box is in one place; "
                        "ask Tucano's operators which",
                    )
                materials.setdefault(account, set()).add(material)
            elif row.get("distributor") or row.get("material_type"):
                raise import_row.Unusable(
                    "MALFORMED_ROW", "names a distributor or a type but neither option nor serial number"
                )
            options.setdefault(account, set())
            _keep_number(numbers, account, row)
        except import_row.Unusable as fault:
            bad.append(import_row.bad_row(line, columns, values, fault))
    states = {
        account: AccountState(
            exists=True, options=frozenset(codes), materials=frozenset(materials.get(account, ()))
        )
        for account, codes in options.items()
    }
    return Folded(states=states, numbers=numbers, bad=bad, rows=count, not_completed=0)


def _fold_requests(
    columns: Sequence[str],
    rows: Iterable[tuple[int, Sequence[str]]],
    distributors: frozenset[DistributorCode],
) -> Folded:
    acknowledged: dict[AccountId, list[tuple[datetime, int, Command]]] = {}
    numbers: dict[AccountId, SubscriptionNumber] = {}
    spoilt: dict[str, int] = {}
    bad: list[BadRow] = []
    count = not_completed = 0
    for line, values in rows:
        count += 1
        try:
            row = import_row.read(columns, values)
            if row["state"] != "COMPLETED":
                if row["state"] not in ("REJECTED", "PENDING", "UNKNOWN"):
                    raise import_row.Unusable(
                        "INVALID_VALUE",
                        f"state {row['state']!r} is none of COMPLETED, REJECTED, PENDING, UNKNOWN",
                    )
                not_completed += 1
                continue
            account = import_row.account_of(row)
            command = import_row.command_of(account, row, distributors)
            acknowledged.setdefault(account, []).append((import_row.time_of(row["closed_at"]), line, command))
            _keep_number(numbers, account, row)
        except import_row.Unusable as fault:
            one = import_row.bad_row(line, columns, values, fault)
            bad.append(one)
            spoilt.setdefault(one.account or "", line)
    states: dict[AccountId, AccountState] = {}
    for account, requests in acknowledged.items():
        if account in spoilt:
            bad.append(
                BadRow(
                    line=0,
                    account=account,
                    reason="ACCOUNT_NOT_IMPORTED",
                    explanation=f"line {spoilt[account]} of it cannot be used, so what it adds up to is not known: "
                    "mend the line and import a file with this account's requests",
                )
            )
            continue
        state = AccountState()
        # The line decides between two of one time: a log is written in order.
        for _, _, command in sorted(requests, key=lambda one: one[:2]):
            state = apply(state, command)
        states[account] = state
    return Folded(states=states, numbers=numbers, bad=bad, rows=count, not_completed=not_completed)


def _keep_number(
    numbers: dict[AccountId, SubscriptionNumber], account: AccountId, row: Mapping[str, str]
) -> None:
    if number := row.get("subscription_number"):
        numbers.setdefault(account, SubscriptionNumber(number))
