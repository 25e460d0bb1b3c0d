"""What becomes of each service and box in words, and what may be shown of requests: told by the rules that decide."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from provisioner.core import blotting, desired, explain
from provisioner.core.model import AccountState, LifeCycleState, ServiceState, ServiceType, SubscriptionState
from provisioner.core.packing import pack_options
from provisioner.core.provider_changes import changes
from tests.factories import a_provider, a_service, activate, an_account, an_item, suspend

PROVIDER = a_provider()
EFFECTIVE = SubscriptionState.EFFECTIVE


@pytest.mark.parametrize(
    ("state", "service", "says"),
    [
        (EFFECTIVE, a_service("KIDS", "VP1"), "option KIDS"),
        (
            SubscriptionState.IN_RESTING,
            a_service("KIDS", "VP1"),
            "the subscription is IN_RESTING, not Active",
        ),
        (
            EFFECTIVE,
            a_service("KIDS", "VP1", state=ServiceState.SWAPPED),
            "the service is SWAPPED, not Active",
        ),
        (
            EFFECTIVE,
            a_service("KIDS", "VP1", type=ServiceType.ONE_TIME),
            "type ONE_TIME is never provisioned",
        ),
        (EFFECTIVE, a_service("NO_SUCH", "VP1"), "has no option in the provider file"),
        (EFFECTIVE, a_service("KIDS", "VP9"), "VP9"),
    ],
)
def test_each_service_says_what_it_becomes_or_why_nothing(
    state: SubscriptionState, service: Any, says: str
) -> None:
    assert says in explain.of_service(state, service, PROVIDER).because


def test_what_is_told_of_a_service_is_what_the_rules_want() -> None:
    codes = (*PROVIDER.services, "NO_SUCH")
    for state, code, service_state, kind in product(SubscriptionState, codes, ServiceState, ServiceType):
        service = a_service(code, "VP1", state=service_state, type=kind)
        wanted = desired.desired_options(state, [service], PROVIDER)

        told = explain.of_service(state, service, PROVIDER)

        assert list(told.things) == pack_options(wanted.options)
        assert bool(told.things) == (told.tone == explain.GOOD)


@pytest.mark.parametrize(
    ("state", "item", "says"),
    [
        (EFFECTIVE, an_item("S1"), "a box of type HD"),
        (EFFECTIVE, an_item("S1", item_type="REMOTE_CONTROL"), "does not register this type"),
        (EFFECTIVE, an_item("S1", item_type="TOASTER"), "no material type in the provider file"),
        (EFFECTIVE, an_item("S 1"), "breaks a rule"),
        (SubscriptionState.IN_RESTING, an_item("S1"), "kept where it is registered"),
        (SubscriptionState.CANCELLED, an_item("S1"), "which has ended"),
    ],
)
def test_each_box_says_what_it_becomes_or_why_nothing(state: SubscriptionState, item: Any, says: str) -> None:
    assert says in explain.of_item(state, item, PROVIDER).because


def a_case(**changed: Any) -> explain.Case:
    """Return the case of an Active subscription that is in step."""
    state = an_account(VP1=["NEWS"])
    given: dict[str, Any] = {
        "subscription_number": "S1",
        "account": "S1",
        "provider": PROVIDER,
        "state": EFFECTIVE,
        "known": state,
        "target": state,
    }
    return explain.Case(**given | changed)


def test_the_first_cause_hides_those_after_it() -> None:
    off = replace(PROVIDER, state=LifeCycleState.NOT_EFFECTIVE)
    causes = {
        "provider": ("NOT_EFFECTIVE", {"provider": off}),
        "row": ("its row in the CRM cannot be used: why", {"rejected_because": "why"}),
        "parked": ("S1 is parked: no answer", {"parked_because": "no answer"}),
        "unknown": ("waits for an answer", {"unknown": 1}),
        "pending": ("1 request not sent yet", {"pending": 1}),
        "difference": ("not known to have", {"known": AccountState(), "commands": [activate("VP1", "NEWS")]}),
    }
    names = list(causes)
    for position, name in enumerate(names):
        together: dict[str, Any] = {}
        for later in names[position:]:
            together |= causes[later][1]

        assert causes[name][0] in explain.headline(a_case(**together)).text, name


@pytest.mark.parametrize(
    ("changed", "tone", "says"),
    [
        ({"known": an_account(VP1=["NEWS"]), "state": None}, explain.WARN, "Tucano still serves account S1"),
        ({"known": AccountState(), "state": None}, explain.PLAIN, "not known to serve it"),
        (
            {
                "known": an_account(VP1=["NEWS"]),
                "target": an_account(),
                "state": SubscriptionState.IN_RESTING,
            },
            explain.WARN,
            "should be black, and is not known to be",
        ),
        (
            {"known": an_account(), "target": an_account(), "state": SubscriptionState.CANCELLED},
            explain.PLAIN,
            "is black because it is CANCELLED",
        ),
        (
            {"known": an_account(VP1=["NEWS", "KIDS"]), "commands": [suspend("VP1", "KIDS")]},
            explain.WARN,
            "and something more",
        ),
        ({"known": an_account(), "target": an_account()}, explain.WARN, "no service and no box"),
        ({}, explain.WARN, "but no box"),
    ],
)
def test_each_case_has_its_sentence(changed: dict[str, Any], tone: str, says: str) -> None:
    told = explain.headline(a_case(**changed))

    assert says in told.text
    assert told.tone == tone
    assert told.next_step


# -- what may be shown ------------------------------------------------------------------------------


def test_a_request_is_shown_byte_for_byte_unless_it_names_a_person() -> None:
    plain = b'{"request_number":"PR-1","parameters":{"distributor":"VP1","options":["NEWS"]}}'
    person = b'{"request_number":"PR-1","parameters":{"name":"Ada","email":"ada@example.com"}}'

    assert blotting.request(plain) == plain.decode()
    assert json.loads(blotting.request(person) or "")["parameters"] == {"name": "***", "email": "***"}


@pytest.mark.parametrize("body", [b"", None, b"   "])
def test_what_is_not_kept_is_not_shown(body: bytes | None) -> None:
    assert blotting.request(body) is None


@pytest.mark.parametrize("body", [b"Ada", b"[]", b'{"parameters": "Ada"}', b"[" * 100_000, b'"Ada"'])
def test_what_is_no_request_is_not_shown_since_it_may_be_anything(body: bytes) -> None:
    assert (blotting.request(body) or "").startswith("(not shown")


def test_an_answer_is_shown_byte_for_byte_unless_it_may_quote_a_name() -> None:
    said = b'{"status": "REJECTED", "error_code": "INVALID_REQUEST", "error_description": "Ada is no name"}'
    done = b'{"status": "ACCEPTED", "reference_number": "T-1"}'

    assert blotting.answer(said, "ADD_MATERIAL") == said.decode()
    assert blotting.answer(done, "CREATE_ACCOUNT") == done.decode()
    assert "Ada" not in (blotting.answer(said, "CREATE_ACCOUNT") or "")
    assert "INVALID_REQUEST" in (blotting.answer(said, "CREATE_ACCOUNT") or "")
    assert "Ada" not in (blotting.answer(b"<html>Ada", "CREATE_ACCOUNT") or "")


# -- what a version changed -------------------------------------------------------------------------


def test_changes_of_a_document_are_one_line_a_value() -> None:
    older = {"services": {"A": {"option": "A"}, "B": {"option": "B"}}, "settings": {"n": 1}}
    newer = {"services": {"A": {"option": "X"}, "C": {"option": "C"}}, "settings": {"n": 1}}

    assert changes(older, newer) == [
        'services.A.option: "A" → "X"',
        'services.B.option: removed, was "B"',
        'services.C.option: added, "C"',
    ]
    assert changes(older, older) == []
