"""The portal's door in a real API server: who may call, what is answered, and the OpenAPI file by generated cases."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import jwt
import psycopg
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

from provisioner.adapters import tokens
from tests.e2e.conftest import StartedStack
from tests.integration.compose_file import PROJECT

NUMBER = "S0000000309"
ASKED = {"subscription_identifier": {"number": NUMBER}}
OPERATION = schemathesis.openapi.from_path(PROJECT / "include" / "authenticate-api.yaml")[
    "/provisioning/authenticate"
]["POST"]
CONTRACT = yaml.safe_load((PROJECT / "include" / "authenticate-api.yaml").read_text(encoding="utf-8"))
QUESTION = jsonschema.Draft202012Validator(
    {"$ref": "#/components/schemas/Question", "components": CONTRACT["components"]}
)
GENERATED = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CONFORMANCE = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Door:
    """The route, as a portal calls it. `token(...)` makes one as Airflow would, for any user and role."""

    def __init__(self, stack: StartedStack) -> None:
        self.url = stack.environment.airflow_url
        self._secret = stack.runtime.secret("airflow_jwt_secret")
        log_in = {"username": stack.environment.airflow_user, "password": stack.environment.airflow_password}
        self.admin = str(self.call("/auth/token", log_in)[2]["access_token"])

    def token(self, *, algorithm: str | None = None, secret: str | None = None, **claims: Any) -> str:
        given = jwt.decode(self.admin, options={"verify_signature": False}) | claims
        used = algorithm or jwt.get_unverified_header(self.admin)["alg"]
        return jwt.encode(given, secret or self._secret, algorithm=used)

    def ask(
        self, body: Any = ASKED, *, token: str | None = "", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """Ask as admin unless another *token* (None: none) is given; return status, headers, body."""
        given = dict(headers or {})
        if token is not None:
            given["Authorization"] = f"Bearer {token or self.admin}"
        return self.call("/provisioning/authenticate", body, given)

    def call(
        self, path: str, body: Any, headers: dict[str, str] | None = None, method: str = "POST"
    ) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, sent, {"Content-Type": "application/json"} | (headers or {}))
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def door(stack: StartedStack) -> Door:
    return Door(stack)


# -- who may call ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "status"), [("VIEWER", 403), ("USER", 200), ("OP", 200), ("ADMIN", 200)])
def test_under_the_simple_auth_manager_a_portal_must_be_allowed_to_trigger(
    door: Door, role: str, status: int
) -> None:
    answered, _, body = door.ask(token=door.token(sub=f"portal-{role}", role=role))

    assert answered == status
    if status == 403:
        assert body["error_code"] == "NOT_AUTHORIZED"


FORGED: dict[str, Callable[[Door], str]] = {
    "altered": lambda door: altered(door.token(role="VIEWER"), role="ADMIN"),
    "expired": lambda door: door.token(exp=int(time.time()) - 60, iat=int(time.time()) - 120),
    "signed with another secret": lambda door: door.token(secret="x" * 64),
    "of another algorithm": lambda door: door.token(algorithm="HS384"),
    "alg none": lambda door: unsigned(door.admin),
    "no token at all": lambda _: "portal",
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_or_expired_airflow_token_opens_nothing(door: Door, forged: str) -> None:
    status, _, body = door.ask(token=FORGED[forged](door))

    assert status in (401, 403)
    assert set(body) == {"error_code", "error_description"}
    assert body["error_code"] in ("NOT_AUTHENTICATED", "NOT_AUTHORIZED")


def test_without_a_token_the_answer_is_401(door: Door) -> None:
    status, _, body = door.ask(token=None)

    assert (status, body["error_code"]) == (401, "NOT_AUTHENTICATED")


def test_who_asked_is_kept(door: Door, stack: StartedStack) -> None:
    assert door.ask(token=door.token(sub="film-portal", role="USER"))[0] == 200

    with psycopg.connect(stack.pages_dsn) as db:
        kept = db.execute(
            "SELECT subscription_number, outcome FROM authentication_attempt WHERE asked_by = 'film-portal'"
        ).fetchall()
    assert kept == [(NUMBER, "GRANTED")]


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def altered(token: str, **claims: Any) -> str:
    header, _, signature = token.split(".")
    return ".".join(
        (header, part(jwt.decode(token, options={"verify_signature": False}) | claims), signature)
    )


def unsigned(token: str) -> str:
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{token.split('.')[1]}."


# -- whose pages may call -------------------------------------------------------------------------


def test_a_page_of_another_origin_may_not_call_though_its_reader_is_logged_in(door: Door) -> None:
    cookie = {"Cookie": f"_token={door.admin}"}

    foreign = door.ask(token=None, headers=cookie | {"Origin": "https://elsewhere.example"})
    opaque = door.ask(token=None, headers=cookie | {"Origin": "null"})
    own = door.ask(token=None, headers=cookie | {"Origin": door.url})

    assert (foreign[0], foreign[2]["error_code"]) == (opaque[0], opaque[2]["error_code"])
    assert (foreign[0], foreign[2]["error_code"]) == (403, "FOREIGN_ORIGIN")
    assert own[0] == 200


# -- what is answered -----------------------------------------------------------------------------


def test_the_answer_is_the_number_and_a_token_of_five_minutes(door: Door, stack: StartedStack) -> None:
    began = int(time.time())
    status, headers, body = door.ask()

    assert (status, set(body), body["subscription_number"]) == (200, {"subscription_number", "jwt"}, NUMBER)
    assert headers["cache-control"] == "no-store"
    claims = tokens.verify(body["jwt"], tokens.read_keys(stack.runtime.secret("tucano_jwt_key"), {}))
    assert jwt.get_unverified_header(body["jwt"]) == {"alg": "HS256", "typ": "JWT"}
    assert set(claims) == {"exp", "userid", "apip"}
    assert (claims["userid"], claims["apip"]) == (NUMBER, "127.0.0.1")
    assert began + 300 <= claims["exp"] <= time.time() + 301


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "NOT_ONE_IDENTIFIER"),
        (ASKED | {"installed_item_identifier": {"serial_number": "X"}}, 422, "NOT_ONE_IDENTIFIER"),
        (ASKED | {"subscription_type_identifier": {"code": "RESIDENTIAL"}}, 422, "INVALID_REQUEST"),
        (ASKED | {"installed_item_identifier": None}, 422, "INVALID_REQUEST"),
        ({"access_token_identifier": {"identifier": "T0000000309"}}, 422, "INVALID_REQUEST"),
        ({"subscription_identifier": {"number": "a\u0000b"}}, 422, "INVALID_REQUEST"),
        ({"subscription_identifier": {"number": 309}}, 422, "INVALID_REQUEST"),
        (ASKED | {"token": "x"}, 422, "INVALID_REQUEST"),
        (b"{", 422, "INVALID_REQUEST"),
        (b"\xff\xfe{", 422, "INVALID_REQUEST"),
        (b'{"subscription_identifier": {"number": "\\ud800"}}', 422, "INVALID_REQUEST"),
        ([], 422, "INVALID_REQUEST"),
        ({"subscription_identifier": {"number": "S9999999999"}}, 404, "UNKNOWN_IDENTIFIER"),
    ],
)
def test_every_refusal_has_one_body_shape(door: Door, body: Any, status: int, code: str) -> None:
    answered, _, said = door.ask(body)

    assert (answered, said["error_code"]) == (status, code)
    assert set(said) == {"error_code", "error_description"}
    assert said["error_description"]


def test_a_refused_body_is_not_repeated(door: Door) -> None:
    secret = {"access_token_identifier": {"identifier": "T1", "pass_code": ["hidden-4711"]}}

    assert "4711" not in json.dumps(door.ask(secret)[2])


def test_an_unknown_identifier_and_a_wrong_pass_code_are_answered_alike(door: Door) -> None:
    answers = [
        door.ask({"access_token_identifier": {"identifier": identifier, "pass_code": "wrong"}})
        for identifier in ("T0000000001", "T-nobody-has-it")
    ]

    assert answers[0][0] == answers[1][0] == 404
    assert answers[0][2] == answers[1][2]


def test_after_five_failures_the_answer_says_how_long_to_wait(door: Door) -> None:
    guess = {"access_token_identifier": {"identifier": "T0000000002", "pass_code": "wrong"}}
    statuses = [door.ask(guess)[0] for _ in range(5)]

    # Another portal, another address: the identifier is what is limited.
    status, headers, body = door.ask(guess, token=door.token(sub="another", role="USER"))

    assert statuses == [404] * 5
    assert (status, body["error_code"]) == (429, "TOO_MANY_FAILURES")
    assert 1 <= int(headers["retry-after"]) <= 60


def test_the_right_pass_code_is_right(door: Door) -> None:
    status, _, body = door.ask(
        {"access_token_identifier": {"identifier": "T0000000309", "pass_code": "000309"}}
    )

    assert (status, body["subscription_number"]) == (200, NUMBER)


def test_another_method_is_refused_in_the_same_shape(door: Door) -> None:
    status, _, body = door.call("/provisioning/authenticate", {}, method="GET")

    assert (status, body["error_code"]) == (405, "METHOD_NOT_ALLOWED")


# -- the page for portals' developers ---------------------------------------------------------------


@pytest.mark.parametrize(("language", "program"), [("bash", "bash"), ("python", sys.executable)])
def test_the_first_call_of_the_page_works_as_it_stands(
    stack: StartedStack, language: str, program: str
) -> None:
    page = (PROJECT / "docs" / "authentication.md").read_text(encoding="utf-8")
    code = page.partition(f"```{language}\n")[2].partition("```")[0]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AIRFLOW_URL": stack.environment.airflow_url,
        "AIRFLOW_USER": stack.environment.airflow_user,
        "AIRFLOW_PASSWORD": stack.environment.airflow_password,
    }

    ended = subprocess.run(
        [program, "-c", code], capture_output=True, text=True, env=environment, check=False
    )

    assert ended.returncode == 0, ended.stderr
    (token,) = re.findall(r"[\w-]+\.[\w-]+\.[\w-]+", ended.stdout)
    claims = tokens.verify(token, tokens.read_keys(stack.runtime.secret("tucano_jwt_key"), {}))
    assert claims["userid"] == NUMBER


# -- the OpenAPI file -----------------------------------------------------------------------------


def call(door: Door, case: Case) -> Any:
    case.headers["Authorization"] = f"Bearer {door.admin}"
    response = case.call(base_url=door.url, timeout=60)
    case.validate_response(response, checks=CONFORMANCE)
    return response


@given(case=OPERATION.as_strategy(generation_mode=GenerationMode.POSITIVE))
@GENERATED
def test_every_question_that_keeps_the_schema_is_answered(door: Door, case: Case) -> None:
    assert call(door, case).status_code in (200, 403, 404, 409, 429)


@given(case=OPERATION.as_strategy(generation_mode=GenerationMode.NEGATIVE))
@GENERATED
def test_every_question_that_breaks_the_schema_is_refused(door: Door, case: Case) -> None:
    # What is generated to be wrong is sometimes right by chance: another library says which it is.
    assert (call(door, case).status_code == 422) is not QUESTION.is_valid(case.body)
