"""The provider file: what is in it, what was, what is wrong with it, and what a changed one would do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from provisioner.steps import describe_provider
from provisioner.steps.what_if import LONGEST_CHARACTERS
from provisioner.web import pages, rights
from provisioner.web.doors import Doors
from provisioner.web.subscriptions import RUN_ID

router = APIRouter(dependencies=[rights.read])

DAG_ID = "tucano_what_if"
MayAsk = Annotated[bool, Depends(rights.may_trigger(DAG_ID))]


class ChangedFile(BaseModel):
    """A provider file that is not there yet."""

    model_config = ConfigDict(extra="forbid", strict=True)

    provider_file: str = Field(min_length=1, max_length=LONGEST_CHARACTERS)


@router.get("/provider")
def provider(request: Request, may_ask: MayAsk) -> Response:
    """Return the page of the provider."""
    doors: Doors = request.app.state.doors
    return pages.render(
        request, "provider.html", **describe_provider.run(doors.pools()), may_ask=may_ask, dag_id=DAG_ID
    )


@router.get("/api/provider")
def provider_as_json(request: Request) -> Response:
    """Return the same as JSON."""
    doors: Doors = request.app.state.doors
    return pages.as_json(describe_provider.run(doors.pools()))


@router.post("/api/provider/check")
def check(changed: ChangedFile) -> Response:
    """Tell what is wrong with a changed file, by line, and what it changes. Nothing is kept."""
    return pages.as_json(describe_provider.check(changed.provider_file))


@router.get("/api/what-ifs/{run_id}")
def what_if(run_id: str, request: Request) -> Response:
    """Return how far the question of a run of tucano_what_if is, and its answer; null until it has begun."""
    doors: Doors = request.app.state.doors
    found = describe_provider.answer(doors.pools(), run_id) if RUN_ID.fullmatch(run_id) else None
    return pages.as_json(found)
