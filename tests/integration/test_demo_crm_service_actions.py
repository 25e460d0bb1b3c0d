"""Actions on services and boxes: what each changes in the demo CRM."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from tests.integration.crm_at_work import OTHER, SUBSCRIBER, TODAY, Crm, open_crm


@pytest.fixture
def crm(crm_db: str) -> Iterator[Crm]:
    with open_crm(crm_db) as opened:
        yield opened


@pytest.mark.parametrize(
    ("draft", "state", "classification"),
    [(False, "EFFECTIVE", "ADD_SERVICE"), (True, "DRAFT", "ADD_SERVICE_AS_DRAFT")],
)
def test_a_service_is_added_at_once_or_as_draft(
    crm: Crm, draft: bool, state: str, classification: str
) -> None:
    crm.subscriber("NEWS")

    crm.act("ADD_SERVICE", services=[{"code": "SPORT", "distributors": ["VP2", "VP1"]}], draft=draft)

    assert crm.services() == {"NEWS": "EFFECTIVE", "SPORT": state}
    assert crm.places("SPORT") == ["VP1", "VP2"]
    assert crm.classifications()[-1] == classification


def test_a_service_added_to_a_subscription_that_is_off_is_off(crm: Crm) -> None:
    crm.subscriber("NEWS")
    crm.act("DEACTIVATE_SUBSCRIPTION")

    crm.act("ADD_SERVICE", services=[{"code": "SPORT"}])

    assert crm.services()["SPORT"] == "NOT_EFFECTIVE"


def test_a_fixed_bundle_brings_all_its_components(crm: Crm) -> None:
    crm.subscriber("FAMILY_PACK")

    assert set(crm.services()) == {
        "FAMILY_PACK",
        "FAMILY_PACK/KIDS",
        "FAMILY_PACK/MOVIES",
        "FAMILY_PACK/NATURE",
    }


def test_removing_a_bundle_cancels_its_components_too(crm: Crm) -> None:
    crm.subscriber("FLEX_A", "NEWS")

    crm.act("REMOVESERVICE", services=["FLEX_A"])

    assert crm.services() == {
        "FLEX_A": "CANCELLED",
        "FLEX_A/ENTERTAIN": "CANCELLED",
        "FLEX_A/GEOLOGICAL": "CANCELLED",
        "NEWS": "EFFECTIVE",
    }
    assert crm.classifications()[-1] == "CANCELSERVICE"
    assert crm.state() == "EFFECTIVE"


def test_regretting_the_only_service_regrets_the_subscription(crm: Crm) -> None:
    crm.subscriber("NEWS")

    crm.act("REMOVESERVICE", services=["NEWS"], regret=True)

    assert (crm.state(), crm.services()) == ("REGRETTED", {"NEWS": "REGRETTED"})
    assert crm.classifications()[-1] == "REGRETSERVICE"


def test_a_service_cannot_be_regretted_after_a_fortnight(crm: Crm) -> None:
    crm.subscriber("NEWS")

    with pytest.raises(psycopg.errors.RaiseException, match="cancel it without"):
        crm.act_at(
            TODAY + timedelta(days=15), "REMOVESERVICE", SUBSCRIBER, {"services": ["NEWS"], "regret": True}
        )


@pytest.mark.parametrize(
    ("old", "new", "classification"),
    [
        ("NEWS", "SPORT", "UPGRADESERVICE"),
        ("SPORT", "NEWS", "DOWNGRADESERVICE"),
        ("NEWS", "KIDS", "SWITCHSERVICE"),
    ],
)
def test_a_swap_is_classified_by_the_tiers_and_keeps_the_place(
    crm: Crm, old: str, new: str, classification: str
) -> None:
    crm.subscriber({"code": old, "distributors": ["VP2"]})

    crm.act("SWAPSERVICE", **{"from": old, "to": {"code": new}})

    assert crm.services() == {old: "SWAPPED", new: "EFFECTIVE"}
    assert crm.places(new) == ["VP2"]
    assert crm.classifications()[-1] == classification


def test_regretting_a_swap_brings_the_old_bundle_back_with_its_components(crm: Crm) -> None:
    crm.subscriber("FLEX_A")
    crm.act("SWAPSERVICE", **{"from": "FLEX_A", "to": {"code": "AGRICULTURE"}})

    crm.act("REMOVESERVICE", services=["AGRICULTURE"], regret=True)

    assert crm.services() == {
        "FLEX_A": "EFFECTIVE",
        "FLEX_A/ENTERTAIN": "EFFECTIVE",
        "FLEX_A/GEOLOGICAL": "EFFECTIVE",
        "AGRICULTURE": "REGRETTED",
    }
    assert crm.state() == "EFFECTIVE"


def test_a_package_of_swaps_is_one_action(crm: Crm) -> None:
    crm.subscriber("NEWS", "SPORT")

    crm.act(
        "SWAP_PACKAGE",
        swaps=[{"from": "NEWS", "to": {"code": "KIDS"}}, {"from": "SPORT", "to": {"code": "MUSIC"}}],
    )

    assert crm.services() == {
        "NEWS": "SWAPPED",
        "SPORT": "SWAPPED",
        "KIDS": "EFFECTIVE",
        "MUSIC": "EFFECTIVE",
    }
    assert len(crm.classifications()) == 2


def test_stopping_the_last_service_stops_the_subscription_and_starting_it_starts_both(crm: Crm) -> None:
    crm.subscriber("NEWS", "SPORT")
    crm.act("STOPSERVICE", services=["NEWS"])
    assert (crm.state(), crm.services()) == ("EFFECTIVE", {"NEWS": "NOT_EFFECTIVE", "SPORT": "EFFECTIVE"})

    crm.act("STOPSERVICE", services=["SPORT"])
    assert crm.state() == "NOT_EFFECTIVE"

    crm.act("START_SERVICE", services=["NEWS"])
    assert (crm.state(), crm.services()) == ("EFFECTIVE", {"NEWS": "EFFECTIVE", "SPORT": "NOT_EFFECTIVE"})


def test_amending_a_flexible_bundle_changes_its_components(crm: Crm) -> None:
    crm.subscriber("FLEX_A")

    crm.act("AMENDBUNDLEDSERVICE", bundle="FLEX_A", remove=["ENTERTAIN"], add=["HISTORY"])

    assert crm.services() == {
        "FLEX_A": "EFFECTIVE",
        "FLEX_A/ENTERTAIN": "REMOVED",
        "FLEX_A/GEOLOGICAL": "EFFECTIVE",
        "FLEX_A/HISTORY": "EFFECTIVE",
    }
    assert crm.places("HISTORY") == ["VP1"]


def test_a_pay_per_view_order_is_active_recorded_and_over_after_its_time(crm: Crm) -> None:
    crm.subscriber("NEWS")

    crm.act("ADD_SERVICE_USAGE", service="PPV_CONCERT", distributors=["VP1"])

    assert crm.services()["PPV_CONCERT"] == "EFFECTIVE"
    assert crm.one("SELECT count(*) FROM crm.usage_records WHERE subscription_number = %s", SUBSCRIBER) == 1
    assert crm.run_maintenance(TODAY + timedelta(hours=47)) == 0
    assert crm.run_maintenance(TODAY + timedelta(hours=48)) == 1
    assert crm.services() == {"NEWS": "EFFECTIVE", "PPV_CONCERT": "REMOVED"}
    assert crm.classifications()[-1] == "ENDSERVICEUSAGE"


def test_the_same_film_can_be_ordered_again_when_it_is_over(crm: Crm) -> None:
    crm.subscriber("NEWS")
    crm.act("ADD_SERVICE_USAGE", service="PPV_CONCERT")
    crm.act("ENDSERVICEUSAGE", service="PPV_CONCERT")

    crm.act("ADD_SERVICE_USAGE", service="PPV_CONCERT")

    assert crm.services()["PPV_CONCERT"] == "EFFECTIVE"


def test_boxes_are_added_removed_and_swapped_in_place(crm: Crm) -> None:
    crm.subscriber("NEWS", boxes={"BOX-1": "VP1"})

    crm.act("ADD_INSTALLED_ITEM", items=[{"serial_number": "BOX-2", "type": "STB_PVR", "distributor": "VP2"}])
    assert crm.boxes() == {"BOX-1": "VP1", "BOX-2": "VP2"}

    crm.act(
        "SWAP_INSTALLED_ITEM", pairs=[{"from": "BOX-2", "to": {"serial_number": "BOX-3", "type": "STB_HD"}}]
    )
    assert crm.boxes() == {"BOX-1": "VP1", "BOX-3": "VP2"}

    crm.act("REMOVE_INSTALLED_ITEM", items=["BOX-1"])
    assert crm.boxes() == {"BOX-3": "VP2"}


def test_a_box_moves_to_another_subscription_of_the_same_customer_in_one_action(crm: Crm) -> None:
    crm.subscriber("NEWS", boxes={"BOX-1": "VP1"})
    crm.subscriber("NEWS", number=OTHER, account_number="A" + SUBSCRIBER[1:])

    reference = crm.act(
        "MOVEINSTITEMTOANOTHERSUBSCRIPTION",
        items=[{"serial_number": "BOX-1", "distributor": "VP2"}],
        to_subscription_number=OTHER,
    )

    assert (crm.boxes(), crm.boxes(OTHER)) == ({}, {"BOX-1": "VP2"})
    touched = crm.db.execute(
        "SELECT subscription_number, related_subscription_number FROM crm.subscription_actions"
        " WHERE transaction_reference = %s",
        (reference,),
    ).fetchall()
    assert touched == [(SUBSCRIBER, OTHER)]
    versions = "SELECT count(DISTINCT version) FROM crm.subscriptions WHERE subscription_number = ANY (%s)"
    assert crm.one(versions, [SUBSCRIBER, OTHER]) == 1


def test_distribution_is_set_changed_and_cleared_for_services_and_boxes(crm: Crm) -> None:
    crm.subscriber("FLEX_A", boxes={"BOX-1": "VP1"})

    crm.act(
        "CHANGESUBSCRIPTIONDISTRIBUTION",
        services=[{"code": "FLEX_A", "distributors": ["VP3", "VP2"]}],
        items=[{"serial_number": "BOX-1", "distributor": None}],
    )

    assert crm.places("ENTERTAIN") == crm.places("FLEX_A") == ["VP2", "VP3"]
    assert crm.boxes() == {"BOX-1": None}


def test_services_and_boxes_can_be_amended_in_one_action(crm: Crm) -> None:
    crm.subscriber("NEWS", boxes={"BOX-1": "VP1"})

    crm.act(
        "AMEND_SERVICES_INSTALLED_ITEMS",
        add_services=[{"code": "SPORT", "distributors": ["VP1"]}],
        remove_services=["NEWS"],
        add_items=[{"serial_number": "BOX-2", "type": "STB_HD", "distributor": "VP1"}],
        remove_items=["BOX-1"],
    )

    assert crm.services() == {"NEWS": "CANCELLED", "SPORT": "EFFECTIVE"}
    assert crm.boxes() == {"BOX-2": "VP1"}
    assert crm.classifications()[1:] == ["AMEND_SERVICES_INSTALLED_ITEMS"]
