"""Errors as pages: what happened, what to do, who can help. None quotes what was sent."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from lambdas.access.throttle import Throttled
from lambdas.api.pages.rendering import page, see
from lambdas.api.pages.session import PasswordNeeded, SignInNeeded
from lambdas.api.pages.views.failure import failure
from lambdas.api.problems import NOTED, STATUS
from shared.errors import MwlError


def install(app: FastAPI) -> None:
    """Make the dashboard answer every error with a page."""
    app.add_exception_handler(MwlError, _deliberate)
    app.add_exception_handler(RequestValidationError, _of_the_framework)
    app.add_exception_handler(HTTPException, _of_the_framework)


async def _deliberate(request: Request, error: Exception) -> Response:
    if not isinstance(error, MwlError):
        raise error
    if isinstance(error, SignInNeeded):
        return _to_sign_in(request)
    if isinstance(error, PasswordNeeded):
        return see("/app/password")
    status, kind = next(found for each, found in STATUS.items() if isinstance(error, each))
    request.scope[NOTED] = f"{type(error).__name__}: {error}" if status >= 500 else kind
    answer = page(request, None, "failure.html", status=status, failure=failure(status, error))
    if isinstance(error, Throttled):
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer


def _to_sign_in(request: Request) -> Response:
    if "hx-request" in request.headers:  # a part of a page must not become the sign-in page
        return Response(status_code=204, headers={"HX-Redirect": "/app/login"})
    return see("/app/login")


async def _of_the_framework(request: Request, error: Exception) -> Response:
    code = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    status = HTTPStatus(code)
    request.scope[NOTED] = status.phrase.lower().replace(" ", "-")
    return page(request, None, "failure.html", status=status, failure=failure(status))
