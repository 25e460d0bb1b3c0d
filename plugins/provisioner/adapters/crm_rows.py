"""Reads one packed row of the CRM contract into values, or says why it cannot be read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from provisioner.core.faults import SHOWN_CHARACTERS, shown
from provisioner.core.model import (
    AccountId,
    DistributorCode,
    InstalledItem,
    RejectedReason,
    RejectedRow,
    SerialNumber,
    Service,
    ServiceState,
    ServiceType,
    Subscriber,
    Subscription,
    SubscriptionNumber,
    SubscriptionState,
)


@dataclass(frozen=True, slots=True)
class PackedRow:
    """One row of the extract as it came: texts, None for null."""

    subscription_number: str | None
    account_id: str | None
    name: str | None
    email: str | None
    phone: str | None
    address: str | None
    subscription_type: str | None
    state: str | None
    created_at: str | None
    services: str | None
    items: str | None
    version: str | None


class RowError(ValueError):
    """A row breaks the contract; the message says how, without personal data."""


def parse_row(fields: Sequence[str | None]) -> Subscription | RejectedRow:
    """Read one row of the contract, or say why it cannot be read. Nothing is invented for what is missing."""
    row = PackedRow(*fields)
    try:
        return Subscription(
            subscription_number=SubscriptionNumber(_required("subscription_number", row.subscription_number)),
            account=AccountId(_required("account_id", row.account_id)),
            state=parse_state(row.state),
            subscription_type=row.subscription_type or "",
            created_at=_moment("created_at", row.created_at),
            services=parse_services(row.services),
            items=parse_items(row.items),
            subscriber=Subscriber(
                name=row.name or "",
                email=row.email or None,
                phone=row.phone or None,
                address=row.address or None,
            ),
            version=_version(row.version),
        )
    except RowError as error:
        return rejected(row.subscription_number, row.account_id, error)


def rejected(subscription_number: str | None, account: str | None, error: RowError) -> RejectedRow:
    """Return the rejected row that says how a row breaks the contract."""
    return RejectedRow(
        subscription_number=SubscriptionNumber(subscription_number or ""),
        account=AccountId(account) if account else None,
        reason=RejectedReason.MALFORMED_ROW,
        explanation=f"subscription {shown(subscription_number)} {error}: mend it in the CRM, or in include/sql/crm/",
    )


def parse_state(state: str | None) -> SubscriptionState:
    """Return the subscription's state, or raise RowError for one the contract does not have."""
    given = _required("state", state)
    try:
        return SubscriptionState(given)
    except ValueError:
        raise RowError(f"has the state {shown(given)}, which docs/crm-contract.md does not have") from None


def parse_services(packed: str | None) -> tuple[Service, ...]:
    """Return the services of a row, or raise RowError."""
    return tuple(_service(member) for member in _members("services", packed))


def _service(member: dict[str, Any]) -> Service:
    code = member.get("code")
    if not isinstance(code, str) or not code:
        raise RowError(f"has a service without a code: {_shown(member)}")
    of_it = f"service {shown(code)}"
    # What is not there is not the default place: taken for it, the service would move.
    distributors = _present(member, "distributors", of_it)
    if not isinstance(distributors, list) or not all(isinstance(one, str) for one in distributors):
        raise RowError(f"has {of_it} with distributors {shown(distributors)}, not an array of codes")
    bundle = _present(member, "bundle", of_it)
    if bundle is not None and (not isinstance(bundle, str) or not bundle):
        raise RowError(f"has {of_it} with bundle {shown(bundle)}, not a code")
    return Service(
        code=code,
        type=_of(ServiceType, member.get("type"), f"{of_it} of type"),
        state=_of(ServiceState, member.get("state"), f"{of_it} in state"),
        distributors=tuple(DistributorCode(one) for one in distributors),
        bundle=bundle,
    )


def parse_items(packed: str | None) -> tuple[InstalledItem, ...]:
    """Return the installed items of a row, or raise RowError."""
    return tuple(_item(member) for member in _members("items", packed))


def _item(member: dict[str, Any]) -> InstalledItem:
    serial_number, kind = member.get("serial_number"), member.get("type")
    if not isinstance(serial_number, str) or not serial_number:
        raise RowError(f"has an installed item without a serial number: {_shown(member)}")
    if not isinstance(kind, str) or not kind:
        raise RowError(f"has installed item {shown(serial_number)} without a type")
    place = _present(member, "distributor", f"installed item {shown(serial_number)}")
    if place is not None and (not isinstance(place, str) or not place):
        raise RowError(f"has installed item {shown(serial_number)} at distributor {shown(place)}, not a code")
    return InstalledItem(
        serial_number=SerialNumber(serial_number),
        type=kind,
        distributor=None if place is None else DistributorCode(place),
    )


def _present(member: dict[str, Any], key: str, of_it: str) -> Any:
    if key not in member:
        raise RowError(f"has {of_it} without its {key}")
    return member[key]


def _moment(column: str, given: str | None) -> datetime | None:
    if not given:
        return None
    try:
        return datetime.fromisoformat(given)
    except ValueError:
        # PostgreSQL's infinity, a year before 1 or beyond 9999.
        raise RowError(f"has {column} {shown(given)}, which is no date of the years 1 to 9999") from None


def _version(given: str | None) -> int:
    try:
        return int(given or 0)
    except ValueError:
        raise RowError(f"has the version {shown(given)}, which is no whole number") from None


def _required(column: str, value: str | None) -> str:
    if not value:
        raise RowError(f"has no {column}")
    return value


def _members(column: str, packed: str | None) -> list[dict[str, Any]]:
    # A null is not an empty list: taken for one, it would take everything away.
    given = _required(column, packed)
    try:
        members = json.loads(given)
    except (ValueError, RecursionError):  # nested to drown the parser
        raise RowError(f"has {column} that are not JSON") from None
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        raise RowError(f"has {column} that are not an array of objects: {_shown(members)}")
    return members


def _of(kind: Any, value: Any, what: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise RowError(f"has {what} {shown(value)}, which docs/crm-contract.md does not have") from None


def _shown(value: Any) -> str:
    return json.dumps(value)[:SHOWN_CHARACTERS]
