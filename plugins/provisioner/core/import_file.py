"""What Tucano held before we knew it: an operator's platform export or old request log, row by row to states.

The columns are documented in docs/day-one.md. A row that cannot be used is kept with its reason and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from provisioner.core import wire
from provisioner.core.errors import ConfigurationError
from provisioner.core.model import (
    AccountId,
    AccountState,
    ActivateOptions,
    AddMaterial,
    Command,
    CommandName,
    CreateAccount,
    DistributorCode,
    Material,
    MaterialType,
    OptionCode,
    RemoveMaterial,
    SerialNumber,
    Subscriber,
    SubscriptionNumber,
    SuspendOptions,
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
# What the fold of a request does not need, and a file must not bring along.
NOBODY: Final = Subscriber(name="-")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that is not used. *line* counts from 1, the header; 0 stands for an account as a whole."""

    line: int
    account: str | None
    reason: str
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What a file says: the state of each account, one subscription of some, and the rows that say nothing."""

    states: Mapping[AccountId, AccountState]
    numbers: Mapping[AccountId, SubscriptionNumber]
    bad: Sequence[BadRow]
    rows: int
    not_completed: int


class _Bad(Exception):
    def __init__(self, reason: str, explanation: str) -> None:
        super().__init__(explanation)
        self.reason = reason


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
            row = _row(columns, values)
            account = _account(row)
            if row.get("option") and row.get("serial_number"):
                raise _Bad("MALFORMED_ROW", "names an option and a serial number: one thing a row")
            if code := row.get("option"):
                place = _distributor(row, distributors)
                options.setdefault(account, set()).add((place, OptionCode(_code("option", code))))
            elif row.get("serial_number"):
                material = _material(row, distributors)
                holder = places.setdefault(material.serial_number, (account, material))
                if holder != (account, material):
                    raise _Bad(
                        "ITEM_IN_TWO_PLACES",
                        f"box {material.serial_number!r} is at account {holder[0]!r} already: a box is in one place; "
                        "ask Tucano's operators which",
                    )
                materials.setdefault(account, set()).add(material)
            elif row.get("distributor") or row.get("material_type"):
                raise _Bad(
                    "MALFORMED_ROW", "names a distributor or a type but neither option nor serial number"
                )
            options.setdefault(account, set())
            _keep_number(numbers, account, row)
        except _Bad as fault:
            bad.append(_bad_row(line, columns, values, fault))
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
            row = _row(columns, values)
            if row["state"] != "COMPLETED":
                if row["state"] not in ("REJECTED", "PENDING", "UNKNOWN"):
                    raise _Bad(
                        "INVALID_VALUE",
                        f"state {row['state']!r} is none of COMPLETED, REJECTED, PENDING, UNKNOWN",
                    )
                not_completed += 1
                continue
            account = _account(row)
            command = _command(account, row, distributors)
            acknowledged.setdefault(account, []).append((_time(row["closed_at"]), line, command))
            _keep_number(numbers, account, row)
        except _Bad as fault:
            one = _bad_row(line, columns, values, fault)
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


def _row(columns: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    if len(values) != len(columns):
        raise _Bad("MALFORMED_ROW", f"has {len(values)} values, the first line names {len(columns)}")
    return {name: value.strip() for name, value in zip(columns, values, strict=True)}


def _account(row: Mapping[str, str]) -> AccountId:
    account = row["account"]
    if not wire.ACCOUNT.fullmatch(account):
        raise _Bad("INVALID_VALUE", f"account {account!r} is not of the form {wire.ACCOUNT.pattern}")
    return AccountId(account)


def _distributor(row: Mapping[str, str], distributors: frozenset[DistributorCode]) -> DistributorCode:
    code = DistributorCode(row.get("distributor", ""))
    if code not in distributors:
        raise _Bad(
            "UNKNOWN_DISTRIBUTOR",
            f"distributor {code!r} is not one of the provider's ({', '.join(sorted(distributors))}): mend the file, or "
            "add the distributor in include/provider/tucano.yaml, and import the file again",
        )
    return code


def _code(what: str, code: str) -> str:
    if not wire.CODE.fullmatch(code):
        raise _Bad("INVALID_VALUE", f"{what} {code!r} is not of the form {wire.CODE.pattern}")
    return code


def _serial_number(row: Mapping[str, str]) -> SerialNumber:
    serial = row.get("serial_number", "")
    if not wire.SERIAL_NUMBER.fullmatch(serial):
        raise _Bad(
            "INVALID_VALUE", f"serial number {serial!r} is not of the form {wire.SERIAL_NUMBER.pattern}"
        )
    return SerialNumber(serial)


def _material(row: Mapping[str, str], distributors: frozenset[DistributorCode]) -> Material:
    return Material(
        distributor=_distributor(row, distributors),
        serial_number=_serial_number(row),
        material_type=MaterialType(_code("material type", row.get("material_type", ""))),
    )


def _command(account: AccountId, row: Mapping[str, str], distributors: frozenset[DistributorCode]) -> Command:
    try:
        name = CommandName(row["command"])
    except ValueError as error:
        raise _Bad(
            "INVALID_VALUE", f"command {row['command']!r} is none of {', '.join(CommandName)}"
        ) from error
    match name:
        case CommandName.CREATE_ACCOUNT:
            return CreateAccount(account=account, subscriber=NOBODY)
        case CommandName.ADD_MATERIAL:
            return AddMaterial(account=account, material=_material(row, distributors))
        case CommandName.REMOVE_MATERIAL:
            place = _distributor(row, distributors)
            return RemoveMaterial(account=account, distributor=place, serial_number=_serial_number(row))
        case CommandName.ACTIVATE_OPTIONS | CommandName.SUSPEND_OPTIONS:
            codes = tuple(sorted(OptionCode(_code("option", one)) for one in row.get("options", "").split()))
            if not codes:
                raise _Bad("INVALID_VALUE", f"{name} names no option: separate several by blanks")
            place = _distributor(row, distributors)
            if name is CommandName.ACTIVATE_OPTIONS:
                return ActivateOptions(account=account, distributor=place, options=codes)
            return SuspendOptions(account=account, distributor=place, options=codes)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _Bad(
            "INVALID_VALUE", f"closed_at {text!r} is no time: write 2026-01-31T02:00:00+00:00"
        ) from error
    if moment.tzinfo is None:
        raise _Bad("INVALID_VALUE", f"closed_at {text!r} has no zone: write {text}+00:00 for UTC")
    return moment


def _keep_number(
    numbers: dict[AccountId, SubscriptionNumber], account: AccountId, row: Mapping[str, str]
) -> None:
    if number := row.get("subscription_number"):
        numbers.setdefault(account, SubscriptionNumber(number))


def _bad_row(line: int, columns: Sequence[str], values: Sequence[str], fault: _Bad) -> BadRow:
    position = columns.index("account")
    account = values[position].strip() if position < len(values) else ""
    return BadRow(
        line=line,
        account=account if wire.ACCOUNT.fullmatch(account) else None,
        reason=fault.reason,
        explanation=f"line {line}: {fault}",
    )
