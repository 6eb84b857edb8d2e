"""What FastAPI hands to a route, and in which thread a route works.

Apart from the services, which `mwl-cloud` uses without FastAPI.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import wraps
from inspect import iscoroutinefunction
from typing import Annotated, Any, Final, ParamSpec, TypeVar

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from lambdas.api.services import Services

P = ParamSpec("P")
T = TypeVar("T")

ALONE: Final[ContextVar[bool]] = ContextVar("mwl_alone", default=False)
"""Whether a request has its process to itself, as in Lambda. Elsewhere others must not wait for it."""


def in_turn(work: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Return a function that works at once where a request is alone, and else in another thread.

    FastAPI hands whatever is not asynchronous to another thread. In Lambda nobody has any good of that, and
    it takes a third of a short request's processor time.
    """

    @wraps(work)
    async def working(*args: P.args, **kwargs: P.kwargs) -> T:
        if ALONE.get():
            return work(*args, **kwargs)
        return await run_in_threadpool(work, *args, **kwargs)

    return working


class Router(APIRouter):
    """FastAPI's router, whose routes work `in_turn`."""

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        """As FastAPI's."""
        super().add_api_route(path, endpoint if iscoroutinefunction(endpoint) else in_turn(endpoint), **more)


# What only looks at the request is asynchronous.


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
