"""Every error answer is an RFC 9457 document, and none quotes what was sent.

type, title, status   what kind of error it is
detail                what failed and why
where, hint           the field it concerns; what to do about it
errors                for input with several flaws, or what changed meanwhile: [{where, detail}]
request_id            names the request in our logs
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from lambdas.access.throttle import Throttled
from lambdas.access.unauthenticated import Unauthenticated
from lambdas.store.accounts.people import LastAdmin
from shared.errors import OUTCOMES, MwlError, Outdated, Unavailable
from shared.problem_document import MEDIA_TYPE, OURS

NOTED: Final = "mwl.problem"
"""Where in the ASGI scope a problem leaves what the request's log line should say of it."""


class PreconditionRequired(MwlError):
    """The caller must say which version it looked at (RFC 6585, 3)."""


# The first class that fits counts, so the special come before the general.
STATUS: Final[dict[type[MwlError], tuple[HTTPStatus, str]]] = {
    LastAdmin: (HTTPStatus.CONFLICT, "conflict"),
    Throttled: (HTTPStatus.TOO_MANY_REQUESTS, "throttled"),
    Unauthenticated: (HTTPStatus.UNAUTHORIZED, "unauthenticated"),
    PreconditionRequired: (HTTPStatus.PRECONDITION_REQUIRED, "precondition-required"),
    **{kind: (HTTPStatus(outcome.status), outcome.problem) for kind, outcome in OUTCOMES.items()},
}
_RETRY_SECONDS = 2
_SAID: Final = {
    HTTPStatus.BAD_REQUEST: "the body cannot be read: it is not JSON, or nested too deeply",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "the body must be JSON: Content-Type: application/json",
}


class Flaw(BaseModel):
    """One thing wrong with what was sent."""

    where: str
    detail: str


class Problem(BaseModel):
    """An RFC 9457 problem document."""

    type: str
    title: str
    status: int
    detail: str
    where: str = ""
    hint: str = ""
    errors: tuple[Flaw, ...] = ()
    request_id: str = ""


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"description": "What the caller can put right", "model": Problem},
    "5XX": {"description": "Try again later", "model": Problem},
}
"""For OpenAPI; see `lambdas.api.openapi.completion`."""


def install(app: FastAPI) -> None:
    """Make an application answer every error with a problem document."""
    app.add_exception_handler(MwlError, _deliberate)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_the_framework)


def internal(request_id: str) -> JSONResponse:
    """Return the answer to an unexpected exception: it gives no detail, the log does."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return _answer(status, "internal", "something went wrong here", request_id=request_id)


def flaws(errors: Sequence[Any], *, beneath: int = 0) -> tuple[Flaw, ...]:
    """Return pydantic's errors as flaws, without the values: paths and rules only.

    :param beneath: how many leading parts of each path to leave out.
    """
    return tuple(
        Flaw(
            where=".".join(str(part) for part in error["loc"][beneath:]),
            detail=str(error["msg"]).removeprefix("Value error, "),
        )
        for error in errors
    )


async def _deliberate(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, MwlError):
        raise error
    status, kind = next(found for kind, found in STATUS.items() if isinstance(error, kind))
    headers = {}
    if isinstance(error, Throttled):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = str(_RETRY_SECONDS)
    # What a caller did wrong is for the caller; what we could not do is for whoever reads the logs.
    note = f"{type(error).__name__}: {error}" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else kind
    request.scope[NOTED] = note
    return _answer(
        status,
        kind,
        error.what,
        where=error.where,
        hint=error.hint,
        errors=_changed(error),
        request_id=_request_id(request),
        headers=headers,
    )


def _changed(error: MwlError) -> tuple[Flaw, ...]:
    """Return what a caller had not seen, field by field."""
    if not isinstance(error, Outdated):
        return ()
    return tuple(Flaw(where=name, detail=said) for name, said in sorted(error.changed.items()))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    request.scope[NOTED] = "rejected"
    found = flaws(error.errors(), beneath=1)
    several = f"{len(found)} things are" if len(found) > 1 else "something is"
    return _answer(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "rejected",
        f"{several} wrong with what was sent: see errors",
        where=found[0].where if found else "",
        errors=found,
        request_id=_request_id(request),
    )


async def _of_the_framework(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    kind = status.phrase.lower().replace(" ", "-")
    request.scope[NOTED] = kind
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(allowed_methods(request))
    return _answer(
        status,
        kind,
        _SAID.get(status) or status.description or status.phrase,
        request_id=_request_id(request),
        headers=headers,
    )


def allowed_methods(request: Request) -> list[str]:
    """Return every method that some route has for the path of a request, HEAD where there is GET."""
    found = {
        method
        for route in (*request.app.routes, *getattr(request.app.state, "routes", ()))
        if isinstance(route, APIRoute) and route.path_regex.match(request.url.path)
        for method in route.methods or ()
    }
    return sorted(found | ({"HEAD"} if "GET" in found else set()))


def _request_id(request: Request) -> str:
    return str(request.scope.get("mwl.request_id", ""))


def _answer(
    status: HTTPStatus,
    kind: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    **members: Any,
) -> JSONResponse:
    problem = Problem(
        type=OURS + kind,
        title=status.phrase,
        status=status.value,
        detail=detail,
        **members,
    )
    content = problem.model_dump(mode="json", exclude_defaults=True)
    return JSONResponse(content, status.value, headers=headers, media_type=MEDIA_TYPE)
