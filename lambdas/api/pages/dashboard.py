"""The dashboard as an application of its own under `/app`, over the API's services."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from lambdas.api.pages import failures
from lambdas.api.pages.rendering import PageHeaders
from lambdas.api.pages.routes import (
    admin,
    assets,
    calendars,
    find,
    items,
    login,
    notices,
    planned_and_done,
    relays,
    single_sign_on,
    sources,
    today,
    unmatched,
    week,
)
from lambdas.api.services import Services

MODULES = (
    login,
    single_sign_on,
    today,
    find,
    week,
    unmatched,
    planned_and_done,
    items,
    sources,
    relays,
    notices,
    calendars,
    admin,
    assets,
)
_COMPRESSED_FROM = 1000


def create_dashboard(services: Services) -> FastAPI:
    """Return the dashboard. It has no OpenAPI description: its addresses are for people."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services = services
    failures.install(app)
    for module in MODULES:
        app.include_router(module.router)
    app.add_middleware(GZipMiddleware, minimum_size=_COMPRESSED_FROM, compresslevel=5)
    app.add_middleware(PageHeaders)
    return app
