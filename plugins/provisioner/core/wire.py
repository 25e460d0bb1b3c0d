"""The only speller of Tucano's JSON: commands to bytes and back, answers to values.

An operator with the vendor's own specification changes this file and include/tucano-api.yaml, nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final, assert_never

from provisioner.core import policy
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

# The limits of include/tucano-api.yaml; a test holds both to each other.
ACCOUNT_CHARACTERS: Final = 40
ACCOUNT: Final = re.compile(rf"[A-Za-z0-9._-]{{1,{ACCOUNT_CHARACTERS}}}")
CODE: Final = re.compile(r"[A-Za-z0-9._+-]{1,64}")
SERIAL_NUMBER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
NAME_CHARACTERS: Final = 200
EMAIL_CHARACTERS: Final = 254
PHONE_CHARACTERS: Final = 40
ADDRESS_CHARACTERS: Final = 500
OPTIONS_A_REQUEST: Final = 100

PERSONAL: Final = frozenset({"name", "email", "phone", "address"})
MASK: Final = "***"


class ErrorCode(StrEnum):
    """The refusals of the contract. A platform may say others; they stay plain text."""

    ACCOUNT_EXISTS = "ACCOUNT_EXISTS"
    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    UNKNOWN_OPTION = "UNKNOWN_OPTION"
    OPTION_ALREADY_ACTIVE = "OPTION_ALREADY_ACTIVE"
    OPTION_NOT_ACTIVE = "OPTION_NOT_ACTIVE"
    MATERIAL_ALREADY_REGISTERED = "MATERIAL_ALREADY_REGISTERED"
    MATERIAL_REGISTERED_ELSEWHERE = "MATERIAL_REGISTERED_ELSEWHERE"
    UNKNOWN_MATERIAL = "UNKNOWN_MATERIAL"
    INVALID_REQUEST = "INVALID_REQUEST"


class Verdict(StrEnum):
    """What a 200 of the contract says."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, read. *verdict* is None unless the body is the contract's.

    *retry_after* counts seconds. *body* is the text to be stored: what PostgreSQL cannot hold is escaped.
    """

    status: int
    verdict: Verdict | None = None
    error_code: str | None = None
    error_description: str | None = None
    reference_number: str | None = None
    already: frozenset[OptionCode] = frozenset()
    replayed: bool = False
    retry_after: float | None = None
    body: str = ""


def name_of(command: Command) -> CommandName:
    """Return Tucano's name of *command*."""
    match command:
        case CreateAccount():
            return CommandName.CREATE_ACCOUNT
        case AddMaterial():
            return CommandName.ADD_MATERIAL
        case ActivateOptions():
            return CommandName.ACTIVATE_OPTIONS
        case SuspendOptions():
            return CommandName.SUSPEND_OPTIONS
        case RemoveMaterial():
            return CommandName.REMOVE_MATERIAL
        case _:
            assert_never(command)


def parameters(command: Command) -> dict[str, Any]:
    """Return the parameters of *command* as they are sent and stored; what is not given is left out."""
    match command:
        case CreateAccount(subscriber=subscriber):
            given = {
                "name": subscriber.name,
                "email": subscriber.email,
                "phone": subscriber.phone,
                "address": subscriber.address,
            }
            return {key: value for key, value in given.items() if value is not None}
        case ActivateOptions() | SuspendOptions():
            return {"distributor": command.distributor, "options": sorted(command.options)}
        case AddMaterial(material=material):
            return {
                "distributor": material.distributor,
                "serial_number": material.serial_number,
                "material_type": material.material_type,
            }
        case RemoveMaterial():
            return {"distributor": command.distributor, "serial_number": command.serial_number}
        case _:
            assert_never(command)


def masked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return *given* parameters with personal data blotted out, for pages, logs and views."""
    return {key: MASK if key in PERSONAL else value for key, value in given.items()}


def personal_values(body: bytes) -> frozenset[str]:
    """Return what the body of a CREATE_ACCOUNT says of a person; nothing where it is none of ours."""
    try:
        given = json.loads(body)["parameters"]
        return frozenset(str(given[key]) for key in PERSONAL & given.keys())
    except (ValueError, KeyError, TypeError, AttributeError):
        return frozenset()


def encode(request_number: str, command: Command) -> bytes:
    """Return the body of a request: the same bytes each time for the same request."""
    body = {
        "request_number": request_number,
        "command": name_of(command).value,
        "account": command.account,
        "parameters": parameters(command),
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def decode(command_name: str, account: AccountId, given: Mapping[str, Any]) -> Command:
    """Return the command that was stored as its name, account and parameters.

    Masked parameters give a masked subscriber. Raises ValueError for a sixth command and KeyError where a
    parameter is missing: both mean that the log was written by something else.
    """
    match CommandName(command_name):
        case CommandName.CREATE_ACCOUNT:
            subscriber = Subscriber(
                name=given["name"],
                email=given.get("email"),
                phone=given.get("phone"),
                address=given.get("address"),
            )
            return CreateAccount(account=account, subscriber=subscriber)
        case CommandName.ACTIVATE_OPTIONS:
            return ActivateOptions(account=account, distributor=_distributor(given), options=_options(given))
        case CommandName.SUSPEND_OPTIONS:
            return SuspendOptions(account=account, distributor=_distributor(given), options=_options(given))
        case CommandName.ADD_MATERIAL:
            material = Material(
                distributor=_distributor(given),
                serial_number=SerialNumber(given["serial_number"]),
                material_type=MaterialType(given["material_type"]),
            )
            return AddMaterial(account=account, material=material)
        case CommandName.REMOVE_MATERIAL:
            return RemoveMaterial(
                account=account,
                distributor=_distributor(given),
                serial_number=SerialNumber(given["serial_number"]),
            )
        case unknown:
            assert_never(unknown)


def decode_body(body: bytes) -> Command:
    """Return the command of a stored body, personal data included."""
    stored = json.loads(body)
    return decode(stored["command"], AccountId(stored["account"]), stored["parameters"])


def _distributor(given: Mapping[str, Any]) -> DistributorCode:
    return DistributorCode(given["distributor"])


def _options(given: Mapping[str, Any]) -> tuple[OptionCode, ...]:
    return tuple(sorted(OptionCode(option) for option in given["options"]))


def parse_answer(
    status: int, headers: Mapping[str, str], body: bytes, *, now: datetime, request_number: str | None = None
) -> Answer:
    """Read an HTTP answer; never raises, whatever the body is.

    A platform need not say which request it answers; one that names another than *request_number* did not mean it.
    A Retry-After date is turned into seconds by the answer's own Date, and only without one by *now* (aware); a date
    gone by is 0, one not understood None.
    """
    text = _storable(body.decode("utf-8", "backslashreplace"))
    retry_after = _retry_after(headers, now)
    members = _members(body)
    if status != 200:
        description = members.get("error_description")
        return Answer(
            status=status,
            error_description=_storable(description) if isinstance(description, str) else None,
            retry_after=retry_after,
            body=text,
        )
    if not _is_of_the_contract(members) or members.get("request_number", request_number) != request_number:
        return Answer(status=status, retry_after=retry_after, body=text)
    return Answer(
        status=status,
        verdict=Verdict(members["status"]),
        error_code=_text(members, "error_code"),
        error_description=_text(members, "error_description"),
        reference_number=_text(members, "reference_number"),
        already=frozenset(members.get("already", ())),
        replayed=members.get("replayed", False),
        retry_after=retry_after,
        body=text,
    )


def _members(body: bytes) -> dict[str, Any]:
    """Return the members of the JSON object in *body*, without nulls; none where it is anything else."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # not JSON, not text, or nested to drown the parser
        return {}
    if not isinstance(document, dict):
        return {}
    # A null member is what many serialisers write for an absent one.
    return {key: value for key, value in document.items() if value is not None}


def _is_of_the_contract(members: Mapping[str, Any]) -> bool:
    already = members.get("already", [])
    return (
        members.get("status") in (Verdict.ACCEPTED.value, Verdict.REJECTED.value)
        and all(
            isinstance(members.get(key, ""), str)
            for key in ("error_code", "error_description", "reference_number")
        )
        and isinstance(already, list)
        and all(isinstance(option, str) for option in already)
        and isinstance(members.get("replayed", False), bool)
    )


def _text(members: Mapping[str, Any], key: str) -> str | None:
    return _storable(members[key]) if key in members else None


def _storable(text: str) -> str:
    """Escape what PostgreSQL's text cannot hold: NUL and half surrogate pairs, both legal in JSON."""
    return text.replace("\x00", "\\u0000").encode("utf-8", "backslashreplace").decode()


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    given = _header(headers, "retry-after")
    if not given:  # nearly always: a date that is not there would be looked for in vain at some length
        return None
    if given.isascii() and given.isdigit():
        seconds = float(given)
    else:
        until = _moment(given)
        if until is None:
            return None
        # By the clock that wrote the date, where it says what it showed: ours may be an hour off.
        seconds = until - (_moment(_header(headers, "date")) or now.timestamp())
    return min(max(seconds, 0.0), policy.RETRY_AFTER_LONGEST_SECONDS)


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value.strip() for key, value in headers.items() if key.lower() == name), "")


def _moment(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
