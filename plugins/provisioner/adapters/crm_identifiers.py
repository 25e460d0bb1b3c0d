"""Who is meant by a portal's identifier, asked of the CRM through include/sql/crm/."""

from __future__ import annotations

from dataclasses import dataclass, field

from provisioner.adapters import sql
from provisioner.core.model import SubscriptionNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """An access token of the CRM: the hash of its pass code and the subscriptions that it fits."""

    pass_code_hash: str = field(repr=False)
    subscription_numbers: frozenset[SubscriptionNumber]


def by_serial_number(db: sql.Connection, serial_number: str) -> frozenset[SubscriptionNumber]:
    """Return the subscriptions at which an item with that serial number is installed now."""
    found = sql.rows(db, "crm/find_subscription_by_serial_number", serial_number=serial_number)
    return frozenset(SubscriptionNumber(number) for (number,) in found)


def access_token(db: sql.Connection, identifier: str) -> AccessToken | None:
    """Return the access token with that identifier, or None."""
    found = sql.rows(db, "crm/find_subscription_by_access_token", identifier=identifier)
    if not found:
        return None
    return AccessToken(
        pass_code_hash=found[0][0],
        subscription_numbers=frozenset(SubscriptionNumber(number) for _, number in found if number),
    )


def any_pass_code_hash(db: sql.Connection) -> str | None:
    """Return some stored hash, for its parameters; None where the CRM has no access token."""
    found = sql.rows(db, "crm/sample_pass_code_hash")
    return found[0][0] if found else None
