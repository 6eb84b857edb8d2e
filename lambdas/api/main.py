"""The HTTP API: `create_app` for servers and tests, `handler` for Lambda."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

from lambdas.api.openapi import deferred_models  # noqa: F401  # isort: skip  (before FastAPI)
from fastapi import Depends, FastAPI, Request, Response
from mangum import Mangum
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from lambdas.api import problems
from lambdas.api.dependencies import ALONE, json_body
from lambdas.api.guard import Guard, logger
from lambdas.api.openapi import document
from lambdas.api.pages.entrance import Entrance, first_page
from lambdas.api.route_groups import LoadOnDemand, RouteGroups
from lambdas.api.routes import health
from lambdas.api.services import Services, services_from
from lambdas.api.settings import ApiSettings, listed
from lambdas.aws.observing.entry_point import entry_point
from lambdas.settings import load
from shared.problem_document import MEDIA_TYPE

_DESCRIPTION = "Worklist items from REDCap to the scanner, and what the scanner did back to REDCap."


def create_app(services: Services) -> FastAPI:
    """Return the application over these services. Makes no network call."""
    app = FastAPI(
        title="mwl-relay",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=document.operation_id,
        redirect_slashes=False,  # a redirect would lose the body or the token, depending on the client
        responses=problems.RESPONSES,
        dependencies=[Depends(json_body)],
    )
    app.state.services = services
    report = health.HealthReport(services.checks, app_version=services.settings.app_version, now=services.now)
    app.state.health = report
    app.version = report.version
    problems.install(app)
    groups = RouteGroups(app)
    document.install(app, groups)
    _add_dashboard(app, services)
    app.add_middleware(LoadOnDemand, groups=groups)
    app.add_middleware(Guard)
    origins = services.settings.origins()
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=listed(services.settings.cors_allow_methods),
            allow_headers=listed(services.settings.cors_allow_headers),
            allow_credentials=services.settings.cors_allow_credentials,
            expose_headers=["ETag", "Link", "Location", "Retry-After", "X-Request-Id"],
        )
    return app


def _add_dashboard(app: FastAPI, services: Services) -> None:
    app.mount("/app", Entrance(services))
    app.add_api_route("/app", first_page, include_in_schema=False)
    app.add_api_route("/", first_page_for_browsers, include_in_schema=False)


async def first_page_for_browsers(request: Request) -> Response:
    """Lead a browser to the dashboard; a program gets the same 404 as for any other address without a use."""
    if "text/html" in request.headers.get("accept", ""):
        return await first_page()
    raise HTTPException(404)


@entry_point(logger)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an API Gateway (HTTP API, payload 2.0) event.

    The application is made at the first call, from the environment; `Rejected` names what is wrong with it.
    """
    answer: dict[str, Any] = adapter()(event, context)
    return answer


@cache
def adapter() -> Callable[[Any, Any], Any]:
    """Return the application as Lambda calls it, made once: a cold start."""
    # Mangum logs every path at INFO, and a path may carry an identifier: Guard's line takes its place.
    logging.getLogger("mangum").setLevel(logging.WARNING)
    return as_lambda_calls(create_app(services_from(load(ApiSettings))))


def as_lambda_calls(app: FastAPI) -> Callable[[Any, Any], Any]:
    """Return what answers API Gateway's events with an application, one after the other."""
    answer = Mangum(app, lifespan="off", text_mime_types=["text/", "application/json", MEDIA_TYPE])

    def answered(event: Any, context: Any) -> Any:
        before = ALONE.set(True)
        try:
            return answer(event, context)
        finally:
            ALONE.reset(before)

    return answered
