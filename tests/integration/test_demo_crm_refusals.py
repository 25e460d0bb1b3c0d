"""What crm.act refuses: wrong use is answered with the thing, its value and what to do, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.integration.crm_at_work import SUBSCRIBER, TODAY, Crm, open_crm

UNTIL = (TODAY + timedelta(days=1)).isoformat()
BOX = {"serial_number": "BOX-9", "type": "STB_HD", "distributor": "VP2"}

REFUSALS: list[tuple[str, dict[str, Any], str]] = [
    ("NO_SUCH_THING", {}, "behaviour 'NO_SUCH_THING' is unknown: use a code of crm.behaviours"),
    (
        "ACTIVATESUBSCRIPTION",
        {},
        "while subscription S0000900001 is EFFECTIVE: it starts from DRAFT or NOT_EFFECTIVE",
    ),
    ("RESTSUBSCRIPTION", {"untill": UNTIL}, "RESTSUBSCRIPTION has no detail 'untill': use until"),
    ("RESTSUBSCRIPTION", {"until": TODAY.isoformat()}, "give a time after the action"),
    ("SHORTTERMSUBSCRIPTIONDEACTIVATION", {}, "until is NULL"),
    ("ADD_SERVICE", {}, "services is missing or empty in the details: give an array"),
    ("ADD_SERVICE", {"services": "KIDS"}, 'services is "KIDS": give an array'),
    (
        "ADD_SERVICE",
        {"services": [{"code": "SPROT"}]},
        "product 'SPROT' is not a known SERVICE: use a code of crm",
    ),
    ("ADD_SERVICE", {"services": [{"code": "STB_HD"}]}, "product 'STB_HD' is not a known SERVICE"),
    (
        "ADD_SERVICE",
        {"services": [{"code": "NEWS"}]},
        "S0000900001 already has service NEWS: start it, or remove it",
    ),
    ("ADD_SERVICE", {"services": [{"code": "PPV_CONCERT"}]}, "ordered per use: use ADD_SERVICE_USAGE"),
    (
        "ADD_SERVICE",
        {"services": [{"code": "KIDS", "distributors": ["VP9"]}]},
        "distributor 'VP9' is unknown",
    ),
    (
        "ADD_SERVICE",
        {"services": [{"code": "FLEX_B", "components": ["RELIGION"]}]},
        "mandatory component GEOLOGICAL",
    ),
    (
        "ADD_SERVICE",
        {"services": [{"code": "FLEX_B", "components": ["GEOLOGICAL"]}]},
        "components: choose 2 to 4",
    ),
    (
        "ADD_SERVICE",
        {"services": [{"code": "FLEX_B", "components": ["SPORT"]}]},
        "'SPORT' is not a component of bundle",
    ),
    (
        "ADD_SERVICE",
        {"services": [{"code": "KIDS", "components": ["NEWS"]}]},
        "which is FLAT: choose components of a",
    ),
    ("REMOVESERVICE", {"services": ["KIDS"]}, "has no service 'KIDS'"),
    ("REMOVESERVICE", {"services": ["ENTERTAIN"]}, "is a component of bundle FLEX_A: act on the bundle"),
    (
        "START_SERVICE",
        {"services": ["NEWS"]},
        "service NEWS of S0000900001 is EFFECTIVE: this needs DRAFT or NOT_EFFECT",
    ),
    (
        "SWAPSERVICE",
        {"from": "NEWS", "to": {"code": "INSTALLATION"}},
        "cannot be swapped: swap termed services only",
    ),
    ("AMENDBUNDLEDSERVICE", {"bundle": "NEWS", "add": ["KIDS"]}, "NEWS is FLAT: amend flexible bundles only"),
    (
        "AMENDBUNDLEDSERVICE",
        {"bundle": "FLEX_A", "remove": ["GEOLOGICAL"]},
        "mandatory component GEOLOGICAL: keep it",
    ),
    ("AMENDBUNDLEDSERVICE", {"bundle": "FLEX_A", "remove": ["HISTORY"]}, "has no component 'HISTORY'"),
    (
        "AMENDBUNDLEDSERVICE",
        {"bundle": "FLEX_A", "add": ["ENTERTAIN"]},
        "already has component ENTERTAIN: leave it out",
    ),
    ("ADD_SERVICE_USAGE", {"service": "NEWS"}, "service NEWS is TERMED: use ADD_SERVICE"),
    ("ENDSERVICEUSAGE", {"service": "NEWS"}, "service NEWS is TERMED: use REMOVESERVICE"),
    ("ADD_INSTALLED_ITEM", {"items": [BOX | {"type": "REMOTE_CONTROL"}]}, "REMOTE_CONTROL is not traceable"),
    (
        "ADD_INSTALLED_ITEM",
        {"items": [BOX | {"serial_number": "BOX 9"}]},
        "'BOX 9' has characters that no box has",
    ),
    (
        "ADD_INSTALLED_ITEM",
        {"items": [BOX | {"serial_number": "BOX-1"}]},
        "is installed at subscription S0000900001",
    ),
    ("REMOVE_INSTALLED_ITEM", {"items": ["BOX-7"]}, "'BOX-7' is not installed at subscription S0000900001"),
    (
        "MOVEINSTITEMTOANOTHERSUBSCRIPTION",
        {"items": [{"serial_number": "BOX-1"}], "to_subscription_number": "S0000000001"},
        "move items within one customer only",
    ),
    ("CHANGESUBSCRIPTIONDISTRIBUTION", {}, "name neither services nor items"),
    (
        "AMEND_BILLING_TERMS",
        {"billing_terms": "DAILY"},
        "'DAILY' are unknown: use MONTHLY, QUARTERLY or ANNUAL",
    ),
    ("CHANGE_SUBSCRIBER_ACCOUNT", {"account_number": "A9"}, "account 'A9' is unknown"),
]


@pytest.fixture
def crm(crm_db: str) -> Iterator[Crm]:
    with open_crm(crm_db) as opened:
        yield opened


def test_wrong_use_is_refused_saying_what_to_do_and_changes_nothing(crm: Crm) -> None:
    crm.subscriber("FLEX_A", "NEWS", boxes={"BOX-1": "VP1"})
    before = (crm.state(), crm.services(), crm.boxes(), crm.classifications())

    for behaviour, details, message in REFUSALS:
        with pytest.raises(psycopg.errors.RaiseException) as refused:
            crm.act(behaviour, **details)
        assert message in str(refused.value), f"{behaviour} {details}"

    assert (crm.state(), crm.services(), crm.boxes(), crm.classifications()) == before


def test_an_unknown_subscription_and_a_taken_number_are_refused(crm: Crm) -> None:
    crm.subscriber("NEWS")

    with pytest.raises(
        psycopg.errors.RaiseException, match="subscription 'S0000999999' is unknown: look it up"
    ):
        crm.act("RESTSUBSCRIPTION", "S0000999999")
    with pytest.raises(psycopg.errors.RaiseException, match="is not a free subscription number"):
        crm.subscriber("NEWS")


def test_a_film_needs_an_effective_channel(crm: Crm) -> None:
    crm.subscriber("BOX_INSURANCE")

    with pytest.raises(psycopg.errors.RaiseException, match="has no effective termed service"):
        crm.act("ADD_SERVICE_USAGE", service="PPV_CONCERT")


def test_every_action_names_who_performed_it(crm: Crm) -> None:
    crm.subscriber("NEWS")

    with pytest.raises(psycopg.errors.RaiseException, match="has no performed_by: name the user or unit"):
        crm.db.execute("SELECT crm.act('RESTSUBSCRIPTION', %s, '{}', '')", (SUBSCRIBER,))
