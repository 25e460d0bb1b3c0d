"""A plain client of the Tucano simulator: one connection a request, nothing retried, nothing hidden."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import secrets
from dataclasses import dataclass
from typing import Any

from tests.simulator_process import SimulatorProcess

_run = secrets.token_hex(3)
_count = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        document = json.loads(self.raw)
        assert isinstance(document, dict), self.raw
        return document

    @property
    def error_code(self) -> str | None:
        """The error code of a rejection."""
        return self.body.get("error_code")


def a_number() -> str:
    """Give a request number nobody used before."""
    return f"PR-{_run}-{next(_count):06d}"


def an_account() -> str:
    """Give an account nobody used before."""
    return f"S-{_run}-{next(_count):06d}"


def a_request(command: str, account: str, *, request_number: str | None = None, **parameters: Any) -> bytes:
    """Give the body of a request; the number is a fresh one unless given."""
    return json.dumps(
        {
            "request_number": request_number or a_number(),
            "command": command,
            "account": account,
            "parameters": parameters,
        }
    ).encode()


def send(
    simulator: SimulatorProcess,
    body: bytes,
    *,
    headers: dict[str, str | None] | None = None,
    method: str = "POST",
    path: str = "/api/v1/requests",
    timeout: float = 10,
) -> Answer:
    """Send *body* under its own request number; *headers* replace the right ones, None leaves one out.

    Raises what http.client raises: TimeoutError, ConnectionResetError, IncompleteRead, ...
    """
    right: dict[str, str | None] = {
        "Authorization": basic(simulator.user, simulator.password),
        "Content-Type": "application/json",
        "Idempotency-Key": _number_in(body),
    }
    sent = {name: value for name, value in (right | (headers or {})).items() if value is not None}
    connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"), timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        return Answer(status=response.status, headers=dict(response.headers), raw=response.read())
    finally:
        connection.close()


def ask(
    simulator: SimulatorProcess, command: str, account: str, *, timeout: float = 10, **parameters: Any
) -> Answer:
    """Send one request under a fresh number."""
    return send(simulator, a_request(command, account, **parameters), timeout=timeout)


def an_existing_account(simulator: SimulatorProcess) -> str:
    """Create an account and give its name."""
    account = an_account()
    assert ask(simulator, "CREATE_ACCOUNT", account, name="Anna").status == 200
    return account


def basic(user: str, password: str) -> str:
    """Give the Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _number_in(body: bytes) -> str | None:
    try:
        number = json.loads(body)["request_number"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return a_number()
    return number if isinstance(number, str) else a_number()
