"""One subscription: why is it as it is, what happened, and the buttons that mend it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from provisioner.adapters.case_file import Position
from provisioner.steps import explain_subscription
from provisioner.web import pages, rights
from provisioner.web.answers import Problematic
from provisioner.web.doors import Doors

router = APIRouter(dependencies=[rights.read])

DAG_ID = "tucano_reset_subscription"
MayReset = Annotated[bool, Depends(rights.may_trigger(DAG_ID))]
# What a CRM may call a subscription; anything else is asked of no database.
NUMBER = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,100}")
RUN_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,250}")
# What tucano_reset_subscription takes.
RESETTABLE = re.compile(r"[A-Za-z0-9._-]{1,40}")
KINDS = {"REQUEST": "requests", "RUN": "runs", "ACTION": "CRM actions", "ATTEMPT": "authentication attempts"}
ROWS_A_PAGE = 50
UNKNOWN = "Neither the CRM nor our own log has ever heard of a subscription with this number."

Kind = Annotated[str | None, Query(max_length=20)]
Before = Annotated[str | None, Query(max_length=200)]


@router.get("/subscriptions")
def find(request: Request, number: Annotated[str | None, Query(max_length=200)] = None) -> Response:
    """Lead to the page of the number that was typed, or ask for one."""
    typed = (number or "").strip()
    if NUMBER.fullmatch(typed):
        return RedirectResponse(f"{pages.root_of(request)}/subscriptions/{quote(typed, safe='')}", 303)
    return pages.render(request, "subscription_find.html")


@router.get("/subscriptions/{number}")
def subscription(
    number: str, request: Request, may_reset: MayReset, kind: Kind = None, before: Before = None
) -> Response:
    """Return the page of one subscription."""
    found = _find(request, number)
    if found is None:
        return pages.render(request, "subscription_unknown.html", status=404, number=number[:100])
    happened, more = _timeline(request, found, kind, before)
    return pages.render(
        request,
        "subscription.html",
        **found,
        timeline=happened,
        more=more,
        kind=kind if kind in KINDS else None,
        kinds=KINDS,
        first_page=before is None,
        may_reset=may_reset,
        resettable=RESETTABLE.fullmatch(number) is not None,
        dag_id=DAG_ID,
    )


@router.get("/api/subscriptions/{number}")
def subscription_as_json(number: str, request: Request, kind: Kind = None, before: Before = None) -> Response:
    """Return the same as JSON; `next` is the `before` of the timeline's next page."""
    found = _find(request, number)
    if found is None:
        raise Problematic(404, "UNKNOWN_SUBSCRIPTION", UNKNOWN)
    happened, more = _timeline(request, found, kind, before)
    return pages.as_json({**found, "timeline": happened, "next": more})


@router.get("/api/subscriptions/{number}/runs/{run_id}")
def run_of_subscription(number: str, run_id: str, request: Request) -> Response:
    """Return how far a reset of this subscription is, and its result when it has ended; null until it has begun."""
    doors: Doors = request.app.state.doors
    one = None
    if NUMBER.fullmatch(number) and RUN_ID.fullmatch(run_id):
        one = explain_subscription.single_run(doors.pools(), number, run_id)
    return pages.as_json(one)


def _find(request: Request, number: str) -> dict[str, Any] | None:
    if not NUMBER.fullmatch(number):
        return None
    doors: Doors = request.app.state.doors
    return explain_subscription.run(doors.pools(), doors.provider(), number)


def _timeline(
    request: Request, found: dict[str, Any], kind: str | None, before: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    doors: Doors = request.app.state.doors
    numbers = {found["subscription_number"], *(one["subscription_number"] for one in found["subscriptions"])}
    happened, more = explain_subscription.timeline(
        doors.pools(),
        found["account"],
        sorted(numbers),
        kinds=[kind] if kind in KINDS else None,
        before=_position(before),
        limit=ROWS_A_PAGE,
    )
    return happened, None if more is None else f"{more.at.isoformat()}~{more.kind}~{more.id}"


def _position(text: str | None) -> Position | None:
    """Read a position as `_timeline` writes it; refuse (422) anything else."""
    if not text:
        return None
    at, _, rest = text.partition("~")
    kind, _, name = rest.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or kind not in KINDS or not NUMBER.fullmatch(name):
        raise Problematic(
            422, "INVALID_REQUEST", "before is not a position of this timeline: begin without it."
        )
    return Position(at=moment, kind=kind, id=name)
