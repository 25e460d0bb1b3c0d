"""Tucano's JSON: a golden file per command, the contract's limits, and answers of every kind."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st
from jsonschema import Draft202012Validator

from provisioner.core import wire
from provisioner.core.model import Command, CommandName, CreateAccount
from provisioner.core.wire import Verdict, decode, encode, masked, name_of, parameters, parse_answer
from tests.factories import (
    ACCOUNT,
    a_subscriber,
    activate,
    add,
    create_account,
    remove,
    suspend,
)

GOLDEN = Path(__file__).parent / "golden"
CONTRACT = Path(__file__).parents[2] / "include" / "tucano-api.yaml"
NOW = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)

COMMANDS: dict[str, Command] = {
    "CREATE_ACCOUNT": create_account(),
    "ADD_MATERIAL": add("STB0001"),
    "ACTIVATE_OPTIONS": activate("VP1", "GEOLOGICAL", "ENTERTAIN"),
    "SUSPEND_OPTIONS": suspend("VP2", "SPORT_CHANNELS"),
    "REMOVE_MATERIAL": remove("STB0001"),
}


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    return yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))["components"]["schemas"]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_command_is_spelled_as_in_its_golden_file(name):
    assert encode("PR-0000000123", COMMANDS[name]) == (GOLDEN / f"{name}.json").read_bytes().rstrip(b"\n")


def test_there_is_a_golden_file_for_each_command_and_no_other():
    assert {path.stem for path in GOLDEN.iterdir()} == set(CommandName)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_what_is_sent_is_what_the_contract_takes(command, schemas):
    contract = {"$ref": "#/components/schemas/Request", "components": {"schemas": schemas}}

    Draft202012Validator(contract).validate(json.loads(encode("PR-0000000123", command)))


def test_the_limits_are_those_of_the_contract(schemas):
    def form(schema: dict[str, Any]) -> re.Pattern[str]:
        characters = schema["pattern"].removeprefix("^").removesuffix("+$")
        return re.compile(f"{characters}{{{schema['minLength']},{schema['maxLength']}}}")

    subscriber = schemas["AccountParameters"]["properties"]
    assert form(schemas["AccountId"]) == wire.ACCOUNT
    assert form(schemas["Code"]) == wire.CODE
    assert form(schemas["SerialNumber"]) == wire.SERIAL_NUMBER
    assert schemas["Options"]["maxItems"] == wire.OPTIONS_A_REQUEST
    assert subscriber["name"]["maxLength"] == wire.NAME_CHARACTERS
    assert subscriber["email"]["maxLength"] == wire.EMAIL_CHARACTERS
    assert subscriber["phone"]["maxLength"] == wire.PHONE_CHARACTERS
    assert subscriber["address"]["maxLength"] == wire.ADDRESS_CHARACTERS
    assert set(subscriber) == wire.PERSONAL
    assert set(schemas["Answer"]["properties"]["error_code"]["enum"]) == set(wire.ErrorCode)
    assert set(schemas["Request"]["properties"]["command"]["enum"]) == set(CommandName)


def test_decision_2_a_sixth_command_is_not_read():
    with pytest.raises(ValueError, match="GET_ACCOUNT"):
        decode("GET_ACCOUNT", ACCOUNT, {})


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_stored_command_reads_back(command):
    stored = json.loads(json.dumps(parameters(command)))

    again = decode(name_of(command), ACCOUNT, stored)

    assert encode("PR-1", again) == encode("PR-1", command)


def test_an_option_list_is_sorted_whatever_order_it_was_given_in():
    assert encode("PR-1", activate("VP1", "B", "A")) == encode("PR-1", activate("VP1", "A", "B"))


def test_what_a_subscriber_has_not_given_is_left_out():
    subscriber = a_subscriber(email=None, phone=None, address=None)
    command = CreateAccount(account=ACCOUNT, subscriber=subscriber)

    assert parameters(command) == {"name": "Ada Prowse"}


def test_a_name_is_sent_as_it_is_written():
    command = create_account().__class__(
        account=ACCOUNT, subscriber=a_subscriber(name="Žofie Łącka-O'Neill 渡辺")
    )

    assert "Žofie Łącka-O'Neill 渡辺".encode() in encode("PR-1", command)


def test_masked_parameters_hold_no_personal_data():
    blotted = masked(parameters(create_account()))

    assert blotted == {"name": "***", "email": "***", "phone": "***", "address": "***"}
    assert masked(parameters(add("S1"))) == parameters(add("S1"))


# Answers.


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> wire.Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_answer(status, headers or {}, content, now=NOW)


def test_an_acceptance_is_read_with_its_reference_and_what_already_was_so():
    read = answer({"status": "ACCEPTED", "reference_number": "T-1", "already": ["KIDS"], "replayed": True})

    assert read.verdict is Verdict.ACCEPTED
    assert (read.reference_number, read.already, read.replayed) == ("T-1", {"KIDS"}, True)


@pytest.mark.parametrize(
    ("named", "verdict"), [("PR-1", Verdict.ACCEPTED), ("PR-2", None), (1, None), (None, Verdict.ACCEPTED)]
)
def test_an_answer_that_names_another_request_is_none(named, verdict):
    body = json.dumps({"status": "ACCEPTED", "request_number": named}).encode()

    assert parse_answer(200, {}, body, now=NOW, request_number="PR-1").verdict is verdict


def test_a_refusal_is_read_with_its_code_and_words():
    read = answer({"status": "REJECTED", "error_code": "SOMETHING_NEW", "error_description": "no"})

    assert (read.verdict, read.error_code, read.error_description) == (
        Verdict.REJECTED,
        "SOMETHING_NEW",
        "no",
    )


def test_nulls_are_members_that_are_not_there():
    read = answer({"status": "ACCEPTED", "error_code": None, "already": None, "replayed": None})

    assert read == wire.Answer(status=200, verdict=Verdict.ACCEPTED, body=read.body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>busy</html>",
        b'{"status": "ACCEP',
        b"[]",
        b'"ACCEPTED"',
        b"\xff\xfe\x00",
        b"[" * 60_000,
        b'{"status": "DONE"}',
        b'{"status": ["ACCEPTED"]}',
        b'{"reference_number": "T-1"}',
        b'{"status": "ACCEPTED", "reference_number": 1}',
        b'{"status": "ACCEPTED", "already": "KIDS"}',
        b'{"status": "ACCEPTED", "already": [1]}',
        b'{"status": "ACCEPTED", "replayed": "yes"}',
        b'{"status": "REJECTED", "error_code": 7}',
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_a_200_that_is_not_the_contracts_has_no_verdict(body):
    assert answer(body).verdict is None


@given(st.binary(max_size=200), st.integers(100, 999), st.text(max_size=20))
def test_whatever_is_answered_can_be_read_and_stored(body, status, retry_after):
    read = parse_answer(status, {"Retry-After": retry_after}, body, now=NOW)

    assert storable(read.body)


@given(st.dictionaries(st.sampled_from(["error_code", "error_description", "reference_number"]), st.text()))
def test_the_texts_of_an_answer_can_be_stored(members):
    read = answer({"status": "REJECTED", **members})

    for text in (read.error_code, read.error_description, read.reference_number, read.body):
        assert text is None or storable(text)


def storable(text: str) -> bool:
    """What PostgreSQL's text takes: no NUL, nothing that UTF-8 cannot say."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def test_half_a_surrogate_pair_is_escaped_rather_than_lost():
    read = answer(b'{"status": "REJECTED", "error_code": "A\\ud800\\u0000"}')

    assert read.error_code == "A\\ud800\\u0000"


@pytest.mark.parametrize(
    ("given_", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 29 Mar 2026 01:00:30 GMT", 30.0),
        ("Sun, 29 Mar 2026 00:59:00 GMT", 0.0),
        ("Sun, 29 Mar 2026 01:00:30 -0000", 30.0),
        ("9" * 5_000, 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(given_, seconds):
    assert answer({}, status=503, headers={"retry-AFTER": given_}).retry_after == seconds


def test_a_retry_after_date_is_read_by_the_clock_that_wrote_it():
    headers = {"Retry-After": "Sun, 29 Mar 2026 07:00:30 GMT", "DATE": "Sun, 29 Mar 2026 07:00:00 GMT"}

    assert answer({}, status=503, headers=headers).retry_after == 30.0
    assert answer({}, status=503, headers=headers | {"DATE": "today"}).retry_after == pytest.approx(
        datetime(2026, 3, 29, 7, 0, 30, tzinfo=UTC).timestamp() - NOW.timestamp()
    )


def test_retry_after_is_none_where_the_answer_does_not_say_it():
    assert answer({}, status=503).retry_after is None


def test_a_date_without_a_zone_is_utc_wherever_we_run(monkeypatch):
    monkeypatch.setenv("TZ", "America/Santiago")
    time.tzset()
    try:
        assert answer({}, 503, {"Retry-After": "Sun, 29 Mar 2026 01:00:30 -0000"}).retry_after == 30.0
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_date_is_counted_from_now_in_whatever_zone_now_is():
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-7)))

    read = parse_answer(503, {"Retry-After": "Sun, 29 Mar 2026 01:00:10 GMT"}, b"", now=elsewhere)

    assert read.retry_after == 10.0
