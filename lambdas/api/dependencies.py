"""What FastAPI hands to a route. Apart from the services, which `mwl-cloud` uses without FastAPI."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from lambdas.api.services import Services

# What only looks at the request is asynchronous: each other dependency is handed to another thread, and back.


async def _of_app(request: Request) -> Services:
    services = request.app.state.services
    if not isinstance(services, Services):
        raise TypeError("the application was not made by create_app")
    return services


async def json_body(request: Request) -> None:
    """Refuse a body that does not say it is JSON (415), but for the forms that REDCap itself sends."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    is_form = getattr(request.scope.get("route"), "path", "").startswith("/hooks/")
    if kind and has_body and not is_form and kind != "application/json" and not kind.endswith("+json"):
        raise HTTPException(415)


UseServices = Annotated[Services, Depends(_of_app)]
"""A route's parameter that receives the services."""
