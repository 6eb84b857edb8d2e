"""Answers in HTML: one template each, with what every page needs."""

from __future__ import annotations

from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lambdas.access.role import Role
from lambdas.api.pages.session import Visitor
from lambdas.api.pages.views.day import Row
from lambdas.api.pages.views.navigation import NOTICES, links
from shared.text.quantity import quantity

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # With no-referrer a browser would send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
}


class PageHeaders:
    """ASGI middleware: what every answer of the dashboard carries."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def mark(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, mark)


@cache
def environment() -> Environment:
    """Return the templates, which escape whatever they are given."""
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["static"] = static_address
    found.globals["quantity"] = quantity
    found.globals["exam_row"] = exam_row
    return found


@lru_cache(maxsize=2048)
def exam_row(row: Row, *, may_write: bool) -> str:
    """Return a row of Today as markup. A page that renews itself has the same rows again, but for few.

    A row is all that is shown, in words: another state, name or reader's rights make another row.
    """
    shown: str = environment().get_template("today_row.html").module.exam(row, may_write)  # type: ignore[attr-defined]
    return shown


@cache
def static_address(name: str) -> str:
    """Return a static file's address, which changes with its content."""
    digest = sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/app/static/{name}?v={digest}"


def page(
    request: Request, who: Visitor | None, template: str, *, status: int = 200, **values: Any
) -> HTMLResponse:
    """Return a page.

    :param who: who is looking; None: nobody is signed in.
    """
    role = who.user.role if who else None
    common = {
        "path": request.url.path,
        "address": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "who": who,
        "token": who.token if who else "",
        "links": links(role, request.url.path) if role else (),
        "may_write": bool(role) and role.covers(Role.WRITE) if role else False,
        "may_administer": role is Role.ADMIN,
        "notice": NOTICES.get(request.query_params.get("done", ""), ""),
    }
    return HTMLResponse(environment().get_template(template).render({**common, **values}), status)


def see(path: str, done: str = "") -> RedirectResponse:
    """Return the answer that leads on from a form, so that loading again sends nothing again.

    :param done: a key of `NOTICES`: what the next page says has been done.
    """
    mark = "&" if "?" in path else "?"
    return RedirectResponse(f"{path}{mark}done={done}" if done else path, 303)
