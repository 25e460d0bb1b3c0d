"""One body for every answer that is not a success: {error_code, error_description}, whoever refused.

Who asks for a page with a browser gets the same as a page.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from provisioner.core.errors import ConfigurationError, ProvisioningError
from provisioner.web import pages

log = logging.getLogger(__name__)

# Of answers that Airflow's dependencies and the router give; ours name their own.
CODES = {
    401: "NOT_AUTHENTICATED",
    403: "NOT_AUTHORIZED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
}
NOT_ONE_IDENTIFIER = "NOT_ONE_IDENTIFIER"
INVALID_REQUEST = "INVALID_REQUEST"
UNAVAILABLE = "UNAVAILABLE"


class Problem(BaseModel):
    """Why there is no success. Programs read the code, people the description."""

    error_code: str = Field(pattern="^[A-Z_]+$", examples=["SUBSCRIPTION_NOT_ACTIVE"])
    error_description: str = Field(examples=["The subscription is not Active: it may not order now."])


class Problematic(HTTPException):
    """End a request with *status*, *code* and *description*."""

    def __init__(
        self, status: int, code: str, description: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, description, dict(headers or {}))
        self.code = code


def answer_errors(app: FastAPI) -> None:
    """Let *app* answer every error in the one shape, without ever repeating what was sent."""
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(ProvisioningError, _of_ours)
    app.add_exception_handler(Exception, _of_a_mistake)


def problem(
    status: int, code: str, description: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an answer in the one shape."""
    body = Problem(error_code=code, error_description=description).model_dump()
    return JSONResponse(body, status, {**(headers or {}), "Cache-Control": "no-store"})


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 registered for it
    if error.status_code == 400 and not isinstance(error, Problematic):
        # FastAPI's word for bytes that are no text; text that is no JSON it calls 422.
        return problem(422, INVALID_REQUEST, "The body is not JSON in UTF-8.")
    code = error.code if isinstance(error, Problematic) else CODES.get(error.status_code, "REFUSED")
    return _answer(request, error.status_code, code, str(error.detail), error.headers)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 registered for it
    found = error.errors()
    code = (
        NOT_ONE_IDENTIFIER if any(one["type"] == "not_one_identifier" for one in found) else INVALID_REQUEST
    )
    return _answer(request, 422, code, "; ".join(_in_words(found)))


def _answer(
    request: Request, status: int, code: str, description: str, headers: Mapping[str, str] | None = None
) -> Response:
    if pages.wants_page(request):
        return pages.problem(request, status, description, headers)
    return problem(status, code, description, headers)


def _in_words(errors: Sequence[Mapping[str, Any]]) -> list[str]:
    # Places and rules only: the values may be pass codes.
    words = []
    for one in errors:
        place = ".".join(str(part) for part in one["loc"] if part != "body")
        words.append(f"{place}: {one['msg']}" if place else str(one["msg"]))
    return words


async def _of_ours(request: Request, error: Exception) -> Response:
    # What is wrong on our side is the operator's business and stays in his log; a page's readers are operators, and
    # are told what they have to mend.
    log.error("%s %s failed: %s", request.method, request.url.path, error)
    again = {"Retry-After": "5"}
    if pages.wants_page(request) and isinstance(error, ConfigurationError):
        return pages.problem(request, 503, str(error), again)
    return _answer(request, 503, UNAVAILABLE, "The answer is not available now: try again soon.", again)


async def _of_a_mistake(request: Request, _error: Exception) -> Response:
    # The server logs it with its traceback, of which nothing belongs into an answer. This one is given outside of what
    # puts the headers on all others.
    told = "A mistake of ours: the log of Airflow's API server tells which."
    return _answer(request, 500, "MISTAKE", told, pages.HEADERS)
