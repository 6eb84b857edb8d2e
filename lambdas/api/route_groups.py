"""The API's routes, in groups by the first word of their path; each is loaded when it is first asked for.

FastAPI takes a good part of a cold start to make routes and their models. A cold start answers one request,
and most requests are a relay's: whatever people and programs ask for is made when one of them asks. The
document of the API (OpenAPI) names all routes, so it loads all groups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Final

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from lambdas.api.routes import health, relay

Modules = tuple[ModuleType, ...]
"""Modules with a ``router``."""


def _auth() -> Modules:
    from lambdas.api import auth
    from lambdas.api.routes import single_sign_on

    return auth, single_sign_on


def _worklist() -> Modules:
    from lambdas.api.routes import history, ownership, worklist

    return worklist, history, ownership


def _procedure_steps() -> Modules:
    from lambdas.api.routes import procedure_steps

    return (procedure_steps,)


def _users() -> Modules:
    from lambdas.api.routes import users

    return (users,)


def _sources() -> Modules:
    from lambdas.api.routes import sources

    return (sources,)


def _write_backs() -> Modules:
    from lambdas.api.routes import write_backs

    return (write_backs,)


def _relays() -> Modules:
    from lambdas.api.routes import relays

    return (relays,)


def _missing() -> Modules:
    from lambdas.api.routes import missing

    return (missing,)


def _reports() -> Modules:
    from lambdas.api.reports import planned_and_done

    return (planned_and_done,)


def _studies() -> Modules:
    from lambdas.api.reports import studies

    return (studies,)


def _notices() -> Modules:
    from lambdas.api.routes.telling import notices

    return (notices,)


def _calendars() -> Modules:
    from lambdas.api.routes.telling import calendars

    return (calendars,)


def _audit() -> Modules:
    from lambdas.api.routes import audit

    return (audit,)


def _hooks() -> Modules:
    from lambdas.api.routes import hooks

    return (hooks,)


def _docs() -> Modules:
    from lambdas.api.routes import docs

    return (docs,)


GROUPS: Final[Mapping[str, Callable[[], Modules]]] = {
    "auth": _auth,
    "worklist": _worklist,
    "procedure-steps": _procedure_steps,
    "users": _users,
    "sources": _sources,
    "write-backs": _write_backs,
    "relays": _relays,
    "missing": _missing,
    "reports": _reports,
    "studies": _studies,
    "notices": _notices,
    "calendars": _calendars,
    "ical": _calendars,
    "audit": _audit,
    "relay": lambda: (relay,),
    "hooks": _hooks,
    "health": lambda: (health,),
    "docs": _docs,
    "redoc": _docs,
}
"""The first word of a path -> the modules that serve such paths, in the order of the API's document."""


def route_modules() -> Modules:
    """Return whatever has a router; loads all of it."""
    return tuple(dict.fromkeys(module for modules in GROUPS.values() for module in modules()))


def first_word(path: str) -> str:
    """Return the first word of a path: ``worklist`` of ``/worklist/17``."""
    return path.removeprefix("/").partition("/")[0]


class RouteGroups:
    """Which groups an application has, of those it may need.

    :param app: has a group's routes as soon as it is loaded.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._loaded: set[ModuleType] = set()
        app.state.routes = []

    def load(self, word: str) -> None:
        """Have the routes of paths that begin with a word; another word loads nothing."""
        for module in GROUPS.get(word, tuple)():
            if module not in self._loaded:
                self._app.include_router(module.router)
                self._app.state.routes += module.router.routes
                self._loaded.add(module)

    def load_all(self) -> None:
        """Have all routes."""
        for word in GROUPS:
            self.load(word)


class LoadOnDemand:
    """ASGI middleware: has a request's group of routes loaded before the request is routed."""

    def __init__(self, app: ASGIApp, groups: RouteGroups) -> None:
        self._app, self._groups = app, groups

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            self._groups.load(first_word(scope["path"].removeprefix(scope.get("root_path", ""))))
        await self._app(scope, receive, send)
