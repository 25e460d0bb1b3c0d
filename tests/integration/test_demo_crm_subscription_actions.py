"""Actions on the subscription as a whole: what each changes in the demo CRM, and how periods end by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.integration.crm_at_work import OTHER, SUBSCRIBER, TODAY, Crm, open_crm

TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
def crm(crm_db: str) -> Iterator[Crm]:
    with open_crm(crm_db) as opened:
        yield opened


def test_a_new_subscriber_is_effective_with_his_services_and_boxes(crm: Crm) -> None:
    crm.subscriber("FLEX_A", boxes={"BOX-1": "VP1"})

    assert crm.state() == "EFFECTIVE"
    assert crm.services() == {
        "FLEX_A": "EFFECTIVE",
        "FLEX_A/ENTERTAIN": "EFFECTIVE",
        "FLEX_A/GEOLOGICAL": "EFFECTIVE",
    }
    assert crm.boxes() == {"BOX-1": "VP1"}
    assert crm.classifications() == ["CREATEACTIVATESUBSCRIPTION"]


def test_a_draft_subscriber_has_nothing_effective_until_he_is_activated(crm: Crm) -> None:
    crm.subscriber("NEWS", draft=True)

    assert (crm.state(), crm.services()) == ("DRAFT", {"NEWS": "DRAFT"})
    assert crm.classifications() == ["CREATEDRAFTSUBSCRIPTION"]

    crm.act("ACTIVATESUBSCRIPTION")

    assert (crm.state(), crm.services()) == ("EFFECTIVE", {"NEWS": "EFFECTIVE"})


def test_deactivating_turns_the_services_off_and_leaves_the_boxes(crm: Crm) -> None:
    crm.subscriber("NEWS", boxes={"BOX-1": "VP1"})

    crm.act("DEACTIVATE_SUBSCRIPTION")

    assert (crm.state(), crm.services()) == ("NOT_EFFECTIVE", {"NEWS": "NOT_EFFECTIVE"})
    assert crm.boxes() == {"BOX-1": "VP1"}


def test_terminating_ends_everything_and_gives_the_boxes_back(crm: Crm) -> None:
    crm.subscriber("NEWS", boxes={"BOX-1": "VP1"})
    crm.act("EXTEND_GRACE_PERIOD", until=TOMORROW.isoformat())

    crm.act("TERMINATE_SUBSCRIPTION")

    assert (crm.state(), crm.services(), crm.boxes()) == ("CANCELLED", {"NEWS": "CANCELLED"}, {})
    assert crm.run_maintenance(TOMORROW) == 0


def test_boxes_that_are_collected_later_stay_installed_at_a_terminated_subscription(crm: Crm) -> None:
    crm.subscriber("NEWS", boxes={"BOX-1": "VP1"})

    crm.act("TERMINATE_SUBSCRIPTION", keep_items=True)

    assert (crm.state(), crm.boxes()) == ("CANCELLED", {"BOX-1": "VP1"})


def test_resting_gives_back_exactly_what_was(crm: Crm) -> None:
    crm.subscriber("NEWS", "SPORT")
    crm.act("STOPSERVICE", services=["SPORT"])
    crm.act("RESTSUBSCRIPTION")
    assert (crm.state(), crm.services()) == ("IN_RESTING", {"NEWS": "IN_RESTING", "SPORT": "IN_RESTING"})

    crm.act("ENDSUBSCRIPTIONRESTING")

    assert (crm.state(), crm.services()) == ("EFFECTIVE", {"NEWS": "EFFECTIVE", "SPORT": "NOT_EFFECTIVE"})


def test_a_short_term_activation_ends_not_effective(crm: Crm) -> None:
    crm.subscriber("NEWS", draft=True)
    crm.act("SHORTTERMSUBSCRIPTIONACTIVATION", until=TOMORROW.isoformat())
    assert (crm.state(), crm.services()) == ("SHORT_TERM_EFFECTIVE", {"NEWS": "SHORT_TERM_EFFECTIVE"})

    crm.act("ENDSUBSCRIPTIONSHORTTERMACTIVATION")

    assert (crm.state(), crm.services()) == ("NOT_EFFECTIVE", {"NEWS": "NOT_EFFECTIVE"})


def test_a_short_term_deactivation_ends_effective(crm: Crm) -> None:
    crm.subscriber("NEWS")
    crm.act("ADD_SERVICE_USAGE", service="PPV_CONCERT", distributors=["VP1"])
    crm.act("SHORTTERMSUBSCRIPTIONDEACTIVATION", until=TOMORROW.isoformat())
    assert crm.state() == "SHORT_TERM_NOT_EFFECTIVE"
    assert crm.services() == {"NEWS": "SHORT_TERM_NOT_EFFECTIVE", "PPV_CONCERT": "NOT_EFFECTIVE"}

    crm.act("ENDSUBSCRIPTIONSHORTTERMDEACTIVATION")

    assert (crm.state(), crm.services()) == ("EFFECTIVE", {"NEWS": "EFFECTIVE", "PPV_CONCERT": "EFFECTIVE"})


@pytest.mark.parametrize(
    ("behaviour", "state_then"),
    [
        ("RESTSUBSCRIPTION", "EFFECTIVE"),
        ("SHORTTERMSUBSCRIPTIONDEACTIVATION", "EFFECTIVE"),
        ("EXTEND_GRACE_PERIOD", "NOT_EFFECTIVE"),
    ],
)
def test_a_period_ends_by_itself_when_it_is_due_and_not_before(
    crm: Crm, behaviour: str, state_then: str
) -> None:
    crm.subscriber("NEWS")
    crm.act(behaviour, until=TOMORROW.isoformat())
    during = crm.state()

    assert crm.run_maintenance(TOMORROW - timedelta(seconds=1)) == 0
    assert crm.state() == during
    assert crm.run_maintenance(TOMORROW) == 1
    assert crm.state() == state_then
    assert crm.run_maintenance(TOMORROW) == 0


def test_a_short_term_activation_ends_by_itself(crm: Crm) -> None:
    crm.subscriber("NEWS", draft=True)
    crm.act("SHORTTERMSUBSCRIPTIONACTIVATION", until=TOMORROW.isoformat())

    crm.run_maintenance(TOMORROW)

    assert crm.state() == "NOT_EFFECTIVE"
    assert crm.classifications()[-1] == "ENDSUBSCRIPTIONSHORTTERMACTIVATION"


def test_an_end_that_came_by_hand_does_not_come_again(crm: Crm) -> None:
    crm.subscriber("NEWS")
    crm.act("RESTSUBSCRIPTION", until=TOMORROW.isoformat())
    crm.act("ENDSUBSCRIPTIONRESTING")

    assert crm.run_maintenance(TOMORROW) == 0


def test_grace_is_no_state_and_may_be_extended(crm: Crm) -> None:
    crm.subscriber("NEWS")
    crm.act("EXTEND_GRACE_PERIOD", until=TOMORROW.isoformat())
    crm.act("EXTEND_GRACE_PERIOD", until=(TOMORROW + timedelta(days=1)).isoformat())

    assert crm.state() == "EFFECTIVE"
    assert crm.run_maintenance(TOMORROW) == 0


def test_a_replaced_subscription_hands_services_and_boxes_to_the_new_one(crm: Crm) -> None:
    crm.subscriber("FLEX_A", boxes={"BOX-1": "VP1"})
    crm.act("ADD_SERVICE_USAGE", service="PPV_CONCERT", until=TOMORROW.isoformat())

    crm.act("REPLACE_SUBSCRIPTION", to_subscription_number=OTHER)

    assert (crm.state(), crm.boxes()) == ("REPLACED", {})
    assert crm.services()["FLEX_A/ENTERTAIN"] == "REPLACED"
    assert crm.services()["PPV_CONCERT"] == "REMOVED"
    assert (crm.state(OTHER), crm.boxes(OTHER)) == ("EFFECTIVE", {"BOX-1": "VP1"})
    assert crm.services(OTHER)["FLEX_A/ENTERTAIN"] == "EFFECTIVE"
    crm.run_maintenance(TOMORROW)
    assert crm.services(OTHER)["PPV_CONCERT"] == "REMOVED"


def test_another_customer_takes_a_subscription_over_without_a_new_platform_account(crm: Crm) -> None:
    crm.subscriber("NEWS")
    crm.subscriber("NEWS", number=OTHER)

    crm.act("CHANGE_SUBSCRIBER_ACCOUNT", account_number="A" + OTHER[1:])

    found = crm.db.execute(
        "SELECT account_number, provisioning_account FROM crm.subscriptions WHERE subscription_number = %s",
        (SUBSCRIBER,),
    ).fetchone()
    assert found == ("A" + OTHER[1:], SUBSCRIBER)


@pytest.mark.parametrize(
    ("behaviour", "details", "column", "value"),
    [
        ("AMEND_BILLING_TERMS", {"billing_terms": "ANNUAL"}, "billing_terms", "ANNUAL"),
        ("BILL_AS_OF_DATE", {"until": "2026-03-31"}, "billed_until", "2026-03-31"),
        ("CHANGE_SUBSCRIPTION_LOCATION", {"location": "The shed"}, "location", "The shed"),
    ],
)
def test_an_action_without_provisioning_effect_leaves_state_services_and_boxes(
    crm: Crm, behaviour: str, details: dict[str, str], column: str, value: str
) -> None:
    crm.subscriber("NEWS", boxes={"BOX-1": "VP1"})

    crm.act(behaviour, **details)

    row = "SELECT to_jsonb(subscription) ->> %s FROM crm.subscriptions AS subscription WHERE subscription_number = %s"
    assert crm.one(row, column, SUBSCRIBER) == value
    assert (crm.state(), crm.services(), crm.boxes()) == (
        "EFFECTIVE",
        {"NEWS": "EFFECTIVE"},
        {"BOX-1": "VP1"},
    )
