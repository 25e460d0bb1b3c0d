"""Holds the simulator to include/tucano-api.yaml: generated cases, gate, idempotency, the five commands."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from demo.simulator.contract import CONTRACT_FILE
from tests.simulator_client import (
    a_number,
    a_request,
    an_account,
    an_existing_account,
    ask,
    basic,
    send,
)
from tests.simulator_process import SimulatorProcess

CONFORMANCE = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CONTRACT = yaml.safe_load(CONTRACT_FILE.read_text(encoding="utf-8"))
# Not the validator the simulator uses: one library's mistake must not be on both sides.
REQUEST = jsonschema.Draft202012Validator(
    {"$ref": "#/components/schemas/Request", "components": CONTRACT["components"]}
)
OPERATION = schemathesis.openapi.from_path(CONTRACT_FILE)["/api/v1/requests"]["POST"]
GOOD = OPERATION.as_strategy(generation_mode=GenerationMode.POSITIVE)
BAD = OPERATION.as_strategy(generation_mode=GenerationMode.NEGATIVE)
# 250 cases of each kind take some ten seconds; the seed is fixed so that a red run is red again.
GENERATED = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # shrinking a failure over HTTP takes minutes and the case is small already
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def platform() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(unknown_options=("NOT-OFFERED", "EITHER"), forbidden_user="auditor") as simulator:
        yield simulator


def call(platform: SimulatorProcess, case: Case, *, credentials: bool = True) -> Any:
    """Send the generated case with the right credentials, or none, and hold the answer to the contract."""
    case.headers.pop("Authorization", None)
    if credentials:
        case.headers["Authorization"] = basic(platform.user, platform.password)
    response = case.call(base_url=platform.url, timeout=10)
    case.validate_response(response, checks=CONFORMANCE)
    return response


# -- generated cases ------------------------------------------------------------------------------


@given(case=GOOD)
@GENERATED
def test_every_request_that_keeps_its_schema_is_decided(platform: SimulatorProcess, case: Case) -> None:
    case.body["request_number"] = case.headers["Idempotency-Key"] = a_number()
    if "options" in case.body["parameters"]:
        case.body["parameters"]["options"].sort()  # the contract asks for it, JSON Schema cannot

    response = call(platform, case)

    assert response.status_code == 200
    assert response.json().get("error_code") != "INVALID_REQUEST"


@given(case=GOOD)
@GENERATED
def test_a_key_that_differs_from_the_request_number_is_answered_400(
    platform: SimulatorProcess, case: Case
) -> None:
    case.headers["Idempotency-Key"] = a_number()

    assert call(platform, case).status_code == 400


@given(case=BAD)
@GENERATED
def test_a_body_that_breaks_its_schema_is_rejected_as_invalid_and_headers_that_do_with_400(
    platform: SimulatorProcess, case: Case
) -> None:
    number = case.body.get("request_number") if isinstance(case.body, dict) else None
    # Valid keys are made fresh: generated ones come again with other bodies, which is 409 and another test.
    if is_number(number):
        case.body["request_number"] = case.headers["Idempotency-Key"] = a_number()
    elif is_number(case.headers.get("Idempotency-Key")):
        case.headers["Idempotency-Key"] = a_number()

    response = call(platform, case)

    sent_key = response.request.headers.get("Idempotency-Key")
    assert response.status_code == expected_status(response.request.body, sent_key)
    if response.status_code == 200 and response.json().get("error_code") != "INVALID_REQUEST":
        assert REQUEST.is_valid(json.loads(response.request.body))


def is_number(key: object) -> bool:
    return isinstance(key, str) and re.fullmatch("[A-Za-z0-9-]{1,40}", key) is not None


def expected_status(raw: bytes | str | None, key: object) -> int:
    """Say what the contract promises for a body and a key, without a look at the simulator's code."""
    try:
        document = json.loads(raw or "", parse_constant=int)  # int("NaN") raises ValueError: it is not JSON
    except ValueError:
        return 400
    if not is_number(key):
        return 400
    differs = isinstance(document, dict) and document.get("request_number", key) != key
    return 400 if differs else 200


@given(case=GOOD)
@settings(GENERATED, max_examples=50)
def test_without_credentials_every_request_is_answered_401(platform: SimulatorProcess, case: Case) -> None:
    response = call(platform, case, credentials=False)

    assert response.status_code == 401
    assert response.headers["www-authenticate"][0].startswith("Basic")


# -- the gate -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": None}, 401),
        ({"Authorization": basic("tucano", "wrong")}, 401),
        ({"Authorization": basic("auditor", "wrong")}, 401),
        ({"Authorization": "Basic not-base64!"}, 401),
        ({"Authorization": "Bearer abc"}, 401),
        ({"Idempotency-Key": None}, 400),
        ({"Idempotency-Key": "has space"}, 400),
        ({"Idempotency-Key": "x" * 41}, 400),
        ({"Idempotency-Key": "PR-OTHER"}, 400),
        ({"Content-Type": "text/plain"}, 400),
        ({"Content-Type": None}, 400),
    ],
)
def test_who_or_what_may_not_pass_is_told_why(
    platform: SimulatorProcess, headers: dict[str, str | None], status: int
) -> None:
    account = an_account()

    answer = send(platform, a_request("CREATE_ACCOUNT", account, name="Anna"), headers=headers)

    assert answer.status == status
    assert set(answer.body) == {"error_description"}
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert platform.account(account)["exists"] is False


def test_two_idempotency_keys_are_none(platform: SimulatorProcess) -> None:
    twice = f"PR-1\r\nIdempotency-Key: {a_number()}"  # http.client lets no header be given twice
    body = a_request("CREATE_ACCOUNT", an_account(), request_number="PR-1", name="Anna")
    head = (
        f"POST /api/v1/requests HTTP/1.1\r\nHost: x\r\nIdempotency-Key: {twice}\r\n"
        f"Authorization: {basic(platform.user, platform.password)}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    host, port = platform.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode() + body)

        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_the_forbidden_user_is_known_but_may_not_provision(platform: SimulatorProcess) -> None:
    forbidden = {"Authorization": basic("auditor", platform.password)}

    assert (
        send(platform, a_request("CREATE_ACCOUNT", an_account(), name="A"), headers=forbidden).status == 403
    )


def test_the_scheme_of_the_credentials_may_be_spelt_in_any_case(platform: SimulatorProcess) -> None:
    shouting = {"Authorization": basic(platform.user, platform.password).replace("Basic", "BASIC")}

    assert send(platform, a_request("CREATE_ACCOUNT", an_account(), name="A"), headers=shouting).status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'"\\ud800"',
        b"[" * 100_000,
        b"1" * 5_000,
        b" " * 1_100_000 + b"{}",
    ],
    ids=["empty", "cut", "not UTF-8", "NaN", "half a surrogate", "deep", "endless number", "over a megabyte"],
)
def test_a_body_that_is_not_json_is_answered_400(platform: SimulatorProcess, body: bytes) -> None:
    assert send(platform, body).status == 400


@pytest.mark.parametrize(
    "body",
    [b"null", b"[]", b"{}", b"[1e999]", b"[" * 900 + b"]" * 900, b'{"parameters": {"name": 1e999}}'],
    ids=["null", "list", "empty object", "infinite", "deep", "infinite name"],
)
def test_json_that_is_no_request_is_rejected_as_invalid(platform: SimulatorProcess, body: bytes) -> None:
    answer = send(platform, body)

    assert (answer.status, answer.error_code) == (200, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("command", "parameters"),
    [
        ("CREATE_ACCOUNT", {}),
        ("CREATE_ACCOUNT", {"name": ""}),
        ("CREATE_ACCOUNT", {"name": "x" * 201}),
        ("CREATE_ACCOUNT", {"name": "Anna", "shoe_size": "38"}),
        ("ACTIVATE_OPTIONS", {"distributor": "VP1", "options": []}),
        ("ACTIVATE_OPTIONS", {"distributor": "VP1", "options": ["A", "A"]}),
        ("ACTIVATE_OPTIONS", {"distributor": "VP1", "options": ["B", "A"]}),
        ("SUSPEND_OPTIONS", {"distributor": "VP1", "options": [f"O{n:03}" for n in range(101)]}),
        ("ADD_MATERIAL", {"distributor": "VP1", "serial_number": "BOX1"}),
        ("REMOVE_MATERIAL", {"distributor": "VP1", "serial_number": "BOX1", "material_type": "HD"}),
        ("ADD_MATERIAL", {"distributor": "VP1", "serial_number": "BOX\n", "material_type": "HD"}),
        ("DELETE_ACCOUNT", {}),
    ],
)
def test_parameters_that_break_their_schema_are_rejected_as_invalid(
    platform: SimulatorProcess, command: str, parameters: dict[str, Any]
) -> None:
    answer = ask(platform, command, an_existing_account(platform), **parameters)

    assert (answer.status, answer.error_code) == (200, "INVALID_REQUEST")


def test_there_is_one_path_and_one_method(platform: SimulatorProcess) -> None:
    body = a_request("CREATE_ACCOUNT", an_account(), name="Anna")

    assert send(platform, body, path="/api/v1/accounts").status == 404
    elsewhere = send(platform, body, method="PUT")
    assert (elsewhere.status, elsewhere.headers["Allow"]) == (405, "POST")


# -- idempotency ----------------------------------------------------------------------------------


@pytest.mark.parametrize("account_exists", [False, True], ids=["accepted", "rejected"])
def test_the_same_key_and_body_answer_as_the_first_time(
    platform: SimulatorProcess, account_exists: bool
) -> None:
    account = an_existing_account(platform) if account_exists else an_account()
    body = a_request("CREATE_ACCOUNT", account, name="Anna")
    first = send(platform, body)

    again = send(platform, body)

    assert first.body.get("replayed", False) is False
    assert again.body == first.body | {"replayed": True}


def test_a_resend_does_not_undo_what_came_after_it(platform: SimulatorProcess) -> None:
    account = an_existing_account(platform)
    activate = a_request("ACTIVATE_OPTIONS", account, distributor="VP1", options=["A"])
    send(platform, activate)
    ask(platform, "SUSPEND_OPTIONS", account, distributor="VP1", options=["A"])

    assert send(platform, activate).body["status"] == "ACCEPTED"
    assert platform.account(account)["options"] == []


def test_the_same_key_with_another_body_is_answered_409_and_changes_nothing(
    platform: SimulatorProcess,
) -> None:
    number, account, other = a_number(), an_account(), an_account()
    send(platform, a_request("CREATE_ACCOUNT", account, request_number=number, name="Anna"))

    answer = send(platform, a_request("CREATE_ACCOUNT", other, request_number=number, name="Anna"))

    assert answer.status == 409
    assert platform.account(other)["exists"] is False


def test_an_invalid_request_is_remembered_under_its_key_too(platform: SimulatorProcess) -> None:
    body = a_request("CREATE_ACCOUNT", an_account())
    first = send(platform, body)

    assert send(platform, body).body == first.body | {"replayed": True}


# -- the five commands, seen from outside ---------------------------------------------------------


def test_a_subscriber_lives_through_the_five_commands(platform: SimulatorProcess) -> None:
    account = an_account()
    box = account.replace("S-", "BOX-")

    ask(platform, "CREATE_ACCOUNT", account, name="Ünïcode 😀", email="a@b.c", phone="1", address="x")
    ask(platform, "ADD_MATERIAL", account, distributor="VP1", serial_number=box, material_type="HD")
    mixed = ask(platform, "ACTIVATE_OPTIONS", account, distributor="VP1", options=["A", "B"])
    ask(platform, "ACTIVATE_OPTIONS", account, distributor="VP2", options=["A"])
    already = ask(platform, "ACTIVATE_OPTIONS", account, distributor="VP1", options=["B", "C"])
    ask(platform, "SUSPEND_OPTIONS", account, distributor="VP1", options=["A"])

    assert "already" not in mixed.body
    assert already.body["already"] == ["B"]
    assert platform.account(account) == {
        "exists": True,
        "options": [
            {"distributor": "VP1", "option": "B"},
            {"distributor": "VP1", "option": "C"},
            {"distributor": "VP2", "option": "A"},
        ],
        "materials": [{"distributor": "VP1", "serial_number": box, "material_type": "HD"}],
    }
    ask(platform, "REMOVE_MATERIAL", account, distributor="VP1", serial_number=box)
    assert platform.account(account)["materials"] == []
    assert platform.accounts()[account] == platform.account(account)


def test_a_box_registered_elsewhere_is_refused_until_it_is_removed_there(platform: SimulatorProcess) -> None:
    old, new = an_existing_account(platform), an_existing_account(platform)
    box: dict[str, str] = {"distributor": "VP1", "serial_number": old.replace("S-", "BOX-")}
    ask(platform, "ADD_MATERIAL", old, **box, material_type="HD")

    refused = ask(platform, "ADD_MATERIAL", new, **box, material_type="HD")
    ask(platform, "REMOVE_MATERIAL", old, **box)
    accepted = ask(platform, "ADD_MATERIAL", new, **box, material_type="HD")

    assert refused.error_code == "MATERIAL_REGISTERED_ELSEWHERE"
    assert accepted.body["status"] == "ACCEPTED"


def test_an_option_not_offered_refuses_the_whole_list(platform: SimulatorProcess) -> None:
    account = an_existing_account(platform)

    refused = ask(platform, "ACTIVATE_OPTIONS", account, distributor="VP1", options=["A", "NOT-OFFERED"])

    assert refused.error_code == "UNKNOWN_OPTION"
    assert platform.account(account)["options"] == []
