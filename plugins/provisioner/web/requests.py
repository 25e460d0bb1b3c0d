"""The requests of all runs: filtered, a page at a time, and those of a batch as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from provisioner.adapters import page_requests
from provisioner.adapters.page_requests import RequestFilter, RequestRow
from provisioner.core.errors import ConfigurationError
from provisioner.web import pages, rights
from provisioner.web.answers import Problematic
from provisioner.web.doors import Doors
from provisioner.web.questions import ROWS, BatchId, Before, Limit, WantedRequests, page_of

COLUMNS = (
    *(
        "request_number",
        "batch_id",
        "subscription_number",
        "account",
        "command",
        "distributor",
        "parameters",
        "state",
    ),
    *(
        "error_code",
        "error_description",
        "reference_number",
        "planned_at",
        "sent_at",
        "closed_at",
        "attempts",
    ),
)
# What a download takes from the database at a time.
ROWS_AT_A_TIME = 2_000
# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

router = APIRouter(dependencies=[rights.read])


@router.get("/requests")
def requests(request: Request, wanted: WantedRequests, before: Before = None) -> Response:
    """Return requests of all runs as a page."""
    doors: Doors = request.app.state.doors
    with doors.pools().provisioning() as db:
        found = page_requests.list_requests(db, wanted, before=before, row_limit=ROWS + 1)
    shown, more = page_of(found, ROWS)
    try:
        distributors = sorted(doors.provider().distributors)
    except ConfigurationError:
        distributors = []
    return pages.render(
        request,
        "requests.html",
        requests=shown,
        more=more,
        wanted=wanted,
        distributors=distributors,
        live=0,
    )


@router.get("/api/requests")
def requests_as_json(
    request: Request, wanted: WantedRequests, before: Before = None, limit: Limit = ROWS
) -> Response:
    """Return requests of all runs; `next` goes into `before` for the next page."""
    doors: Doors = request.app.state.doors
    with doors.pools().provisioning() as db:
        found = page_requests.list_requests(db, wanted, before=before, row_limit=limit + 1)
    shown, more = page_of(found, limit)
    return pages.as_json(
        {"requests": [asdict(one) for one in shown], "next": shown[-1].position if more else None}
    )


@router.get("/batches/{batch_id}/requests.csv")
def batch_requests_as_csv(request: Request, batch_id: BatchId, wanted: WantedRequests) -> Response:
    """Return the requests of a run that fit the filter as CSV, however many."""
    doors: Doors = request.app.state.doors
    pools = doors.pools()
    with pools.provisioning() as db:
        if not page_requests.list_requests(db, RequestFilter(), batch_id=batch_id, row_limit=1):
            raise Problematic(404, "NOT_FOUND", f"Batch {batch_id} has no requests.")

    def rows() -> Iterator[RequestRow]:
        # A connection for each part: one that reads slowly keeps none from the pages.
        before = None
        while True:
            with pools.provisioning() as db:
                found = page_requests.list_requests(
                    db, wanted, batch_id=batch_id, before=before, row_limit=ROWS_AT_A_TIME
                )
            yield from found
            if len(found) < ROWS_AT_A_TIME:
                return
            before = found[-1].position

    name = f"batch-{batch_id}-requests.csv"
    return StreamingResponse(
        as_csv(rows()),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def as_csv(rows: Iterator[RequestRow]) -> Iterator[str]:
    """Yield *rows* as lines of CSV under their names; no cell of it is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(getattr(row, "shown_state" if name == "state" else name)) for name in COLUMNS])
        if text.tell() > 65_536:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
