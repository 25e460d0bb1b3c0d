"""What one row of the CRM comes to, as tests ask for it: wanted, or refused."""

from __future__ import annotations

from provisioner.core.desired import contribution
from provisioner.core.model import (
    ACTIVE_SUBSCRIPTION,
    ENDED_SUBSCRIPTION,
    Desired,
    RejectedRow,
    SubscriptionState,
)
from tests.factories import a_provider, a_subscription

INACTIVE = set(SubscriptionState) - ACTIVE_SUBSCRIPTION - ENDED_SUBSCRIPTION


def wanted(subscription=None, provider=None, **parts) -> Desired:
    result = contribution(subscription or a_subscription(**parts), provider or a_provider())
    assert isinstance(result, Desired), result
    return result


def refusal(subscription=None, provider=None, **parts) -> RejectedRow:
    result = contribution(subscription or a_subscription(**parts), provider or a_provider())
    assert isinstance(result, RejectedRow), result
    return result
