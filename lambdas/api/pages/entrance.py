"""Where the API lets people in: the dashboard, loaded at its first request.

Relays and programs never ask for a page: a cold start that answers them need not load pages and templates.
"""

from __future__ import annotations

from functools import cached_property

from fastapi import FastAPI
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from lambdas.api.services import Services


class Entrance:
    """ASGI application: the dashboard over these services, made when somebody asks for it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._dashboard(scope, receive, send)

    @cached_property
    def _dashboard(self) -> FastAPI:
        from lambdas.api.pages.dashboard import create_dashboard  # noqa: PLC0415 - only if a page is asked for

        return create_dashboard(self._services)


async def first_page() -> Response:
    """Return the answer that leads a browser to the dashboard."""
    return RedirectResponse("/app/today", 303)
