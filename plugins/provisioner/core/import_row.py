"""A row of an operator's file (core/import_file.py) to values: used as it is written, or refused with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from provisioner.core import wire
from provisioner.core.model import (
    AccountId,
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
    SuspendOptions,
)

# What the fold of a request does not need, and a file must not bring along.
NOBODY: Final = Subscriber(name="-")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that is not used. *line* counts from 1, the header; 0 stands for an account as a whole."""

    line: int
    account: str | None
    reason: str
    explanation: str


class Unusable(Exception):
    """A row says nothing that can be used. *reason* is its kind, the text is for a person."""

    def __init__(self, reason: str, explanation: str) -> None:
        super().__init__(explanation)
        self.reason = reason


def read(columns: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Return the values of a row by their columns' names."""
    if len(values) != len(columns):
        raise Unusable("MALFORMED_ROW", f"has {len(values)} values, the first line names {len(columns)}")
    return {name: value.strip() for name, value in zip(columns, values, strict=True)}


def account_of(row: Mapping[str, str]) -> AccountId:
    """Return whose row it is."""
    account = row["account"]
    if not wire.ACCOUNT.fullmatch(account):
        raise Unusable("INVALID_VALUE", f"account {account!r} is not of the form {wire.ACCOUNT.pattern}")
    return AccountId(account)


def distributor_of(row: Mapping[str, str], distributors: frozenset[DistributorCode]) -> DistributorCode:
    """Return the row's distributor, which must be one of the provider's."""
    code = DistributorCode(row.get("distributor", ""))
    if code not in distributors:
        raise Unusable(
            "UNKNOWN_DISTRIBUTOR",
            f"distributor {code!r} is not one of the provider's ({', '.join(sorted(distributors))}): mend the file, or "
            "add the distributor in include/provider/tucano.yaml, and import the file again",
        )
    return code


def code_of(what: str, code: str) -> str:
    """Return *code* if it has the form of one; *what* says of what."""
    if not wire.CODE.fullmatch(code):
        raise Unusable("INVALID_VALUE", f"{what} {code!r} is not of the form {wire.CODE.pattern}")
    return code


def serial_number_of(row: Mapping[str, str]) -> SerialNumber:
    """Return the row's serial number."""
    serial = row.get("serial_number", "")
    if not wire.SERIAL_NUMBER.fullmatch(serial):
        raise Unusable(
            "INVALID_VALUE", f"serial number {serial!r} is not of the form {wire.SERIAL_NUMBER.pattern}"
        )
    return SerialNumber(serial)


def material_of(row: Mapping[str, str], distributors: frozenset[DistributorCode]) -> Material:
    """Return the row's box."""
    return Material(
        distributor=distributor_of(row, distributors),
        serial_number=serial_number_of(row),
        material_type=MaterialType(code_of("material type", row.get("material_type", ""))),
    )


def command_of(
    account: AccountId, row: Mapping[str, str], distributors: frozenset[DistributorCode]
) -> Command:
    """Return what the row's request asked of Tucano."""
    try:
        name = CommandName(row["command"])
    except ValueError as error:
        raise Unusable(
            "INVALID_VALUE", f"command {row['command']!r} is none of {', '.join(CommandName)}"
        ) from error
    match name:
        case CommandName.CREATE_ACCOUNT:
            return CreateAccount(account=account, subscriber=NOBODY)
        case CommandName.ADD_MATERIAL:
            return AddMaterial(account=account, material=material_of(row, distributors))
        case CommandName.REMOVE_MATERIAL:
            place = distributor_of(row, distributors)
            return RemoveMaterial(account=account, distributor=place, serial_number=serial_number_of(row))
        case CommandName.ACTIVATE_OPTIONS | CommandName.SUSPEND_OPTIONS:
            codes = tuple(
                sorted(OptionCode(code_of("option", one)) for one in row.get("options", "").split())
            )
            if not codes:
                raise Unusable("INVALID_VALUE", f"{name} names no option: separate several by blanks")
            place = distributor_of(row, distributors)
            if name is CommandName.ACTIVATE_OPTIONS:
                return ActivateOptions(account=account, distributor=place, options=codes)
            return SuspendOptions(account=account, distributor=place, options=codes)


def time_of(text: str) -> datetime:
    """Return the time that *text* is, which must name its zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unusable(
            "INVALID_VALUE", f"closed_at {text!r} is no time: write 2026-01-31T02:00:00+00:00"
        ) from error
    if moment.tzinfo is None:
        raise Unusable("INVALID_VALUE", f"closed_at {text!r} has no zone: write {text}+00:00 for UTC")
    return moment


def bad_row(line: int, columns: Sequence[str], values: Sequence[str], fault: Unusable) -> BadRow:
    """Return what is kept of a row that is not used."""
    position = columns.index("account")
    account = values[position].strip() if position < len(values) else ""
    return BadRow(
        line=line,
        account=account if wire.ACCOUNT.fullmatch(account) else None,
        reason=fault.reason,
        explanation=f"line {line}: {fault}",
    )
