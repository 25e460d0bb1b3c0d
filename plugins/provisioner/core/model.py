"""The nouns of the domain. Frozen values; the words are those of the glossary."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType, TypeAlias

AccountId = NewType("AccountId", str)
SubscriptionNumber = NewType("SubscriptionNumber", str)
DistributorCode = NewType("DistributorCode", str)
OptionCode = NewType("OptionCode", str)
SerialNumber = NewType("SerialNumber", str)
MaterialType = NewType("MaterialType", str)


class SubscriptionState(StrEnum):
    """Life-cycle states of a subscription in the CRM."""

    DRAFT = "DRAFT"
    PENDING_VERIFICATION = "PENDING_VERIFICATION"
    EFFECTIVE = "EFFECTIVE"
    NOT_EFFECTIVE = "NOT_EFFECTIVE"
    SHORT_TERM_EFFECTIVE = "SHORT_TERM_EFFECTIVE"
    SHORT_TERM_NOT_EFFECTIVE = "SHORT_TERM_NOT_EFFECTIVE"
    IN_RESTING = "IN_RESTING"
    CANCELLED = "CANCELLED"
    REGRETTED = "REGRETTED"
    REPLACED = "REPLACED"


class ServiceState(StrEnum):
    """Life-cycle states of a termed or usage service in the CRM."""

    DRAFT = "DRAFT"
    EFFECTIVE = "EFFECTIVE"
    NOT_EFFECTIVE = "NOT_EFFECTIVE"
    SHORT_TERM_EFFECTIVE = "SHORT_TERM_EFFECTIVE"
    SHORT_TERM_NOT_EFFECTIVE = "SHORT_TERM_NOT_EFFECTIVE"
    IN_RESTING = "IN_RESTING"
    CANCELLED = "CANCELLED"
    REGRETTED = "REGRETTED"
    SWAPPED = "SWAPPED"
    REMOVED = "REMOVED"
    REPLACED = "REPLACED"
    PENDING_VERIFICATION = "PENDING_VERIFICATION"


class ServiceType(StrEnum):
    """Only termed and usage services are ever provisioned."""

    TERMED = "TERMED"
    USAGE = "USAGE"
    ONE_TIME = "ONE_TIME"
    EXPENSE = "EXPENSE"


ACTIVE_SUBSCRIPTION = frozenset({SubscriptionState.EFFECTIVE, SubscriptionState.SHORT_TERM_EFFECTIVE})
ENDED_SUBSCRIPTION = frozenset(
    {SubscriptionState.CANCELLED, SubscriptionState.REGRETTED, SubscriptionState.REPLACED}
)
ACTIVE_SERVICE = frozenset({ServiceState.EFFECTIVE, ServiceState.SHORT_TERM_EFFECTIVE})
PROVISIONED_TYPES = frozenset({ServiceType.TERMED, ServiceType.USAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of a subscription; *bundle* is the code of the bundle header it is a component of."""

    code: str
    type: ServiceType
    state: ServiceState
    distributors: tuple[DistributorCode, ...] = ()
    bundle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledItem:
    """One traceable physical good installed at a subscription; *type* is the CRM's physical-good type."""

    serial_number: SerialNumber
    type: str
    distributor: DistributorCode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Personal data, needed for CREATE_ACCOUNT only and kept nowhere else."""

    name: str
    email: str | None = None
    phone: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One subscription as the CRM has it now: one packed row of the extract contract.

    *version* is 0 where the CRM has none.
    """

    subscription_number: SubscriptionNumber
    account: AccountId
    state: SubscriptionState
    subscription_type: str
    created_at: datetime | None
    services: tuple[Service, ...]
    items: tuple[InstalledItem, ...]
    subscriber: Subscriber
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Material:
    """A set-top box registered in Tucano, ordered by distributor, then serial number."""

    distributor: DistributorCode
    serial_number: SerialNumber
    material_type: MaterialType


class RejectedReason(StrEnum):
    """Why a row of the extract is not used. The explanation beside it says it in full."""

    MALFORMED_ROW = "MALFORMED_ROW"
    INVALID_VALUE = "INVALID_VALUE"
    UNKNOWN_DISTRIBUTOR = "UNKNOWN_DISTRIBUTOR"
    NO_DISTRIBUTOR = "NO_DISTRIBUTOR"
    SERVICE_NOT_ALLOWED = "SERVICE_NOT_ALLOWED"
    TOO_FEW_SERVICES = "TOO_FEW_SERVICES"
    TOO_MANY_SERVICES = "TOO_MANY_SERVICES"
    TOO_FEW_DEVICES = "TOO_FEW_DEVICES"
    TOO_MANY_DEVICES = "TOO_MANY_DEVICES"
    ITEM_IN_TWO_PLACES = "ITEM_IN_TWO_PLACES"
    STALE_ROW = "STALE_ROW"


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A subscription for which nothing is sent and from whose account nothing is taken away.

    *explanation* names the thing, the value and the next step. *account* is None where the row says none.
    """

    subscription_number: SubscriptionNumber
    account: AccountId | None
    reason: RejectedReason
    explanation: str


Option: TypeAlias = tuple[DistributorCode, OptionCode]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """What Tucano has, or should have, for one account. The fold of acknowledgements, or the CRM's wish."""

    exists: bool = False
    options: frozenset[Option] = frozenset()
    materials: frozenset[Material] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What the CRM wants for one account: the union over the account's subscriptions.

    *active*: some subscription is Active, so the account must exist.
    *kept*: materials of subscriptions that are Inactive but not ended: kept where known, never added.
    *withhold_removals*: reasons (an unmapped code, a row not understood) why nothing may be taken away.
    """

    active: bool = False
    options: frozenset[Option] = frozenset()
    materials: frozenset[Material] = frozenset()
    kept: frozenset[Material] = frozenset()
    withhold_removals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateAccount:
    """Register a subscriber."""

    account: AccountId
    subscriber: Subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateOptions:
    """Switch options on at one distributor; *options* sorted, 1 to 100."""

    account: AccountId
    distributor: DistributorCode
    options: tuple[OptionCode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspendOptions:
    """Switch options off at one distributor; *options* sorted, 1 to 100."""

    account: AccountId
    distributor: DistributorCode
    options: tuple[OptionCode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMaterial:
    """Register a set-top box."""

    account: AccountId
    material: Material


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMaterial:
    """Un-register a set-top box. The type is not sent; known state needs only place and serial number."""

    account: AccountId
    distributor: DistributorCode
    serial_number: SerialNumber


Command: TypeAlias = CreateAccount | ActivateOptions | SuspendOptions | AddMaterial | RemoveMaterial


class CommandName(StrEnum):
    """The five commands, spelled as the manual spells them."""

    CREATE_ACCOUNT = "CREATE_ACCOUNT"
    ACTIVATE_OPTIONS = "ACTIVATE_OPTIONS"
    SUSPEND_OPTIONS = "SUSPEND_OPTIONS"
    ADD_MATERIAL = "ADD_MATERIAL"
    REMOVE_MATERIAL = "REMOVE_MATERIAL"


class RequestState(StrEnum):
    """PENDING, COMPLETED and REJECTED are the manual's; UNKNOWN is ours: no answer came, it may have arrived."""

    PENDING = "PENDING"
    UNKNOWN = "UNKNOWN"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"


class LifeCycleState(StrEnum):
    """Of the provider: only an effective one sends."""

    EFFECTIVE = "EFFECTIVE"
    NOT_EFFECTIVE = "NOT_EFFECTIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distributor:
    """A viewing point. *services* is None for all provisioned services, else the codes allowed there."""

    code: DistributorCode
    name: str
    services: frozenset[str] | None = None
    minimum_services: int = 0
    maximum_services: int | None = None
    minimum_devices: int = 0
    maximum_devices: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMapping:
    """How one CRM service becomes an option.

    *option* None: nothing is sent for it (a bundle header, or a service that is not provisioned).
    *covers_components*: a fixed bundle mapped as one option; its components are then not mapped on their own.
    """

    option: OptionCode | None
    covers_components: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Numbers of the provider file; the defaults and their reasons stand in core/policy.py."""

    default_distributor: DistributorCode | None
    swap_order: str
    remove_material_on_deactivation: bool
    requests_per_second: float
    in_flight: int
    fan_out_limit: int
    chunk_size: int
    real_time_share: float
    unknown_attempts: int
    minimum_accounts_share: float
    rejected_rows_count: int
    rejected_rows_share: float
    removals_count: int
    removals_share: float
    replacements_share: float
    provider_change_share: float
    rejections_share: float
    keep_days: int
    api_ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The provider file, parsed. *hash* is sha256 over its canonical JSON and names this version.

    A physical good mapped to None is installed but not registered in Tucano (a remote control, a dish).
    """

    name: str
    alternative_code: str
    state: LifeCycleState
    distributors: dict[DistributorCode, Distributor]
    services: dict[str, ServiceMapping]
    physical_goods: dict[str, MaterialType | None]
    settings: Settings
    hash: str = field(default="")
