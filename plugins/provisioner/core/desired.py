"""What the CRM wants Tucano to have: decisions 3, 6, 7 and 14, one subscription at a time.

A row is either understood whole or rejected with a reason; a code without mapping does not reject the row
but forbids to take anything away from its account. The parts that repeat among subscribers are pure functions
of small values, so that a caller that reads a million rows may remember their results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from provisioner.core import wire
from provisioner.core.faults import (
    PROVIDER_FILE,
    Fault,
    check_distributors as check_distributors,
    check_values,
    invalid,
    no_distributor,
    not_allowed,
    rejected,
    shown,
    two_places,
    unknown_distributor,
)
from provisioner.core.model import (
    ACTIVE_SERVICE,
    ACTIVE_SUBSCRIPTION,
    ENDED_SUBSCRIPTION,
    PROVISIONED_TYPES,
    AccountState,
    Desired,
    DistributorCode,
    InstalledItem,
    Material,
    MaterialType,
    Option,
    Provider,
    RejectedRow,
    SerialNumber,
    Service,
    Subscription,
    SubscriptionState,
)

# Stands for the type of a box that is kept, never added: it is matched by place and serial number alone.
ANY_TYPE = MaterialType("")


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedOptions:
    """Options of one subscription; *services* counts by distributor what the rules count."""

    options: frozenset[Option] = frozenset()
    services: Mapping[DistributorCode, int] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedMaterials:
    """Boxes of one subscription: *materials* to be registered, *kept* to stay where they are registered."""

    materials: frozenset[Material] = frozenset()
    kept: frozenset[Material] = frozenset()
    devices: Mapping[DistributorCode, int] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()
    fault: Fault | None = None


def contribution(subscription: Subscription, provider: Provider) -> Desired | RejectedRow:
    """Return what one subscription wants for its account, or why its row cannot be used."""
    wanted = desired_options(subscription.state, subscription.services, provider)
    boxes = desired_materials(subscription.state, subscription.items, provider)
    active = subscription.state in ACTIVE_SUBSCRIPTION
    fault = check_values(subscription) or wanted.fault or boxes.fault
    if fault is None and active:
        fault = check_distributors(wanted.services, boxes.devices, provider)
    if fault is not None:
        return rejected(subscription, fault)
    return Desired(
        active=active,
        options=wanted.options,
        materials=boxes.materials,
        kept=boxes.kept,
        withhold_removals=withheld(subscription, wanted, boxes),
    )


def desired_options(
    state: SubscriptionState, services: Iterable[Service], provider: Provider
) -> WantedOptions:
    """Return the options that *services* of a subscription in *state* want, and what the rules count of them.

    Counted are Active termed and usage services that are sold on their own: not a bundle header without an
    option, not a component of a fixed bundle that is one option, not what the provider file calls not
    provisioned. A code without mapping counts: it is a service, of which only the option is not known.
    """
    if state not in ACTIVE_SUBSCRIPTION:
        return WantedOptions()
    options: set[Option] = set()
    counted: Counter[DistributorCode] = Counter()
    unmapped: list[str] = []
    for service in _provisioned(services, provider):
        places = _places(service, provider)
        mapping = provider.services.get(service.code)
        if mapping is None:
            unmapped.append(service.code)
            counted.update(place for place in places if place in provider.distributors)
            continue
        if mapping.option is None:
            continue
        subject = f"service {shown(service.code)}"
        if not places:
            return WantedOptions(fault=no_distributor(subject))
        for place in sorted(places):
            distributor = provider.distributors.get(place)
            if distributor is None:
                return WantedOptions(fault=unknown_distributor(subject, place, provider))
            if distributor.services is not None and service.code not in distributor.services:
                return WantedOptions(fault=not_allowed(subject, place))
            options.add((place, mapping.option))
            counted[place] += 1
    return WantedOptions(options=frozenset(options), services=counted, unmapped=tuple(sorted(set(unmapped))))


def _provisioned(services: Iterable[Service], provider: Provider) -> Iterator[Service]:
    """Yield the services that are Active by themselves and may have an option of their own."""
    for service in services:
        if service.type not in PROVISIONED_TYPES or service.state not in ACTIVE_SERVICE:
            continue
        header = None if service.bundle is None else provider.services.get(service.bundle)
        if header is None or not header.covers_components:
            yield service


def _places(service: Service, provider: Provider) -> frozenset[DistributorCode]:
    if service.distributors:
        return frozenset(service.distributors)
    default = provider.settings.default_distributor
    return frozenset() if default is None else frozenset({default})


def desired_materials(
    state: SubscriptionState, items: Iterable[InstalledItem], provider: Provider
) -> WantedMaterials:
    """Return the boxes that *items* of a subscription in *state* want registered or kept.

    Active: all are wanted. Inactive but not ended: kept where Tucano has them, unless
    `remove_material_on_deactivation`. Ended: none. A box whose place is not known is a fault in both of the
    first cases: taken for absent, it would be removed.
    """
    settings = provider.settings
    active = state in ACTIVE_SUBSCRIPTION
    if state in ENDED_SUBSCRIPTION or (not active and settings.remove_material_on_deactivation):
        return WantedMaterials()
    materials: dict[SerialNumber, Material] = {}
    unmapped: list[str] = []
    devices: Counter[DistributorCode] = Counter()
    for item in items:
        if item.type in provider.physical_goods and provider.physical_goods[item.type] is None:
            continue
        subject = f"installed item {shown(item.serial_number)}"
        place = item.distributor or settings.default_distributor
        if place is None:
            return WantedMaterials(fault=no_distributor(subject))
        if active and place not in provider.distributors:
            return WantedMaterials(fault=unknown_distributor(subject, place, provider))
        if active and not wire.SERIAL_NUMBER.fullmatch(item.serial_number):
            form = wire.SERIAL_NUMBER.pattern
            return WantedMaterials(fault=invalid(subject, f"has a serial number not of the form {form}"))
        material = Material(
            distributor=place,
            serial_number=item.serial_number,
            material_type=provider.physical_goods.get(item.type) or ANY_TYPE,
        )
        if materials.setdefault(item.serial_number, material) != material:
            return WantedMaterials(fault=two_places(item.serial_number))
        if item.type not in provider.physical_goods:
            unmapped.append(item.type)
    # Counted once each, though the CRM may list a box twice.
    devices.update(material.distributor for material in materials.values())
    found = frozenset(material for material in materials.values() if material.material_type != ANY_TYPE)
    return WantedMaterials(
        materials=found if active else frozenset(),
        kept=frozenset() if active else frozenset(materials.values()),
        devices=devices,
        unmapped=tuple(sorted(set(unmapped))),
    )


def withheld(subscription: Subscription, wanted: WantedOptions, boxes: WantedMaterials) -> tuple[str, ...]:
    """Return, for each code of *subscription* without mapping, why nothing may be taken from its account."""
    of_it = f"of subscription {subscription.subscription_number}"
    return tuple(
        f"service {shown(code)} {of_it} has no option in {PROVIDER_FILE}: "
        "add it under services, or mark it `provisioned: false`"
        for code in wanted.unmapped
    ) + tuple(
        f"installed item type {shown(code)} {of_it} has no material type in {PROVIDER_FILE}: "
        "add it under physical_goods, or mark it `provisioned: false`"
        for code in boxes.unmapped
    )


def merge(contributions: Iterable[Desired | RejectedRow]) -> Desired:
    """Return what one account wants: the union over its subscriptions.

    A rejected row gives nothing and forbids removals. So does a box that two subscriptions claim for
    different places: neither claim is followed, since following both would move it back and forth.
    """
    given: list[Desired] = []
    reasons: list[str] = []
    for one in contributions:
        if isinstance(one, RejectedRow):
            reasons.append(one.explanation)
        else:
            given.append(one)
            reasons.extend(one.withhold_removals)
    materials = frozenset().union(*(one.materials for one in given))
    kept = frozenset().union(*(one.kept for one in given))
    disputed = _disputed(materials, kept)
    reasons.extend(
        f"installed item {shown(serial_number)} is claimed by two subscriptions of the account for different "
        "places or types: a box is in one place; mend it in the CRM"
        for serial_number in sorted(disputed)
    )
    return Desired(
        active=any(one.active for one in given),
        options=frozenset().union(*(one.options for one in given)),
        materials=frozenset(one for one in materials if one.serial_number not in disputed),
        kept=frozenset(one for one in kept if one.serial_number not in disputed),
        withhold_removals=tuple(dict.fromkeys(reasons)),
    )


def _disputed(materials: frozenset[Material], kept: frozenset[Material]) -> set[SerialNumber]:
    """Return the serial numbers claimed for two places, or at one place as two types."""
    places = Counter(
        number for number, _ in {(one.serial_number, one.distributor) for one in materials | kept}
    )
    types = Counter(one.serial_number for one in materials)
    return {number for counter in (places, types) for number, count in counter.items() if count > 1}


def target(
    desired: Desired,
    known: AccountState,
    maximum_devices: Mapping[DistributorCode, int | None] | None = None,
) -> AccountState:
    """Return the state in which the account should be, given what Tucano is known to hold.

    An account that exists stays: there is no command to delete it. Where removals are withheld, everything
    known stays, and a box enters only where nothing has to leave for it: neither itself from another place,
    nor another box from a distributor that is full by *maximum_devices*.
    """
    exists = desired.active or known.exists
    if not exists:
        return AccountState()
    if desired.withhold_removals:
        return AccountState(
            exists=True,
            options=desired.options | known.options,
            materials=_beside(known.materials, desired.materials, maximum_devices or {}),
        )
    kept = {(one.distributor, one.serial_number) for one in desired.kept}
    still = frozenset(one for one in known.materials if (one.distributor, one.serial_number) in kept)
    return AccountState(exists=True, options=desired.options, materials=desired.materials | still)


def _beside(
    known: frozenset[Material],
    wanted: frozenset[Material],
    maximum_devices: Mapping[DistributorCode, int | None],
) -> frozenset[Material]:
    present = {one.serial_number for one in known}
    devices = Counter(one.distributor for one in known)
    entering: list[Material] = []
    for material in sorted(wanted):
        maximum = maximum_devices.get(material.distributor)
        full = maximum is not None and devices[material.distributor] >= maximum
        if material.serial_number not in present and not full:
            entering.append(material)
            devices[material.distributor] += 1
    return known | frozenset(entering)
