"""What the CRM wants: options, boxes and their places by state and by mapping."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from provisioner.core.desired import contribution
from provisioner.core.model import (
    ACTIVE_SERVICE,
    ACTIVE_SUBSCRIPTION,
    ENDED_SUBSCRIPTION,
    Desired,
    DistributorCode,
    RejectedReason,
    RejectedRow,
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
    a_subscription,
    an_item,
    options,
    settings,
)
from tests.unit.contributions import INACTIVE, refusal, wanted

# Decisions 6 and 7: states.


@pytest.mark.parametrize("state", sorted(ACTIVE_SUBSCRIPTION))
def test_decision_6_an_active_subscription_wants_its_options_and_its_boxes(state):
    result = wanted(state=state, services=[a_service("KIDS")], items=[an_item("S")])

    assert result == Desired(
        active=True, options=options(VP1=["KIDS"]), materials=frozenset({a_material("S")})
    )


@pytest.mark.parametrize("state", sorted(INACTIVE))
def test_decision_6_an_inactive_subscription_wants_nothing_and_keeps_its_boxes(state):
    result = wanted(state=state, services=[a_service("KIDS")], items=[an_item("S")])

    assert result == Desired(kept=frozenset({a_material("S")}))


@pytest.mark.parametrize("state", sorted(INACTIVE))
def test_decision_6_remove_material_on_deactivation_gives_up_the_boxes_of_the_inactive(state):
    provider = a_provider(settings=settings(remove_material_on_deactivation=True))

    assert wanted(provider=provider, state=state, items=[an_item("S")]) == Desired()


@pytest.mark.parametrize("state", sorted(ENDED_SUBSCRIPTION))
def test_decision_6_an_ended_subscription_wants_and_keeps_nothing(state):
    assert wanted(state=state, services=[a_service("KIDS")], items=[an_item("S")]) == Desired()


@pytest.mark.parametrize("state", sorted(ServiceState))
def test_decision_7_a_service_is_active_when_it_and_its_subscription_are(state):
    service = a_service("KIDS", state=state)

    assert bool(wanted(services=[service]).options) is (state in ACTIVE_SERVICE)
    assert not wanted(services=[service], state=SubscriptionState.IN_RESTING).options


@pytest.mark.parametrize(
    ("service_type", "provisioned"),
    [
        (ServiceType.TERMED, True),
        (ServiceType.USAGE, True),
        (ServiceType.ONE_TIME, False),
        (ServiceType.EXPENSE, False),
    ],
)
def test_decision_7_only_termed_and_usage_services_are_provisioned(service_type, provisioned):
    result = wanted(services=[a_service("PPV_FILM", type=service_type)])

    assert bool(result.options) is provisioned


def test_a_one_time_service_needs_no_mapping():
    assert not wanted(services=[a_service("INSTALLATION", type=ServiceType.ONE_TIME)]).withhold_removals


# Decision 3: places and mappings.


def test_decision_3_a_service_is_an_option_at_each_of_its_distributors():
    assert wanted(services=[a_service("SPORT", "VP1", "VP3")]).options == options(
        VP1=["SPORT_CHANNELS"], VP3=["SPORT_CHANNELS"]
    )


def test_decision_3_two_services_that_map_to_one_option_are_one_option():
    assert wanted(services=[a_service("SPORT"), a_service("SPORT_LITE")]).options == options(
        VP1=["SPORT_CHANNELS"]
    )


def test_what_has_no_distributor_is_at_the_default_one():
    provider = a_provider(settings=settings(default_distributor=DistributorCode("VP2")))
    result = wanted(
        provider=provider, services=[a_service("KIDS", distributors=())], items=[an_item("S", None)]
    )

    assert result.options == options(VP2=["KIDS"])
    assert result.materials == {a_material("S", "VP2")}


@pytest.mark.parametrize("state", [SubscriptionState.EFFECTIVE, SubscriptionState.IN_RESTING])
def test_a_box_without_any_distributor_rejects_the_row_since_taken_for_absent_it_would_be_removed(state):
    row = refusal(
        provider=a_provider(settings=settings(default_distributor=None)),
        state=state,
        items=[an_item("S", None)],
    )

    assert row.reason is RejectedReason.NO_DISTRIBUTOR
    assert row.explanation == (
        "installed item 'S' of subscription S0000000309 has no distributor: distribute it in the CRM, "
        "or name settings.default_distributor in include/provider/tucano.yaml"
    )


def test_a_service_without_any_distributor_rejects_the_row():
    row = refusal(
        provider=a_provider(settings=settings(default_distributor=None)),
        services=[a_service("KIDS", distributors=())],
    )

    assert row.reason is RejectedReason.NO_DISTRIBUTOR


def test_a_flexible_bundle_is_its_components_and_the_header_sends_nothing():
    assert wanted(services=a_bundle("FLEX_A", "GEOLOGICAL", "ENTERTAIN")).options == options(
        VP1=["GEOLOGICAL", "ENTERTAIN"]
    )


def test_a_fixed_bundle_that_covers_its_components_is_one_option():
    assert wanted(services=a_bundle("FAMILY_PACK", "KIDS", "UNHEARD_OF")).options == options(VP1=["FAMILY"])


def test_a_component_bought_on_its_own_beside_the_bundle_that_covers_it_is_sent():
    services = [*a_bundle("FAMILY_PACK", "KIDS"), a_service("KIDS")]

    assert wanted(services=services).options == options(VP1=["FAMILY", "KIDS"])


def test_a_fixed_bundle_by_its_components_sends_them():
    assert wanted(services=a_bundle("STARTER_PACK", "KIDS", "SPORT")).options == options(
        VP1=["KIDS", "SPORT_CHANNELS"]
    )


def test_an_item_that_is_not_provisioned_is_no_material():
    result = wanted(items=[an_item("R", item_type="REMOTE_CONTROL"), an_item("S", item_type="STB_4K")])

    assert result.materials == {a_material("S", material_type="UHD")}


# What is not mapped withholds removals.


def test_an_active_service_without_mapping_withholds_removals_and_says_what_to_do():
    result = wanted(services=[a_service("SPORT+"), a_service("KIDS")])

    assert result.options == options(VP1=["KIDS"])
    assert result.withhold_removals == (
        "service 'SPORT+' of subscription S0000000309 has no option in include/provider/tucano.yaml: "
        "add it under services, or mark it `provisioned: false`",
    )


@pytest.mark.parametrize("state", [SubscriptionState.EFFECTIVE, SubscriptionState.NOT_EFFECTIVE])
def test_an_item_type_without_mapping_withholds_removals_and_says_what_to_do(state):
    result = wanted(state=state, items=[an_item("S", item_type="STB_8K")])

    assert not result.materials
    assert result.withhold_removals == (
        "installed item type 'STB_8K' of subscription S0000000309 has no material type in "
        "include/provider/tucano.yaml: add it under physical_goods, or mark it `provisioned: false`",
    )


def test_a_service_that_is_not_active_needs_no_mapping():
    assert not wanted(services=[a_service("SPORT+", state=ServiceState.REMOVED)]).withhold_removals
    assert not wanted(services=[a_service("SPORT+")], state=SubscriptionState.CANCELLED).withhold_removals


# Totality.

codes = st.sampled_from(("KIDS", "SPORT", "FLEX_A", "FAMILY_PACK", "MAGAZINE", "SPORT+", ""))
points = st.sampled_from(("VP1", "VP2", "VP5", ""))
services_of_any_kind = st.lists(
    st.builds(
        a_service,
        codes,
        state=st.sampled_from(ServiceState),
        type=st.sampled_from(ServiceType),
        distributors=st.lists(points, max_size=3).map(tuple),
        bundle=st.one_of(st.none(), codes),
    ),
    max_size=4,
)
items_of_any_kind = st.lists(
    st.builds(
        an_item,
        st.sampled_from(("S1", "S2", "", "S/")),
        st.one_of(st.none(), points),
        st.sampled_from(("STB_HD", "STB_4K", "REMOTE_CONTROL", "STB_8K")),
    ),
    max_size=3,
)


@given(
    st.sampled_from(SubscriptionState),
    services_of_any_kind,
    items_of_any_kind,
    st.sampled_from((None, "VP1")),
    st.booleans(),
)
def test_every_row_is_understood_whole_or_rejected_with_a_reason(state, services, items, default, removes):
    provider = a_provider(
        a_distributor("VP2", services=frozenset({"KIDS"}), maximum_devices=1),
        settings=settings(default_distributor=default, remove_material_on_deactivation=removes),
    )

    result = contribution(a_subscription(state=state, services=services, items=items), provider)

    if isinstance(result, RejectedRow):
        assert "S0000000309" in result.explanation
    elif not result.active:
        assert not result.options
        assert not result.materials
    else:
        assert not result.kept
        places = {distributor for distributor, _ in result.options} | {
            m.distributor for m in result.materials
        }
        assert places <= set(provider.distributors)
