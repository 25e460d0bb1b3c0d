"""crm.act itself: every behaviour writes one action, and wrong use is refused with what to do, changing nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from tests.integration.crm_at_work import OTHER, SUBSCRIBER, TODAY, Crm, open_crm

UNTIL = (TODAY + timedelta(days=1)).isoformat()
BOX = {"serial_number": "BOX-9", "type": "STB_HD", "distributor": "VP2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One behaviour: what goes before it and what it is given."""

    before: tuple[tuple[str, dict[str, Any]], ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    number: str = SUBSCRIBER


PPV = ("ADD_SERVICE_USAGE", {"service": "PPV_CONCERT"})
CASES = {
    "BECOMESUBSCRIBER": Case(
        number=OTHER, details={"account": {"name": "Somebody"}, "services": [{"code": "NEWS"}]}
    ),
    "ACTIVATESUBSCRIPTION": Case(before=(("DEACTIVATE_SUBSCRIPTION", {}),)),
    "DEACTIVATE_SUBSCRIPTION": Case(details={"reason": "UNSETTLED"}),
    "TERMINATE_SUBSCRIPTION": Case(),
    "REPLACE_SUBSCRIPTION": Case(details={"to_subscription_number": OTHER}),
    "RESTSUBSCRIPTION": Case(details={"until": UNTIL}),
    "ENDSUBSCRIPTIONRESTING": Case(before=(("RESTSUBSCRIPTION", {}),)),
    "SHORTTERMSUBSCRIPTIONACTIVATION": Case(
        before=(("DEACTIVATE_SUBSCRIPTION", {}),), details={"until": UNTIL}
    ),
    "ENDSUBSCRIPTIONSHORTTERMACTIVATION": Case(
        before=(("DEACTIVATE_SUBSCRIPTION", {}), ("SHORTTERMSUBSCRIPTIONACTIVATION", {"until": UNTIL})),
    ),
    "SHORTTERMSUBSCRIPTIONDEACTIVATION": Case(details={"until": UNTIL}),
    "ENDSUBSCRIPTIONSHORTTERMDEACTIVATION": Case(
        before=(("SHORTTERMSUBSCRIPTIONDEACTIVATION", {"until": UNTIL}),)
    ),
    "EXTEND_GRACE_PERIOD": Case(details={"until": UNTIL}),
    "ADD_SERVICE": Case(details={"services": [{"code": "KIDS"}]}),
    "REMOVESERVICE": Case(details={"services": ["NEWS"]}),
    "START_SERVICE": Case(before=(("STOPSERVICE", {"services": ["NEWS"]}),), details={"services": ["NEWS"]}),
    "STOPSERVICE": Case(details={"services": ["NEWS"]}),
    "SWAPSERVICE": Case(details={"from": "NEWS", "to": {"code": "KIDS"}}),
    "SWAP_PACKAGE": Case(details={"swaps": [{"from": "NEWS", "to": {"code": "KIDS"}}]}),
    "AMENDBUNDLEDSERVICE": Case(details={"bundle": "FLEX_A", "add": ["HISTORY"]}),
    "ADD_SERVICE_USAGE": Case(details={"service": "PPV_CONCERT"}),
    "ENDSERVICEUSAGE": Case(before=(PPV,), details={"service": "PPV_CONCERT"}),
    "ADD_INSTALLED_ITEM": Case(details={"items": [BOX]}),
    "REMOVE_INSTALLED_ITEM": Case(details={"items": ["BOX-1"]}),
    "SWAP_INSTALLED_ITEM": Case(details={"pairs": [{"from": "BOX-1", "to": BOX}]}),
    "MOVEINSTITEMTOANOTHERSUBSCRIPTION": Case(
        before=(("REPLACE_SUBSCRIPTION", {"to_subscription_number": OTHER}),),
        number=OTHER,
        details={"items": [{"serial_number": "BOX-1"}], "to_subscription_number": "S0000900003"},
    ),
    "AMEND_SERVICES_INSTALLED_ITEMS": Case(details={"add_items": [BOX], "remove_services": ["NEWS"]}),
    "CHANGESUBSCRIPTIONDISTRIBUTION": Case(details={"services": [{"code": "NEWS", "distributors": ["VP2"]}]}),
    "AMEND_BILLING_TERMS": Case(details={"billing_terms": "QUARTERLY"}),
    "BILL_AS_OF_DATE": Case(details={"until": "2026-03-31"}),
    "CHANGE_SUBSCRIBER_ACCOUNT": Case(details={"account_number": "A0000000001"}),
    "CHANGE_SUBSCRIPTION_LOCATION": Case(details={"location": "The shed"}),
}


@pytest.fixture
def crm(crm_db: str) -> Iterator[Crm]:
    with open_crm(crm_db) as opened:
        yield opened


def test_the_cases_are_all_behaviours_of_the_crm(crm: Crm) -> None:
    codes = crm.db.execute("SELECT code FROM crm.behaviours").fetchall()

    assert {code for (code,) in codes} == set(CASES)


def test_every_behaviour_writes_exactly_one_action_with_a_reference_of_its_own(crm: Crm) -> None:
    references: list[str] = []
    for behaviour, case in CASES.items():
        with crm.db.transaction(force_rollback=True):
            crm.subscriber("FLEX_A", "NEWS", boxes={"BOX-1": "VP1"})
            for earlier, details in case.before:
                crm.act(earlier, **details)
            if behaviour == "MOVEINSTITEMTOANOTHERSUBSCRIPTION":
                crm.subscriber("NEWS", number="S0000900003", account_number="A" + SUBSCRIBER[1:])
            before = crm.one("SELECT max(action_id) FROM crm.subscription_actions")

            references.append(crm.act(behaviour, case.number, **case.details))

            written = crm.db.execute(
                "SELECT behaviour, transaction_reference, subscription_number, performed_by, performed_at, state,"
                " transaction_id = pg_current_xact_id(), details FROM crm.subscription_actions"
                " WHERE action_id > %s",
                (before,),
            ).fetchall()
            assert written == [
                (behaviour, references[-1], case.number, "AGENT", TODAY, "EXECUTED", True, case.details)
            ]
            stamped = "SELECT version > %s FROM crm.subscriptions WHERE subscription_number = %s"
            assert crm.one(stamped, before, case.number), f"{behaviour} left the version of {case.number}"
    assert len(set(references)) == len(CASES)


def test_state_and_action_belong_to_the_callers_transaction(crm: Crm) -> None:
    crm.subscriber("NEWS")

    with crm.db.transaction(force_rollback=True):
        crm.act("DEACTIVATE_SUBSCRIPTION")

    assert (crm.state(), len(crm.classifications())) == ("EFFECTIVE", 1)


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


def test_the_reader_cannot_act(crm_db: str, dsn_as: Any) -> None:
    with (
        psycopg.connect(dsn_as(crm_db, "crm_reader"), autocommit=True) as db,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        db.execute("SELECT crm.act('RESTSUBSCRIPTION', 'S0000000309', '{}', 'AGENT')")


def test_two_actions_on_one_subscription_wait_for_each_other(crm: Crm, crm_db: str) -> None:
    crm.subscriber("NEWS")
    with psycopg.connect(crm_db) as other:
        other.execute("SELECT crm.act('RESTSUBSCRIPTION', %s, '{}', 'AGENT')", (SUBSCRIBER,))
        crm.db.execute("SET lock_timeout = '100ms'")

        with pytest.raises(psycopg.errors.LockNotAvailable):
            crm.act("DEACTIVATE_SUBSCRIPTION")


def test_two_desks_cannot_install_one_box(crm: Crm, crm_db: str) -> None:
    crm.subscriber("NEWS")
    crm.subscriber("NEWS", number=OTHER)
    with psycopg.connect(crm_db) as first:
        Crm(first).act("ADD_INSTALLED_ITEM", SUBSCRIBER, items=[BOX])
        crm.db.execute("SET lock_timeout = '100ms'")

        with pytest.raises(psycopg.errors.LockNotAvailable):
            crm.act("ADD_INSTALLED_ITEM", OTHER, items=[BOX])
