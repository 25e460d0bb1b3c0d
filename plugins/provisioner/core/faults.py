"""What can be wrong with a row, and how it is said: the thing, the value, the next step.

The rules of distributors (decision 14) and of the southbound contract's values stand here; where a service or
a box belongs is decided in desired.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.core import wire
from provisioner.core.model import (
    ACTIVE_SUBSCRIPTION,
    AccountId,
    Distributor,
    DistributorCode,
    Provider,
    RejectedReason,
    RejectedRow,
    SerialNumber,
    Subscription,
    SubscriptionNumber,
)

PROVIDER_FILE = "include/provider/tucano.yaml"
# Of a value in an explanation: more of it no person reads, and a hostile one would fill the database.
SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a row, in two parts, so that one text serves every subscription that shares it."""

    reason: RejectedReason
    subject: str
    problem: str


def shown(value: object) -> str:
    """Return *value* as it is written; of one that is too long to be read its beginning and its length."""
    text = repr(value)
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return f"{text[:SHOWN_CHARACTERS]}.. ({len(text)} characters)"


def rejected(subscription: Subscription, fault: Fault) -> RejectedRow:
    """Return the rejected row that says *fault* of *subscription*."""
    return RejectedRow(
        subscription_number=subscription.subscription_number,
        account=subscription.account,
        reason=fault.reason,
        explanation=f"{fault.subject} of subscription {_cut(subscription.subscription_number)} {fault.problem}",
    )


def _cut(number: str) -> str:
    return number if len(number) <= SHOWN_CHARACTERS else shown(number)


def check_distributors(
    services: Mapping[DistributorCode, int], devices: Mapping[DistributorCode, int], provider: Provider
) -> Fault | None:
    """Return the first rule (by distributor code) that an Active subscription breaks at a place it uses."""
    for code in sorted(services.keys() | devices.keys()):
        fault = _broken_rule(provider.distributors[code], services.get(code, 0), devices.get(code, 0))
        if fault is not None:
            return fault
    return None


def _broken_rule(distributor: Distributor, services: int, devices: int) -> Fault | None:
    if services < distributor.minimum_services:
        reason, broken = RejectedReason.TOO_FEW_SERVICES, "minimum_services"
    elif distributor.maximum_services is not None and services > distributor.maximum_services:
        reason, broken = RejectedReason.TOO_MANY_SERVICES, "maximum_services"
    elif devices < distributor.minimum_devices:
        reason, broken = RejectedReason.TOO_FEW_DEVICES, "minimum_devices"
    elif distributor.maximum_devices is not None and devices > distributor.maximum_devices:
        reason, broken = RejectedReason.TOO_MANY_DEVICES, "maximum_devices"
    else:
        return None
    has = f"{services} Active services" if "services" in broken else f"{devices} devices"
    return Fault(
        reason=reason,
        subject=f"distributor {distributor.code!r}",
        problem=f"has {has}, its {broken} is {getattr(distributor, broken)}: "
        f"mend the subscription in the CRM, or change {broken} in {PROVIDER_FILE}",
    )


def check_values(subscription: Subscription) -> Fault | None:
    """Return the first value that the southbound contract does not take.

    Personal data is looked at only where it may be sent, and never repeated in the explanation.
    """
    form = wire.ACCOUNT.pattern  # of both: by default one is the other
    if not wire.ACCOUNT.fullmatch(subscription.account):
        return invalid(f"account id {shown(subscription.account)}", f"is not of the form {form}")
    if not wire.ACCOUNT.fullmatch(subscription.subscription_number):
        return Fault(
            reason=RejectedReason.INVALID_VALUE,
            subject=f"the number {shown(subscription.subscription_number)}",
            problem=f"is not of the form {form}: mend it in the CRM, or write it so in all of include/sql/crm/",
        )
    if subscription.state not in ACTIVE_SUBSCRIPTION:
        return None
    subscriber = subscription.subscriber
    if not subscriber.name:
        return invalid("the subscriber's name", "is empty")
    for key, given, longest in (
        ("name", subscriber.name, wire.NAME_CHARACTERS),
        ("email", subscriber.email, wire.EMAIL_CHARACTERS),
        ("phone", subscriber.phone, wire.PHONE_CHARACTERS),
        ("address", subscriber.address, wire.ADDRESS_CHARACTERS),
    ):
        if given is not None and len(given) > longest:
            return invalid(f"the subscriber's {key}", f"has {len(given)} characters, more than {longest}")
    return None


def stale(subscription_number: str, account: str | None, *, version: int, known: int) -> RejectedRow:
    """Say that the row is older than an action of which the lane was told before the extract began."""
    return RejectedRow(
        subscription_number=SubscriptionNumber(subscription_number),
        account=AccountId(account) if account else None,
        reason=RejectedReason.STALE_ROW,
        explanation=f"subscription {_cut(subscription_number)} is of version {version} in the extract, but the CRM "
        f"told of its action {known} before: crm_db shows an older state (a standby that lags, an old copy); "
        "find out why, then run again (docs/operations.md)",
    )


def no_distributor(subject: str) -> Fault:
    """Say that *subject* has no place, and none is given for such."""
    return Fault(
        reason=RejectedReason.NO_DISTRIBUTOR,
        subject=subject,
        problem="has no distributor: distribute it in the CRM, or name settings.default_distributor in "
        + PROVIDER_FILE,
    )


def unknown_distributor(subject: str, place: DistributorCode, provider: Provider) -> Fault:
    """Say that *subject* is at a *place* the provider does not have: a fifth viewing point, or a slip."""
    known = ", ".join(sorted(provider.distributors)) or "none"
    return Fault(
        reason=RejectedReason.UNKNOWN_DISTRIBUTOR,
        subject=subject,
        problem=f"is at distributor {shown(place)}, but the provider has only {known}: "
        f"move it in the CRM, or add the distributor in {PROVIDER_FILE}",
    )


def not_allowed(subject: str, place: DistributorCode) -> Fault:
    """Say that the service *subject* may not be at *place*."""
    return Fault(
        reason=RejectedReason.SERVICE_NOT_ALLOWED,
        subject=subject,
        problem=f"is not among the services allowed at distributor {place!r}: "
        f"move it in the CRM, or add it to the distributor's services in {PROVIDER_FILE}",
    )


def two_places(serial_number: SerialNumber) -> Fault:
    """Say that one box is listed twice, and differently."""
    return Fault(
        reason=RejectedReason.ITEM_IN_TWO_PLACES,
        subject=f"installed item {shown(serial_number)}",
        problem="is listed twice with different distributors or types, and a box is in one place: "
        "mend it in the CRM",
    )


def invalid(subject: str, problem: str) -> Fault:
    """Say that a value breaks the southbound contract."""
    return Fault(
        reason=RejectedReason.INVALID_VALUE,
        subject=subject,
        problem=f"{problem}, which Tucano would refuse: mend it in the CRM",
    )
