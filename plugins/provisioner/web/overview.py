"""The overview: what is going on, and what needs a person."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from provisioner.web import pages, rights

router = APIRouter(dependencies=[rights.read])


@router.get("/")
def overview(request: Request) -> Response:
    """Return the overview."""
    return pages.render(request, "overview.html")
