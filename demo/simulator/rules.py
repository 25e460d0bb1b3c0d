"""What Tucano decides, as one pure function: apply(seen, request) -> verdict.

A request is applied whole or not at all. The order of the checks is the order of the sentences in
the contract: the account first, then what the request names, then whether it already is so.
"""

from __future__ import annotations

from dataclasses import dataclass

from demo.simulator.contract import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Where a serial number is registered."""

    account: str
    distributor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the platform holds that a request can depend on.

    *active*: the options active for the request's account and distributor.
    *holder*: where the request's serial number is registered, if anywhere.
    """

    account_exists: bool = False
    active: frozenset[str] = frozenset()
    holder: Holder | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The request takes effect; *changed* are the options it turns, *already* those that were so."""

    changed: tuple[str, ...] = ()
    already: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The request is refused whole."""

    error_code: str
    error_description: str


def apply(
    seen: Seen,
    request: Request,
    *,
    unknown_options: frozenset[str] = frozenset(),
    mixed_list_rejects: bool = False,
) -> Accepted | Rejected:
    """Decide *request* against *seen*; changes nothing.

    *unknown_options*: codes this platform does not offer.
    *mixed_list_rejects*: refuse a list of which some options already are as asked.
    """
    if request.command == "CREATE_ACCOUNT":
        if seen.account_exists:
            return Rejected(
                error_code="ACCOUNT_EXISTS", error_description=f"account {request.account} exists"
            )
        return Accepted()
    if not seen.account_exists:
        return Rejected(
            error_code="UNKNOWN_ACCOUNT", error_description=f"account {request.account} is not registered"
        )
    match request.command:
        case "ACTIVATE_OPTIONS" | "SUSPEND_OPTIONS":
            return _options(seen, request, unknown_options, mixed_list_rejects)
        case "ADD_MATERIAL":
            return _add_material(seen, request)
        case "REMOVE_MATERIAL":
            return _remove_material(seen, request)
        case command:
            raise ValueError(f"the contract has a command without a rule: {command}")


def _options(
    seen: Seen, request: Request, unknown_options: frozenset[str], mixed_list_rejects: bool
) -> Accepted | Rejected:
    options: list[str] = request.parameters["options"]
    unknown = [option for option in options if option in unknown_options]
    if unknown:
        return Rejected(error_code="UNKNOWN_OPTION", error_description=f"not offered: {', '.join(unknown)}")
    activating = request.command == "ACTIVATE_OPTIONS"
    already = tuple(option for option in options if (option in seen.active) is activating)
    changed = tuple(option for option in options if (option in seen.active) is not activating)
    if not changed or (already and mixed_list_rejects):
        where = f"for account {request.account} at {request.parameters['distributor']}"
        if activating:
            return Rejected(
                error_code="OPTION_ALREADY_ACTIVE",
                error_description=f"active already {where}: {', '.join(already)}",
            )
        return Rejected(
            error_code="OPTION_NOT_ACTIVE", error_description=f"not active {where}: {', '.join(already)}"
        )
    return Accepted(changed=changed, already=already)


def _add_material(seen: Seen, request: Request) -> Accepted | Rejected:
    serial_number = request.parameters["serial_number"]
    if seen.holder is None:
        return Accepted()
    if seen.holder == _place(request):
        return Rejected(
            error_code="MATERIAL_ALREADY_REGISTERED",
            error_description=f"{serial_number} is registered to this account and distributor",
        )
    return Rejected(
        error_code="MATERIAL_REGISTERED_ELSEWHERE",
        error_description=f"{serial_number} is registered to another account or distributor",
    )


def _remove_material(seen: Seen, request: Request) -> Accepted | Rejected:
    if seen.holder == _place(request):
        return Accepted()
    return Rejected(
        error_code="UNKNOWN_MATERIAL",
        error_description=f"{request.parameters['serial_number']} is not registered to this account"
        " and distributor",
    )


def _place(request: Request) -> Holder:
    return Holder(account=request.account, distributor=request.parameters["distributor"])
