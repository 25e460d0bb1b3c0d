"""The runs of every door, and one of them: its plan, its requests, its errors, the rows it could not use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from provisioner.adapters import page_batches, page_requests, sql
from provisioner.adapters.page_batches import BatchRow, PlanRow
from provisioner.core.errors import ConfigurationError
from provisioner.web import pages, rights
from provisioner.web.answers import Problematic
from provisioner.web.doors import Doors
from provisioner.web.progress import progress_of
from provisioner.web.questions import ROWS, Asked, BatchId, Before, Limit, WantedRequests, page_of

GROUPS = 100
# Parameters of a run are stored and shown by Airflow: more subscriptions than this are a night's work anyway.
RETRIED = 5_000
LIVE = 2

router = APIRouter(dependencies=[rights.read])


# -- pages ------------------------------------------------------------------------------------------


@router.get("/batches")
def batches(request: Request, cause: Asked = None, before: Before = None) -> Response:
    """Return the list of runs as a page."""
    with _doors(request).pools().provisioning() as db:
        found = page_batches.list_batches(db, cause=cause, before=before, row_limit=ROWS + 1)
    shown, more = page_of(found, ROWS)
    live = LIVE if before is None and any(one.closed_at is None for one in shown) else 0
    return pages.render(
        request,
        "batches.html",
        batches=shown,
        more=more,
        live=live,
        causes=page_batches.DAGS,
        cause=cause,
    )


@router.get("/batches/{batch_id}")
def batch(
    request: Request,
    batch_id: BatchId,
    may_act: rights.MayAct,
    outcome: Asked = None,
    subscription: Asked = None,
    command: Asked = None,
    distributor: Asked = None,
    after: Asked = None,
) -> Response:
    """Return a run with its plan as a page."""
    asked = {
        "outcome": outcome,
        "subscription": subscription,
        "command": command,
        "distributor": distributor,
    }
    with _doors(request).pools().provisioning() as db:
        return _plan_page(request, db, _known(db, batch_id), asked, after, may_act)


@router.get("/batches/{batch_id}/requests")
def batch_requests(
    request: Request, batch_id: BatchId, wanted: WantedRequests, before: Before = None
) -> Response:
    """Return the requests of a run as a page."""
    with _doors(request).pools().provisioning() as db:
        of_batch = _known(db, batch_id)
        found = page_requests.list_requests(db, wanted, batch_id=batch_id, before=before, row_limit=ROWS + 1)
        common = _common(request, db, of_batch)
    shown, more = page_of(found, ROWS)
    if before is not None:
        common["live"] = 0
    return pages.render(request, "batch_requests.html", requests=shown, more=more, wanted=wanted, **common)


@router.get("/batches/{batch_id}/errors")
def batch_errors(request: Request, batch_id: BatchId, may_act: rights.MayAct) -> Response:
    """Return what went wrong in a run as a page, alike with alike."""
    with _doors(request).pools().provisioning() as db:
        of_batch = _known(db, batch_id)
        groups = page_requests.list_error_groups(db, batch_id, row_limit=GROUPS)
        common = _common(request, db, of_batch)
    return pages.render(
        request, "batch_errors.html", groups=groups, may_act=may_act, retried=RETRIED, **common
    )


@router.get("/batches/{batch_id}/rows")
def batch_rows(request: Request, batch_id: BatchId, reason: Asked = None, after: Before = None) -> Response:
    """Return the CRM's rows that a run could not use as a page."""
    with _doors(request).pools().provisioning() as db:
        of_batch = _known(db, batch_id)
        found = page_batches.list_rejected_rows(db, batch_id, reason=reason, after=after, row_limit=ROWS + 1)
        reasons = page_batches.count_rejected_rows(db, batch_id)
        common = _common(request, db, of_batch)
    shown, more = page_of(found, ROWS)
    return pages.render(
        request, "batch_rows.html", rows=shown, more=more, reasons=reasons, reason=reason, **common
    )


@router.get("/runs/{dag_id}/{run_id:path}")
def run(request: Request, dag_id: str, run_id: str, may_act: rights.MayAct) -> Response:
    """Return the batch of a run of Airflow as a page: the tab of the DAG run."""
    with _doors(request).pools().provisioning() as db:
        found = page_batches.find_batch_of_run(db, dag_id, run_id)
        if found is not None:
            return _plan_page(request, db, found, {}, None, may_act)
    is_ours = dag_id in page_batches.CAUSES
    return pages.render(
        request, "no_batch.html", dag_id=dag_id, run_id=run_id, is_ours=is_ours, live=LIVE if is_ours else 0
    )


def _plan_page(
    request: Request,
    db: sql.Connection,
    of_batch: BatchRow,
    asked: dict[str, str | None],
    after: str | None,
    may_act: bool,
) -> Response:
    found = page_batches.list_items(db, of_batch.batch_id, after=after, row_limit=ROWS + 1, **asked)
    shown, more = page_of(found, ROWS)
    common = _common(request, db, of_batch)
    if after is not None:
        common["live"] = 0
    return pages.render(
        request,
        "batch.html",
        items=shown,
        more=more,
        plan=_plan(db, of_batch),
        outcomes=page_batches.count_outcomes(db, of_batch.batch_id),
        asked={"outcome": None, "subscription": None, "command": None, "distributor": None} | asked,
        may_act=may_act,
        **common,
    )


def _common(request: Request, db: sql.Connection, of_batch: BatchRow) -> dict[str, Any]:
    progress = progress_of(db, of_batch)
    return {
        "batch": of_batch,
        "progress": progress,
        "live": LIVE if progress else 0,
        "distributors": _distributors(request),
    }


def _distributors(request: Request) -> list[str]:
    try:
        return sorted(_doors(request).provider().distributors)
    except ConfigurationError:
        # The overview says so; a filter without its list is still a filter.
        return []


# -- JSON -------------------------------------------------------------------------------------------


@router.get("/api/batches")
def batches_as_json(
    request: Request, cause: Asked = None, before: Before = None, limit: Limit = ROWS
) -> Response:
    """Return the list of runs; `next` goes into `before` for the next page."""
    with _doors(request).pools().provisioning() as db:
        found = page_batches.list_batches(db, cause=cause, before=before, row_limit=limit + 1)
    shown, more = page_of(found, limit)
    return pages.as_json({"batches": _plain(shown), "next": shown[-1].batch_id if more else None})


@router.get("/api/batches/{batch_id}")
def batch_as_json(request: Request, batch_id: BatchId) -> Response:
    """Return a run, its progress, its plan in a few lines and how its accounts ended."""
    with _doors(request).pools().provisioning() as db:
        of_batch = _known(db, batch_id)
        progress = progress_of(db, of_batch)
        plan, outcomes = _plan(db, of_batch), page_batches.count_outcomes(db, batch_id)
    return pages.as_json(
        {
            "batch": asdict(of_batch),
            "progress": asdict(progress) if progress else None,
            "plan": _plain(plan),
            "outcomes": outcomes,
        }
    )


@router.get("/api/batches/{batch_id}/items")
def items_as_json(
    request: Request,
    batch_id: BatchId,
    outcome: Asked = None,
    subscription: Asked = None,
    after: Asked = None,
    limit: Limit = ROWS,
) -> Response:
    """Return the accounts of a run with plan and end; `next` goes into `after` for the next page."""
    with _doors(request).pools().provisioning() as db:
        _known(db, batch_id)
        found = page_batches.list_items(
            db, batch_id, outcome=outcome, subscription=subscription, after=after, row_limit=limit + 1
        )
    shown, more = page_of(found, limit)
    return pages.as_json({"items": _plain(shown), "next": shown[-1].account if more else None})


@router.get("/api/batches/{batch_id}/requests")
def requests_of_batch_as_json(
    request: Request,
    batch_id: BatchId,
    wanted: WantedRequests,
    before: Before = None,
    limit: Limit = ROWS,
) -> Response:
    """Return the requests of a run; `next` goes into `before` for the next page."""
    with _doors(request).pools().provisioning() as db:
        _known(db, batch_id)
        found = page_requests.list_requests(db, wanted, batch_id=batch_id, before=before, row_limit=limit + 1)
    shown, more = page_of(found, limit)
    return pages.as_json({"requests": _plain(shown), "next": shown[-1].position if more else None})


@router.get("/api/batches/{batch_id}/errors")
def errors_as_json(request: Request, batch_id: BatchId) -> Response:
    """Return what went wrong in a run, alike with alike."""
    with _doors(request).pools().provisioning() as db:
        _known(db, batch_id)
        groups = page_requests.list_error_groups(db, batch_id, row_limit=GROUPS)
    return pages.as_json({"errors": _plain(groups)})


@router.get("/api/batches/{batch_id}/retry", dependencies=[rights.act])
def retry_as_json(
    request: Request, batch_id: BatchId, signature: Annotated[str, Query(pattern="^[0-9a-f]{32}$")]
) -> Response:
    """Return the parameters of a run of `tucano_reset_run` that retries an error group: one run, one rate."""
    with _doors(request).pools().provisioning() as db:
        _known(db, batch_id)
        numbers = page_requests.list_failed_subscriptions(db, batch_id, signature, row_limit=RETRIED)
    if not numbers:
        raise Problematic(404, "NOT_FOUND", "Nothing in this batch failed like that any more.")
    return pages.as_json(
        {"dag_id": page_batches.DAGS["RESET_RUN"], "conf": {"subscription_numbers": numbers}}
    )


# -- what both need ---------------------------------------------------------------------------------


def _doors(request: Request) -> Doors:
    doors: Doors = request.app.state.doors
    return doors


def _known(db: sql.Connection, batch_id: int) -> BatchRow:
    found = page_batches.read_batch(db, batch_id)
    if found is None:
        raise Problematic(404, "NOT_FOUND", f"There is no batch {batch_id}.")
    return found


def _plain(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [asdict(one) for one in rows]


# A plan is written once and never changed, and counting 100,000 accounts of it takes half a second.
@lru_cache(maxsize=1)
def _plans() -> dict[tuple[int, str], list[PlanRow]]:
    return {}


def _plan(db: sql.Connection, of_batch: BatchRow) -> list[PlanRow]:
    if of_batch.plan_hash is None:
        return page_batches.count_plan(db, of_batch.batch_id) if of_batch.is_single else []
    kept, key = _plans(), (of_batch.batch_id, of_batch.plan_hash)
    if key not in kept:
        if len(kept) > 100:
            kept.clear()
        kept[key] = page_batches.count_plan(db, of_batch.batch_id)
    return kept[key]
