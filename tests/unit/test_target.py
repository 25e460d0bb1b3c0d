"""What an account should be: the union of its subscriptions' wishes, held against what Tucano is known to hold."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from provisioner.core.desired import contribution, merge, target
from provisioner.core.model import (
    AccountState,
    Desired,
    RejectedReason,
    RejectedRow,
    SubscriptionNumber,
    SubscriptionState,
)
from tests.factories import (
    ACCOUNT,
    a_material,
    a_provider,
    a_service,
    a_subscription,
    an_account,
    an_item,
    options,
)

REJECTED = RejectedRow(
    subscription_number=SubscriptionNumber("S2"),
    account=ACCOUNT,
    reason=RejectedReason.MALFORMED_ROW,
    explanation="the row of subscription S2 cannot be read: mend it in the CRM",
)


def boxes(*materials) -> frozenset:
    return frozenset(materials)


def test_decision_1_several_subscriptions_of_one_account_are_merged_by_union():
    one = contribution(a_subscription(services=[a_service("KIDS")], items=[an_item("S1")]), a_provider())
    other = contribution(
        a_subscription(services=[a_service("SPORT", "VP2")], items=[an_item("S2", "VP2")]), a_provider()
    )

    merged = merge([one, other])

    assert merged.options == options(VP1=["KIDS"], VP2=["SPORT_CHANNELS"])
    assert merged.materials == boxes(a_material("S1"), a_material("S2", "VP2"))
    assert merged.active


def test_decision_1_an_ended_subscription_takes_nothing_from_another_one_of_the_account():
    active = contribution(a_subscription(services=[a_service("KIDS")]), a_provider())
    ended = contribution(
        a_subscription(services=[a_service("KIDS")], state=SubscriptionState.CANCELLED), a_provider()
    )

    assert merge([active, ended]) == active


def test_a_rejected_row_gives_nothing_and_takes_nothing_away_from_its_account():
    merged = merge([Desired(active=True, options=options(VP1=["KIDS"])), REJECTED])
    known = an_account(a_material("S"), VP1=["SPORT"])

    assert target(merged, known) == an_account(a_material("S"), VP1=["KIDS", "SPORT"])


def test_decision_14_of_an_account_that_is_only_a_rejected_row_nothing_is_sent():
    known = an_account(a_material("S"), VP1=["KIDS"])

    assert target(merge([REJECTED]), known) == known
    assert target(merge([REJECTED]), AccountState()) == AccountState()


def test_a_box_that_two_subscriptions_claim_for_two_places_stays_where_it_is():
    merged = merge(
        [
            Desired(active=True, materials=boxes(a_material("S", "VP1"))),
            Desired(active=True, materials=boxes(a_material("S", "VP2"))),
        ]
    )
    known = an_account(a_material("S", "VP1"))

    assert merged.withhold_removals
    assert target(merged, known) == known


@pytest.mark.parametrize("other", [a_material("S", "VP2"), a_material("S", material_type="UHD")])
def test_a_box_claimed_for_two_places_or_as_two_types_is_registered_nowhere(other):
    merged = merge(
        [
            Desired(active=True, materials=boxes(a_material("S"), a_material("MINE"))),
            Desired(active=True, materials=boxes(other)),
        ]
    )

    assert target(merged, an_account()) == an_account(a_material("MINE"))
    assert "installed item 'S'" in merged.withhold_removals[0]


def test_a_box_that_one_subscription_wants_and_another_keeps_elsewhere_stays_where_it_is():
    merged = merge(
        [
            Desired(active=True, materials=boxes(a_material("S", "VP1"))),
            Desired(kept=boxes(a_material("S", "VP2"))),
        ]
    )

    assert target(merged, an_account(a_material("S", "VP2"))) == an_account(a_material("S", "VP2"))


def test_a_box_claimed_alike_by_two_subscriptions_is_simply_wanted():
    wish = Desired(active=True, materials=boxes(a_material("S")))

    assert merge([wish, wish]) == wish


def test_decision_6_the_account_survives_the_end_of_its_subscription():
    assert target(Desired(), an_account(a_material("S"), VP1=["KIDS"])) == an_account()


def test_decision_6_a_draft_never_reaches_tucano_the_first_time():
    wish = contribution(
        a_subscription(state=SubscriptionState.DRAFT, services=[a_service("KIDS")], items=[an_item("S")]),
        a_provider(),
    )

    assert target(merge([wish]), AccountState()) == AccountState()


def test_decision_6_a_known_account_in_draft_counts_as_inactive():
    wish = contribution(a_subscription(state=SubscriptionState.DRAFT, items=[an_item("S")]), a_provider())

    assert target(merge([wish]), an_account(a_material("S"), VP1=["KIDS"])) == an_account(a_material("S"))


def test_decision_6_of_an_inactive_subscription_known_and_installed_boxes_stay_and_no_other():
    kept = Desired(kept=boxes(a_material("STAYS"), a_material("NEVER_KNOWN")))
    known = an_account(a_material("STAYS"), a_material("LEFT"))

    assert target(kept, known) == an_account(a_material("STAYS"))


def test_a_kept_box_is_known_by_its_place_and_number_and_stays_as_tucano_has_it():
    kept = Desired(kept=boxes(a_material("S", material_type="UHD")))

    assert target(kept, an_account(a_material("S"))) == an_account(a_material("S"))


def test_a_kept_box_that_was_moved_in_the_crm_does_not_stay_at_its_old_place():
    assert target(Desired(kept=boxes(a_material("S", "VP2"))), an_account(a_material("S"))) == an_account()


def test_withheld_removals_let_nothing_go_and_let_in_what_needs_no_room():
    wish = Desired(
        active=True,
        options=options(VP1=["KIDS"]),
        materials=boxes(a_material("N1"), a_material("N2"), a_material("MOVED", "VP2")),
        withhold_removals=("a code nobody mapped",),
    )
    known = an_account(a_material("OLD"), a_material("MOVED"), VP1=["SPORT"])

    assert target(wish, known, {"VP1": 3}) == an_account(
        a_material("OLD"), a_material("MOVED"), a_material("N1"), VP1=["KIDS", "SPORT"]
    )


@given(st.booleans(), st.booleans())
def test_an_account_is_there_when_it_is_wanted_or_was_there(active, exists):
    assert target(Desired(active=active), an_account(exists=exists)).exists is (active or exists)
