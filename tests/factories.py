"""Values for tests: each factory names only what matters there and fills in a believable rest.

The provider of `a_provider()` is small on purpose; the one of the product is include/provider/tucano.yaml.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from provisioner.core import policy
from provisioner.core.model import (
    AccountId,
    AccountState,
    ActivateOptions,
    AddMaterial,
    CreateAccount,
    Distributor,
    DistributorCode,
    InstalledItem,
    LifeCycleState,
    Material,
    MaterialType,
    Option,
    OptionCode,
    Provider,
    RemoveMaterial,
    SerialNumber,
    Service,
    ServiceMapping,
    ServiceState,
    ServiceType,
    Settings,
    Subscriber,
    Subscription,
    SubscriptionNumber,
    SubscriptionState,
    SuspendOptions,
)

ACCOUNT = AccountId("S0000000309")
SUBSCRIBER = Subscriber(
    name="Ada Prowse", email="ada@example.com", phone="+1 555 0100", address="1 Marsh Lane, Littleham"
)

# Codes that are their own options, as most channels are.
CHANNELS = ("GEOLOGICAL", "ENTERTAIN", "RELIGION", "AGRICULTURE", "KIDS")
SERVICES: Mapping[str, ServiceMapping] = {
    **{code: ServiceMapping(option=OptionCode(code)) for code in CHANNELS},
    "SPORT": ServiceMapping(option=OptionCode("SPORT_CHANNELS")),
    "SPORT_LITE": ServiceMapping(option=OptionCode("SPORT_CHANNELS")),
    "PPV_FILM": ServiceMapping(option=OptionCode("PPV_FILM")),
    "FLEX_A": ServiceMapping(option=None),
    "FLEX_B": ServiceMapping(option=None),
    "FAMILY_PACK": ServiceMapping(option=OptionCode("FAMILY"), covers_components=True),
    "STARTER_PACK": ServiceMapping(option=None),
    "MAGAZINE": ServiceMapping(option=None),
}


def a_subscriber(**changed: Any) -> Subscriber:
    """Return a subscriber whose values Tucano takes."""
    return replace(SUBSCRIBER, **changed)


def a_service(code: str, *distributors: str, **changed: Any) -> Service:
    """Return an Active termed service, at VP1 unless other *distributors* are named."""
    service = Service(
        code=code,
        type=ServiceType.TERMED,
        state=ServiceState.EFFECTIVE,
        distributors=tuple(DistributorCode(one) for one in distributors or ("VP1",)),
    )
    return replace(service, **changed)


def a_bundle(header: str, *components: str, at: str = "VP1") -> tuple[Service, ...]:
    """Return an Active bundle: its *header* and its *components*."""
    return a_service(header, at), *(a_service(code, at, bundle=header) for code in components)


def an_item(serial_number: str, distributor: str | None = "VP1", item_type: str = "STB_HD") -> InstalledItem:
    """Return an installed set-top box."""
    return InstalledItem(
        serial_number=SerialNumber(serial_number),
        type=item_type,
        distributor=None if distributor is None else DistributorCode(distributor),
    )


def a_subscription(
    *,
    services: Iterable[Service] = (),
    items: Iterable[InstalledItem] = (),
    state: SubscriptionState = SubscriptionState.EFFECTIVE,
    **changed: Any,
) -> Subscription:
    """Return an Effective subscription, provisioned under its own number."""
    subscription = Subscription(
        subscription_number=SubscriptionNumber(ACCOUNT),
        account=ACCOUNT,
        state=state,
        subscription_type="RESIDENTIAL",
        created_at=datetime(2024, 3, 1, tzinfo=UTC),
        services=tuple(services),
        items=tuple(items),
        subscriber=SUBSCRIBER,
    )
    return replace(subscription, **changed)


def settings(**changed: Any) -> Settings:
    """Return the default settings with VP1 for what has no distributor."""
    return replace(policy.DEFAULT_SETTINGS, **{"default_distributor": DistributorCode("VP1"), **changed})


def a_distributor(code: str, **rules: Any) -> Distributor:
    """Return a distributor without rules but those given."""
    return Distributor(code=DistributorCode(code), name=f"Viewing point {code[2:]}", **rules)


def a_provider(*distributors: Distributor, **changed: Any) -> Provider:
    """Return an effective provider with VP1 to VP4; *distributors* replace those of the same code."""
    points = {code: a_distributor(code) for code in ("VP1", "VP2", "VP3", "VP4")}
    points |= {one.code: one for one in distributors}
    provider = Provider(
        name="Tucano",
        alternative_code="TUCANO",
        state=LifeCycleState.EFFECTIVE,
        distributors={DistributorCode(code): one for code, one in points.items()},
        services=dict(SERVICES),
        physical_goods={"STB_HD": MaterialType("HD"), "STB_4K": MaterialType("UHD"), "REMOTE_CONTROL": None},
        settings=settings(),
        hash="0" * 64,
    )
    return replace(provider, **changed)


def options(**codes_by_distributor: Iterable[str]) -> frozenset[Option]:
    """Return options: `options(VP1=["KIDS"])`."""
    return frozenset(
        (DistributorCode(distributor), OptionCode(code))
        for distributor, codes in codes_by_distributor.items()
        for code in codes
    )


def a_material(serial_number: str, distributor: str = "VP1", material_type: str = "HD") -> Material:
    """Return a set-top box as Tucano registers it."""
    return Material(
        distributor=DistributorCode(distributor),
        serial_number=SerialNumber(serial_number),
        material_type=MaterialType(material_type),
    )


def an_account(
    *materials: Material, exists: bool = True, **codes_by_distributor: Iterable[str]
) -> AccountState:
    """Return an account that holds *materials* and options: `an_account(a_material("S1"), VP1=["KIDS"])`."""
    return AccountState(
        exists=exists, options=options(**codes_by_distributor), materials=frozenset(materials)
    )


def create_account() -> CreateAccount:
    """Return CREATE_ACCOUNT for the usual subscriber."""
    return CreateAccount(account=ACCOUNT, subscriber=SUBSCRIBER)


def activate(distributor: str, *codes: str) -> ActivateOptions:
    """Return ACTIVATE_OPTIONS(*distributor*, *codes*)."""
    return ActivateOptions(
        account=ACCOUNT,
        distributor=DistributorCode(distributor),
        options=tuple(OptionCode(code) for code in codes),
    )


def suspend(distributor: str, *codes: str) -> SuspendOptions:
    """Return SUSPEND_OPTIONS(*distributor*, *codes*)."""
    return SuspendOptions(
        account=ACCOUNT,
        distributor=DistributorCode(distributor),
        options=tuple(OptionCode(code) for code in codes),
    )


def add(serial_number: str, distributor: str = "VP1", material_type: str = "HD") -> AddMaterial:
    """Return ADD_MATERIAL(*distributor*, *serial_number*)."""
    return AddMaterial(account=ACCOUNT, material=a_material(serial_number, distributor, material_type))


def remove(serial_number: str, distributor: str = "VP1") -> RemoveMaterial:
    """Return REMOVE_MATERIAL(*distributor*, *serial_number*)."""
    return RemoveMaterial(
        account=ACCOUNT, distributor=DistributorCode(distributor), serial_number=SerialNumber(serial_number)
    )
