"""The outermost layer of every request: its id, its one log line, its size, and what must never be cached.

A log line says method, route (the template, never the path), status and duration. No identifier, body, query
string, header or exception message ever enters it: any of them may name a participant or carry a secret.
"""

from __future__ import annotations

import time
import traceback
import uuid
from typing import Any, Final

from aws_lambda_powertools import Logger
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lambdas.api import problems

MAX_BODY_BYTES: Final = 5 * 1024 * 1024
"""Less than Lambda's own 6 MB, so that the answer to too much is ours."""

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
}

logger: Final = Logger(service="api")


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = getattr(scope.get("aws.context"), "aws_request_id", None) or uuid.uuid4().hex
        scope["mwl.request_id"] = request_id
        began, status = time.perf_counter(), 0
        headless = scope["method"] == "HEAD"
        if headless:  # RFC 9110 9.3.2: as GET, without the content
            scope["method"] = "GET"

        async def mark(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            elif headless:
                message = {**message, "body": b""}
            await send(message)

        flaw: dict[str, Any] = {}
        try:
            await self._app(scope, _limited(scope, receive), mark)
        except Exception as error:  # noqa: BLE001 - the one place where nothing may pass: servers log messages
            flaw = {"exception": type(error).__name__, "frames": frames(error)}
            if not status:
                await problems.internal(request_id)(scope, receive, mark)
        _log(scope, status, began, flaw)


def _log(scope: Scope, status: int, began: float, flaw: dict[str, Any]) -> None:
    line = {
        "request_id": scope["mwl.request_id"],
        "method": scope["method"],
        "route": getattr(scope.get("route"), "path", ""),
        "status": status,
        "ms": round((time.perf_counter() - began) * 1000),
        **flaw,
    }
    if problems.NOTED in scope:
        line["problem"] = scope[problems.NOTED]
    if status >= 500 or flaw:
        logger.error("request", extra=line)
    else:
        logger.info("request", extra=line)


def frames(error: Exception) -> list[str]:
    """Return where an exception came from, without its message: that may quote anything."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]


def _limited(scope: Scope, receive: Receive) -> Receive:
    taken = 0
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY_BYTES or (declared.isdigit() and int(declared) > MAX_BODY_BYTES):
            raise HTTPException(413)
        return message

    return limited
