"""One packed row of the CRM contract: read into values whole, or rejected with a reason; nothing is invented."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from provisioner.adapters.crm_rows import parse_row
from provisioner.core.model import RejectedReason, RejectedRow, Subscriber, Subscription
from tests.factories import a_service, an_item

COLUMNS = (
    *("subscription_number", "account_id", "name", "email", "phone", "address", "subscription_type"),
    *("state", "created_at", "services", "items", "version"),
)
NEWS = {"code": "NEWS", "type": "TERMED", "state": "EFFECTIVE", "distributors": ["VP1"], "bundle": None}
BOX = {"serial_number": "S1", "type": "STB_HD", "distributor": "VP1"}
SECRETS = {
    "name": "Ada Prowse",
    "email": "ada@example.com",
    "phone": "+1 555 0100",
    "address": "1 Marsh Lane",
}


def parsed(**changed: str | None) -> Subscription | RejectedRow:
    row: dict[str, str | None] = {
        "subscription_number": "S0000000309",
        "account_id": "C-1",
        **SECRETS,
        "subscription_type": "RESIDENTIAL",
        "state": "EFFECTIVE",
        "created_at": "2024-03-01 00:00:00+00",
        "services": json.dumps([NEWS]),
        "items": json.dumps([BOX]),
        "version": "7",
    }
    return parse_row([(row | changed)[column] for column in COLUMNS])


def rejected(**changed: str | None) -> RejectedRow:
    found = parsed(**changed)
    assert isinstance(found, RejectedRow), found
    return found


def test_a_row_of_the_contract_is_read_whole() -> None:
    found = parsed()

    assert isinstance(found, Subscription)
    assert (found.subscription_number, found.account, found.state) == ("S0000000309", "C-1", "EFFECTIVE")
    assert found.services == (a_service("NEWS", "VP1"),)
    assert found.items == (an_item("S1", "VP1"),)
    assert found.subscriber == Subscriber(**SECRETS)
    assert found.created_at == datetime(2024, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("column", ["email", "phone", "address", "created_at", "subscription_type"])
def test_what_the_contract_lets_be_null_may_be(column: str) -> None:
    assert isinstance(parsed(**{column: None}), Subscription)


@pytest.mark.parametrize("column", ["subscription_number", "account_id", "state", "services", "items"])
def test_what_it_does_not_is_rejected_by_its_name(column: str) -> None:
    found = rejected(**{column: None})

    assert found.reason is RejectedReason.MALFORMED_ROW
    assert f"has no {column}" in found.explanation


@pytest.mark.parametrize("column", ["services", "items"])
@pytest.mark.parametrize(
    "packed", ["null", "{}", "[1]", "[null]", "[", '"x"', "true", "[[]]", "[" * 9_999], ids=len
)
def test_a_list_that_is_none_is_not_an_empty_one(column: str, packed: str) -> None:
    assert f"has {column} that are not" in rejected(**{column: packed}).explanation


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"code": None}, "a service without a code"),
        ({"code": ""}, "a service without a code"),
        ({"code": 5}, "a service without a code"),
        ({"type": "MONTHLY"}, "service 'NEWS' of type 'MONTHLY'"),
        ({"type": None}, "service 'NEWS' of type None"),
        ({"state": "ACTIVE"}, "service 'NEWS' in state 'ACTIVE'"),
        ({"state": {}}, "service 'NEWS' in state {}"),
        ({"distributors": "VP1"}, "distributors 'VP1', not an array of codes"),
        ({"distributors": [1]}, "distributors [1], not an array of codes"),
        ({"distributors": {"VP1": 1}}, "not an array of codes"),
        ({"distributors": None}, "distributors None, not an array of codes"),
        ({"distributors": ""}, "distributors '', not an array of codes"),
        ({"distributors": False}, "distributors False, not an array of codes"),
        ({"distributors": 0}, "distributors 0, not an array of codes"),
        ({"bundle": 7}, "bundle 7, not a code"),
        ({"bundle": ""}, "bundle '', not a code"),
    ],
)
def test_a_service_that_breaks_the_contract_rejects_the_row(broken: dict[str, Any], said: str) -> None:
    assert said in rejected(services=json.dumps([NEWS | broken])).explanation


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"serial_number": None}, "an installed item without a serial number"),
        ({"serial_number": 5}, "an installed item without a serial number"),
        ({"serial_number": ""}, "an installed item without a serial number"),
        ({"type": None}, "installed item 'S1' without a type"),
        ({"distributor": 1}, "installed item 'S1' at distributor 1, not a code"),
        ({"distributor": ""}, "installed item 'S1' at distributor '', not a code"),
    ],
)
def test_an_item_that_breaks_the_contract_rejects_the_row(broken: dict[str, Any], said: str) -> None:
    assert said in rejected(items=json.dumps([BOX | broken])).explanation


@pytest.mark.parametrize("key", NEWS)
def test_a_service_without_one_of_its_keys_rejects_the_row(key: str) -> None:
    left = {name: value for name, value in NEWS.items() if name != key}

    assert key in rejected(services=json.dumps([left])).explanation


@pytest.mark.parametrize("key", BOX)
def test_an_item_without_one_of_its_keys_rejects_the_row(key: str) -> None:
    left = {name: value for name, value in BOX.items() if name != key}

    assert key.replace("_", " ") in rejected(items=json.dumps([left])).explanation


def test_a_service_may_have_no_distributor() -> None:
    found = parsed(services=json.dumps([NEWS | {"distributors": []}]))

    assert isinstance(found, Subscription)
    assert found.services[0].distributors == ()


def test_an_item_may_have_no_distributor() -> None:
    found = parsed(items=json.dumps([BOX | {"distributor": None}]))

    assert isinstance(found, Subscription)
    assert found.items[0].distributor is None


def test_a_state_that_the_contract_does_not_have_is_not_taken_for_another() -> None:
    assert "has the state 'ACTIVE'" in rejected(state="ACTIVE").explanation


def test_a_rejected_row_names_its_account_so_that_nothing_is_taken_from_it() -> None:
    assert rejected(state="ACTIVE").account == "C-1"
    assert rejected(account_id=None).account is None


def test_a_rejection_repeats_no_personal_data() -> None:
    for broken in ({"state": "?"}, {"services": "["}, {"items": "[1]"}, {"account_id": None}):
        assert not [one for one in SECRETS.values() if one in rejected(**broken).explanation]


texts = st.one_of(
    st.none(), st.text(max_size=20), st.sampled_from(("EFFECTIVE", "[]", "{}", json.dumps([BOX])))
)
ordinary_or_any_time = st.sampled_from((None, "", "2024-03-01 00:00:00+00"))


@given(st.lists(texts, min_size=12, max_size=12), ordinary_or_any_time)
def test_no_row_whatever_raises(fields: list[str | None], created_at: str | None) -> None:
    fields[8] = created_at  # a timestamp of the database, by the contract's check of types

    assert isinstance(parse_row(fields), Subscription | RejectedRow)
