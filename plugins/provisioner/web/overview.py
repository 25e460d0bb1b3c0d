"""The overview: does it live, what needs a person, how do the runs go, and how was it over time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from provisioner.adapters import page_batches, sql
from provisioner.adapters.page_batches import BatchRow
from provisioner.core.errors import ConfigurationError
from provisioner.core.model import LifeCycleState
from provisioner.web import attention, pages, rights
from provisioner.web.attention import Attention, Sign
from provisioner.web.doors import Doors
from provisioner.web.progress import Progress, progress_of

LAST_RUNS = 8
DAYS = 30
# How often the page is asked for again, in seconds: while a run is going, and else.
LIVE, CALM = 2, 15

router = APIRouter(dependencies=[rights.read])


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All of the overview but the days."""

    at: datetime
    platform: Sign
    real_time: Sign
    needs: list[Attention]
    last_whole: BatchRow | None
    runs: list[BatchRow]
    progress: dict[int, Progress]


def look(db: sql.Connection, provider_problem: str | None) -> Overview:
    """Gather the overview."""
    now = datetime.now(UTC)
    found = page_batches.read_attention(db)
    last = page_batches.last_whole(db)
    refused = {} if last is None else page_batches.count_rejected_rows(db, last.batch_id)
    runs = page_batches.list_batches(db, row_limit=LAST_RUNS)
    progress = {one.batch_id: far for one in runs if (far := progress_of(db, one)) is not None}
    newest = next((one for one in runs if one.cause == "RESET_RUN" and one.closed_at), last)
    return Overview(
        at=now,
        platform=attention.platform(found, newest, now),
        real_time=attention.real_time(found),
        needs=attention.needs_a_person(found, last, refused, provider_problem),
        last_whole=last,
        runs=runs,
        progress=progress,
    )


def provider_problem(doors: Doors) -> str | None:
    """Return why the provider file cannot be used, if it cannot."""
    try:
        provider = doors.provider()
    except ConfigurationError as error:
        return str(error)
    if provider.state is not LifeCycleState.EFFECTIVE:
        return f"Its state is {provider.state}: a run refuses to send."
    return None


@router.get("/")
def overview(request: Request, may_act: rights.MayAct) -> Response:
    """Return the overview as a page."""
    doors: Doors = request.app.state.doors
    with doors.pools().provisioning() as db:
        seen = look(db, provider_problem(doors))
        days = page_batches.list_days(db, DAYS)
    live = LIVE if seen.progress else CALM
    return pages.render(request, "overview.html", seen=seen, days=days, live=live, may_act=may_act)


@router.get("/api/overview")
def overview_as_json(request: Request) -> Response:
    """Return the overview for programs."""
    doors: Doors = request.app.state.doors
    with doors.pools().provisioning() as db:
        return pages.as_json(asdict(look(db, provider_problem(doors))))


@router.get("/api/days")
def days_as_json(request: Request, days: Annotated[int, Query(ge=1, le=366)] = DAYS) -> Response:
    """Return drift and requests by day, in the counts of the batches that closed in it."""
    doors: Doors = request.app.state.doors
    with doors.pools().provisioning() as db:
        found: list[dict[str, Any]] = [asdict(one) for one in page_batches.list_days(db, days)]
    return pages.as_json({"days": found})
