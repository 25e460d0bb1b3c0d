"""crm.act itself: every behaviour writes one action, in the caller's transaction, and two at once do not cross."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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


def test_the_reader_cannot_act(crm_db: str, dsn_as: Any) -> None:
    with (
        psycopg.connect(dsn_as(crm_db, "crm_reader"), autocommit=True) as db,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        db.execute("SELECT crm.act('RESTSUBSCRIPTION', 'S0000000309', '{}', 'AGENT')")


def test_of_two_actions_at_once_the_second_sees_what_the_first_did(crm: Crm, crm_db: str) -> None:
    crm.subscriber("NEWS")
    with psycopg.connect(crm_db) as first, psycopg.connect(crm_db, autocommit=True) as second:
        Crm(first).act("RESTSUBSCRIPTION")
        with ThreadPoolExecutor(max_workers=1) as desk:
            answer = desk.submit(Crm(second).act, "RESTSUBSCRIPTION")
            wait_until_blocked(crm, second.info.backend_pid)
            first.commit()

        with pytest.raises(
            psycopg.errors.RaiseException, match="while subscription S0000900001 is IN_RESTING"
        ):
            answer.result()


def wait_until_blocked(crm: Crm, backend: int) -> None:
    for _ in range(200):
        if crm.one("SELECT cardinality(pg_blocking_pids(%s)) > 0", backend):
            return
        time.sleep(0.05)
    raise AssertionError("the second action did not wait for the first")


def test_two_desks_cannot_install_one_box(crm: Crm, crm_db: str) -> None:
    crm.subscriber("NEWS")
    crm.subscriber("NEWS", number=OTHER)
    with psycopg.connect(crm_db) as first:
        Crm(first).act("ADD_INSTALLED_ITEM", SUBSCRIBER, items=[BOX])
        crm.db.execute("SET lock_timeout = '100ms'")

        with pytest.raises(psycopg.errors.LockNotAvailable):
            crm.act("ADD_INSTALLED_ITEM", OTHER, items=[BOX])
