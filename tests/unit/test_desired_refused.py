"""Rows of the CRM that are not acted on: the rules of distributors, and values that Tucano would refuse."""

from __future__ import annotations

import pytest

from provisioner.core.desired import desired_options
from provisioner.core.model import (
    ENDED_SUBSCRIPTION,
    AccountId,
    Desired,
    RejectedReason,
    ServiceState,
    ServiceType,
    SubscriptionState,
)
from tests.factories import (
    a_bundle,
    a_distributor,
    a_material,
    a_provider,
    a_service,
    a_subscriber,
    a_subscription,
    an_item,
)
from tests.unit.contributions import INACTIVE, refusal, wanted

# Decision 14 (and 13): the rules of distributors.


def test_decision_13_a_fifth_distributor_is_a_rejected_row():
    row = refusal(services=[a_service("KIDS", "VP1", "VP5")])

    assert row.reason is RejectedReason.UNKNOWN_DISTRIBUTOR
    assert row.explanation == (
        "service 'KIDS' of subscription S0000000309 is at distributor 'VP5', but the provider has only "
        "VP1, VP2, VP3, VP4: move it in the CRM, or add the distributor in include/provider/tucano.yaml"
    )
    assert refusal(items=[an_item("S", "VP5")]).reason is RejectedReason.UNKNOWN_DISTRIBUTOR


@pytest.mark.parametrize(
    ("rules", "reason", "said"),
    [
        ({"minimum_services": 2}, "TOO_FEW_SERVICES", "has 1 Active services, its minimum_services is 2"),
        ({"maximum_services": 0}, "TOO_MANY_SERVICES", "has 1 Active services, its maximum_services is 0"),
        ({"minimum_devices": 3}, "TOO_FEW_DEVICES", "has 2 devices, its minimum_devices is 3"),
        ({"maximum_devices": 1}, "TOO_MANY_DEVICES", "has 2 devices, its maximum_devices is 1"),
        ({"services": frozenset({"SPORT"})}, "SERVICE_NOT_ALLOWED", "not among the services allowed"),
    ],
)
def test_decision_14_a_broken_rule_rejects_the_row_and_is_named(rules, reason, said):
    row = refusal(
        provider=a_provider(a_distributor("VP2", **rules)),
        services=[a_service("KIDS", "VP2")],
        items=[an_item("S1", "VP2"), an_item("S2", "VP2")],
    )

    assert row.reason == reason
    assert said in row.explanation
    assert "'VP2'" in row.explanation


@pytest.mark.parametrize(
    "rules",
    [
        {"minimum_services": 1, "maximum_services": 1, "minimum_devices": 2, "maximum_devices": 2},
        {"services": frozenset({"KIDS"})},
    ],
)
def test_decision_14_a_rule_that_is_just_kept_rejects_nothing(rules):
    wanted(
        provider=a_provider(a_distributor("VP2", **rules)),
        services=[a_service("KIDS", "VP2")],
        items=[an_item("S1", "VP2"), an_item("S2", "VP2")],
    )


def test_decision_14_the_rules_of_a_distributor_that_is_not_used_do_not_matter():
    wanted(provider=a_provider(a_distributor("VP2", minimum_services=3)), services=[a_service("KIDS", "VP1")])


@pytest.mark.parametrize("state", sorted(INACTIVE | ENDED_SUBSCRIPTION))
def test_decision_14_an_inactive_subscription_may_break_the_rules(state):
    provider = a_provider(a_distributor("VP1", minimum_services=3, maximum_devices=0))

    wanted(provider=provider, state=state, services=[a_service("KIDS", "VP5")], items=[an_item("S")])


@pytest.mark.parametrize(
    ("services", "count"),
    [
        ([a_service("KIDS"), a_service("SPORT")], 2),
        (a_bundle("FLEX_A", "GEOLOGICAL", "ENTERTAIN"), 2),
        (a_bundle("FAMILY_PACK", "KIDS", "SPORT"), 1),
        ([a_service("MAGAZINE")], 0),
        ([a_service("SPORT+")], 1),
        ([a_service("SPORT"), a_service("SPORT_LITE")], 2),
        ([a_service("KIDS", state=ServiceState.REMOVED)], 0),
        ([a_service("KIDS", type=ServiceType.EXPENSE)], 0),
    ],
    ids=["flat", "flexible", "covered", "not provisioned", "unmapped", "shared option", "ended", "expense"],
)
def test_decision_14_counts_what_is_sold_on_its_own(services, count):
    counted = desired_options(SubscriptionState.EFFECTIVE, services, a_provider()).services

    assert sum(counted.values()) == count


# Values that Tucano would refuse.


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"account": AccountId("S 1")}, "account id 'S 1'"),
        ({"account": AccountId("S" * 41)}, "account id"),
        ({"account": AccountId("S1\n")}, "account id"),
        ({"account": AccountId("")}, "account id ''"),
        ({"subscriber": a_subscriber(name="")}, "the subscriber's name"),
        ({"subscriber": a_subscriber(name="x" * 201)}, "has 201 characters, more than 200"),
        ({"subscriber": a_subscriber(email="x" * 255)}, "the subscriber's email"),
        ({"subscriber": a_subscriber(phone="1" * 41)}, "the subscriber's phone"),
        ({"subscriber": a_subscriber(address="x" * 501)}, "the subscriber's address"),
        ({"items": (an_item("S/1"),)}, "installed item 'S/1'"),
        ({"items": (an_item("S" * 65),)}, "installed item"),
    ],
)
def test_a_value_that_tucano_would_refuse_rejects_the_row(changed, said):
    row = refusal(a_subscription(**changed))

    assert row.reason is RejectedReason.INVALID_VALUE
    assert said in row.explanation
    assert row.explanation.endswith("mend it in the CRM")


def test_values_of_just_the_longest_length_are_taken():
    subscriber = a_subscriber(name="x" * 200, email="x" * 254, phone="1" * 40, address="x" * 500)

    wanted(a_subscription(account=AccountId("S" * 40), subscriber=subscriber, items=[an_item("S" * 64)]))


def test_personal_data_stays_out_of_the_explanation():
    row = refusal(a_subscription(subscriber=a_subscriber(name="Ada Prowse " * 20)))

    assert "Ada" not in row.explanation


def test_personal_data_that_will_not_be_sent_is_not_judged():
    assert (
        wanted(a_subscription(state=SubscriptionState.CANCELLED, subscriber=a_subscriber(name="")))
        == Desired()
    )


@pytest.mark.parametrize("other", [an_item("S", "VP2"), an_item("S", item_type="STB_4K")])
def test_a_box_listed_at_two_places_or_as_two_types_rejects_the_row(other):
    row = refusal(items=[an_item("S"), other])

    assert row.reason is RejectedReason.ITEM_IN_TWO_PLACES


def test_a_box_listed_twice_alike_is_one_box():
    provider = a_provider(a_distributor("VP1", maximum_devices=1))

    assert wanted(provider=provider, items=[an_item("S"), an_item("S")]).materials == {a_material("S")}
