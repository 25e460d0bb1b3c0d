"""Who may order (decision 11): which subscription is meant, why not, how long to wait, and what the token says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from provisioner.core.authentication import (
    Granted,
    Refusal,
    Refused,
    claims,
    decide,
    names_exactly_one,
    seconds_to_wait,
)
from provisioner.core.model import (
    ACTIVE_SUBSCRIPTION,
    AccountId,
    LifeCycleState,
    RejectedReason,
    RejectedRow,
    ServiceState,
    SubscriptionNumber,
    SubscriptionState,
)
from tests.factories import a_provider, a_service, a_subscription, an_item

FIRST, SECOND = SubscriptionNumber("S0000000001"), SubscriptionNumber("S0000000002")


def active(number=FIRST, **changed):
    return a_subscription(services=[a_service("ENTERTAIN")], subscription_number=number, **changed)


def ask(*rows, meant=(FIRST, SECOND), subscription_type=None, provider=None):
    return decide(frozenset(meant), rows, subscription_type, provider or a_provider())


def refusal(answer):
    assert isinstance(answer, Refused)
    return answer.refusal


def test_an_active_subscription_with_an_option_may_order():
    assert ask(active(account=AccountId("C-7"))) == Granted(
        subscription_number=FIRST, account=AccountId("C-7")
    )


def test_a_box_alone_is_enough():
    assert isinstance(ask(a_subscription(items=[an_item("A1")], subscription_number=FIRST)), Granted)


@pytest.mark.parametrize("state", SubscriptionState)
def test_only_effective_and_short_term_effective_subscriptions_may_order(state):
    answer = ask(active(state=state))

    if state in ACTIVE_SUBSCRIPTION:
        assert isinstance(answer, Granted)
    else:
        assert answer == Refused(refusal=Refusal.SUBSCRIPTION_NOT_ACTIVE, subscription_number=FIRST)


@pytest.mark.parametrize(
    "services",
    [[], [a_service("MAGAZINE")], [a_service("ENTERTAIN", state=ServiceState.NOT_EFFECTIVE)]],
    ids=["nothing", "nothing of this platform", "nothing Active"],
)
def test_a_subscription_without_option_or_box_is_not_provisioned(services):
    answer = ask(a_subscription(services=services, subscription_number=FIRST))

    assert answer == Refused(refusal=Refusal.SUBSCRIPTION_NOT_PROVISIONED, subscription_number=FIRST)


def test_a_subscription_for_which_nothing_is_sent_is_not_provisioned():
    breaks_a_rule = a_subscription(services=[a_service("ENTERTAIN", "VP9")], subscription_number=FIRST)
    unreadable = RejectedRow(
        subscription_number=FIRST, account=None, reason=RejectedReason.MALFORMED_ROW, explanation="no state"
    )

    assert refusal(ask(breaks_a_rule)) == refusal(ask(unreadable)) == Refusal.SUBSCRIPTION_NOT_PROVISIONED


def test_nobody_may_order_of_a_provider_that_is_not_effective():
    answer = ask(active(), provider=replace(a_provider(), state=LifeCycleState.NOT_EFFECTIVE))

    assert answer == Refused(refusal=Refusal.PROVIDER_NOT_EFFECTIVE, subscription_number=FIRST)


def test_nothing_that_fits_is_unknown():
    assert refusal(ask()) == Refusal.UNKNOWN_IDENTIFIER


def test_other_subscriptions_of_the_same_account_are_left_aside():
    assert refusal(ask(active(SECOND), meant=[FIRST])) == Refusal.UNKNOWN_IDENTIFIER


def test_two_that_fit_are_ambiguous():
    assert ask(active(FIRST), active(SECOND)) == Refused(refusal=Refusal.AMBIGUOUS_IDENTIFIER)


def test_the_subscription_type_picks_one_of_two():
    answer = ask(
        active(FIRST, subscription_type="RESIDENTIAL"),
        active(SECOND, subscription_type="BUSINESS"),
        subscription_type="BUSINESS",
    )

    assert isinstance(answer, Granted)
    assert answer.subscription_number == SECOND


def test_a_type_that_none_has_is_unknown():
    assert refusal(ask(active(), subscription_type="BUSINESS")) == Refusal.UNKNOWN_IDENTIFIER


def test_a_subscription_that_has_ended_does_not_make_another_ambiguous():
    answer = ask(active(FIRST, state=SubscriptionState.CANCELLED), active(SECOND))

    assert isinstance(answer, Granted)
    assert answer.subscription_number == SECOND


def test_where_all_have_ended_the_answer_is_not_active():
    ended = [active(number, state=SubscriptionState.CANCELLED) for number in (FIRST, SECOND)]

    assert refusal(ask(*ended)) == Refusal.SUBSCRIPTION_NOT_ACTIVE


def test_a_row_that_cannot_be_read_still_counts_as_one_that_fits():
    unreadable = RejectedRow(
        subscription_number=SECOND, account=None, reason=RejectedReason.MALFORMED_ROW, explanation="no state"
    )

    assert refusal(ask(active(FIRST), unreadable)) == Refusal.AMBIGUOUS_IDENTIFIER


@pytest.mark.parametrize(("given", "right"), [([], False), (["a"], True), (["a", "b"], False)])
def test_exactly_one_identifier_is_needed(given, right):
    assert names_exactly_one(given) is right


@pytest.mark.parametrize(
    ("ages", "wait"),
    [
        ([], None),
        ([1, 1, 1, 1], None),
        ([1, 2, 3, 4, 59.5], 1),
        ([1, 2, 3, 4, 10], 50),
        ([0, 0, 0, 0, 0], 60),
        ([1, 2, 3, 4, 60], None),
        ([50, 40, 30, 20, 10, 5], 20),
    ],
)
def test_the_sixth_question_waits_until_the_fifth_newest_failure_is_a_minute_old(ages, wait):
    assert seconds_to_wait(ages) == wait


def test_the_token_says_who_until_when_and_from_where_and_nothing_else():
    granted = Granted(subscription_number=FIRST, account=AccountId("C-7"))
    now = datetime(2026, 3, 1, 12, 0, 0, 999_999, tzinfo=UTC)

    assert claims(granted, api_ip="192.0.2.1", now=now, lifetime_seconds=300) == {
        "exp": int(datetime(2026, 3, 1, 12, 5, 0, tzinfo=UTC).timestamp()),
        "userid": "C-7",
        "apip": "192.0.2.1",
    }
