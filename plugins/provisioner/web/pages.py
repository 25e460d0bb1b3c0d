"""How a page is made: Jinja with everything escaped, and the headers under which a browser shows it.

A page is whole when it arrives and works without scripts, but for what triggers a run. Scripts are files: the
content security policy lets a browser run nothing that stands in a page, whatever a subscription is called.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from provisioner.web import words

HERE = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # Whom a subscription belongs to is in no shared cache.
    "Cache-Control": "no-store",
}


class PageHeaders:
    """Puts HEADERS on every answer of the app that does not say something else itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer like the app that is wrapped."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,  # whatever the file's name ends with
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= words.FILTERS
    # A value in an address: also a slash in a run's id must not cut the path.
    environment.filters["path"] = lambda value: quote(str(value), safe="")
    return environment


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return the page *template* with *values*.

    Templates also get root (the address of our pages), airflow (of Airflow's own), static(file) and query(**changes),
    the query of this address with some values changed (None: without), for links that keep the rest of a filter.
    """
    root = root_of(request)

    def query(**changes: Any) -> str:
        kept = dict(request.query_params) | changes
        return "?" + urlencode({name: value for name, value in kept.items() if value not in (None, "")})

    text = (
        _environment()
        .get_template(template)
        .render(
            root=root,
            airflow=root.rpartition("/")[0],
            static=lambda file: f"{root}/static/{file}",
            query=query,
            path=request.url.path,
            now=datetime.now(UTC),
            **values,
        )
    )
    return HTMLResponse(text, status)


def root_of(request: Request) -> str:
    """Return the path below which our pages are, as a browser sees it: '/provisioning', or longer behind a proxy."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def wants_page(request: Request) -> bool:
    """Tell whether a person's browser asks, who is to read a page and not JSON."""
    below = request.url.path.removeprefix(root_of(request))
    return (
        request.method == "GET"
        and not below.startswith(("/api/", "/static/"))
        and "text/html" in request.headers.get("accept", "")
    )


def problem(
    request: Request, status: int, description: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the page that says why there is no other, and what to do."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    answer = render(
        request,
        "problem.html",
        status=status,
        description=description,
        log_in=f"{root_of(request).rpartition('/')[0]}/api/v2/auth/login?{urlencode({'next': here})}",
        code=status,
    )
    answer.headers.update(headers or {})
    return answer


def as_json(values: Any) -> Response:
    """Return *values* as JSON; days and times in ISO 8601."""
    return Response(
        json.dumps(values, default=_plain, ensure_ascii=False, allow_nan=False), media_type="application/json"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")
