"""The FastAPI app that Airflow's API server mounts at /provisioning: its routes, and what all of them share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from airflow.api_fastapi.app import get_auth_manager
from fastapi import Depends, FastAPI

from provisioner.web import (
    authenticate,
    batches,
    overview,
    pages,
    provider,
    requests,
    static_files,
    subscriptions,
)
from provisioner.web.answers import answer_errors
from provisioner.web.doors import Doors
from provisioner.web.same_origin import same_origin

PREFIX = "/provisioning"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Give the routes what Airflow's own dependencies look for, and our way to the databases."""
    # Airflow's dependencies read it from request.app, which is this app and not the one it is mounted in.
    app.state.auth_manager = get_auth_manager()
    app.state.doors = doors = Doors()
    try:
        yield
    finally:
        doors.close()


def make_app() -> FastAPI:
    """Return the app. Every route needs a dependency of `rights`: a mounted app is open to anyone without."""
    app = FastAPI(
        title="Tucano provisioning",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        dependencies=[Depends(same_origin)],
    )
    answer_errors(app)
    app.add_middleware(pages.PageHeaders)
    for part in (authenticate, static_files, overview, batches, requests, subscriptions, provider):
        app.include_router(part.router)
    return app
