"""What the generator sells: a subscription with its services and boxes, before it becomes rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from demo.crm.people import Person

VIEWING_POINTS = ("VP1", "VP2", "VP3", "VP4")
ENDED_STATES = frozenset({"CANCELLED", "REGRETTED", "REPLACED"})
# A fresh copy of demo/crm/catalogue.sql would be one more place to keep equal; a test holds these to it.
DEFAULT_COMPONENTS = {
    "FLEX_A": ("ENTERTAIN", "GEOLOGICAL"),
    "FLEX_B": ("GEOLOGICAL", "RELIGION"),
    "FAMILY_PACK": ("KIDS", "MOVIES", "NATURE"),
    "STARTER_PACK": ("COOKING", "MUSIC", "NEWS"),
}
USAGE = ("PPV_BOXING_NIGHT", "PPV_CONCERT", "PPV_FOOTBALL_FINAL", "PPV_MOVIE_PREMIERE")
ONE_TIME = ("INSTALLATION", "RECONNECTION")
EXPENSE = ("BOX_INSURANCE", "PAPER_INVOICE")
SERVICE_TYPES = (
    dict.fromkeys(USAGE, "USAGE") | dict.fromkeys(ONE_TIME, "ONE_TIME") | dict.fromkeys(EXPENSE, "EXPENSE")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """One service as sold. *state* None follows the subscription; *components* None are the default ones.

    *swapped_for*: the code, sold to the same subscription, that took its place.
    """

    code: str
    distributors: tuple[str, ...] = ()
    state: str | None = None
    components: tuple[str, ...] | None = None
    swapped_for: str | None = None

    @property
    def type(self) -> str:
        """Return the service type; what is not listed is termed."""
        return SERVICE_TYPES.get(self.code, "TERMED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One set-top box; *is_removed*: it stood there once."""

    serial_number: str
    type: str
    distributor: str
    is_removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldSubscription:
    """One subscription of the base.

    *person* None: a further subscription of the customer before. *account* is the platform's account number if it
    is not the subscription's own. *ends_in* is how long a state with an end still lasts.
    """

    person: Person | None
    type: str
    state: str
    created_at: datetime
    services: tuple[Sold, ...]
    boxes: tuple[Box, ...] = ()
    account: str | None = None
    location: str | None = None
    ends_in: timedelta | None = None
    grace: timedelta | None = None


def service_state(sold: Sold, subscription_state: str) -> str:
    """Return the state of a service in a subscription of that state, as the CRM's own actions would leave it."""
    if sold.state is not None:
        return sold.state
    if subscription_state in ("DRAFT", "CANCELLED", "REGRETTED"):
        return subscription_state
    if subscription_state == "REPLACED":
        return "REPLACED" if sold.type == "TERMED" else "REMOVED"
    if sold.type in ("ONE_TIME", "EXPENSE"):
        return "EFFECTIVE"
    if sold.type == "USAGE" and subscription_state.startswith("SHORT_TERM"):
        return "EFFECTIVE" if subscription_state == "SHORT_TERM_EFFECTIVE" else "NOT_EFFECTIVE"
    if sold.type == "USAGE" and subscription_state == "PENDING_VERIFICATION":
        return "DRAFT"
    return subscription_state
