"""Routes are loaded by the first word of a path: each when it is first asked for, and none is missed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from lambdas.api.openapi import document
from lambdas.api.route_groups import GROUPS, LoadOnDemand, RouteGroups, first_word, route_modules
from tests.rigs.patience import PATIENCE


def paths(module: ModuleType) -> set[str]:
    return {route.path for route in module.router.routes if isinstance(route, APIRoute)}


@pytest.mark.parametrize("module", route_modules(), ids=lambda module: module.__name__)
def test_every_path_of_a_module_leads_to_it(module: ModuleType) -> None:
    assert {path for path in paths(module) if module not in GROUPS[first_word(path)]()} == set()


@pytest.mark.parametrize(
    ("path", "word"),
    [("/worklist", "worklist"), ("/worklist/17/history", "worklist"), ("/", ""), ("", ""), ("//users", "")],
)
def test_the_first_word_of_a_path_says_which_group(path: str, word: str) -> None:
    assert first_word(path) == word


def test_a_group_is_loaded_once() -> None:
    app = FastAPI()
    groups = RouteGroups(app)
    groups.load("calendars")
    loaded = list(app.state.routes)
    groups.load("ical")
    groups.load("calendars")
    assert loaded
    assert app.state.routes == loaded


@pytest.mark.parametrize("word", ["", "wp-admin", "worklists", "WORKLIST"])
def test_a_word_without_a_group_loads_nothing(word: str) -> None:
    app = FastAPI()
    RouteGroups(app).load(word)
    assert app.state.routes == []


@pytest.mark.parametrize(
    ("scope", "loaded"),
    [
        ({"type": "http", "path": "/users/me"}, True),
        ({"type": "http", "path": "/stage/users/me", "root_path": "/stage"}, True),
        ({"type": "http", "path": "/relays/r1"}, False),
        ({"type": "lifespan"}, False),
    ],
)
def test_a_group_is_there_before_its_request_is_routed(scope: dict[str, Any], loaded: bool) -> None:
    app = FastAPI()
    there: list[bool] = []

    async def router(*_: Any) -> None:
        there.append(any(route.path == "/users/me" for route in app.state.routes))

    async def nothing(*_: Any) -> Any:
        raise AssertionError("nobody reads or answers here")

    asyncio.run(LoadOnDemand(router, RouteGroups(app))(scope, nothing, nothing))
    assert there == [loaded]


def test_the_document_has_one_order_whatever_was_loaded_first() -> None:
    documents = []
    for first in ("docs", "relay", "worklist"):
        app = FastAPI()
        groups = RouteGroups(app)
        groups.load(first)
        document.install(app, groups)
        documents.append(json.dumps(app.openapi()))
    assert documents[0] == documents[1] == documents[2]
    assert json.loads(documents[0])["paths"].keys() >= paths(GROUPS["ical"]()[0])


@pytest.mark.slow  # a process
def test_a_start_loads_only_what_relays_ask_for() -> None:
    program = "import sys, lambdas.api.main; print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    prefix = "lambdas.api.routes."
    found = {name for name in ended.stdout.split() if name.startswith(prefix)}
    assert found == {f"{prefix}relay", f"{prefix}health"}
