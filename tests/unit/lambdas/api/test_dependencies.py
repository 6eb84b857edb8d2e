"""In which thread a route and what it depends on work."""

from __future__ import annotations

import threading
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from lambdas.api.dependencies import Router, in_turn
from lambdas.api.main import as_lambda_calls
from tests.rigs.api import event_loop
from tests.rigs.lambda_events import LambdaClient

Here = list[bool]


def here() -> bool:
    return threading.current_thread() is threading.main_thread()


@in_turn
def asked() -> bool:
    return here()


@pytest.fixture
def found() -> Here:
    return []


@pytest.fixture
def app(found: Here) -> FastAPI:
    router, made = Router(), FastAPI()

    def route(dependency: Annotated[Any, Depends(asked)]) -> str:
        found.extend([dependency, here()])
        return "done"

    router.get("/made/{name}")(route)
    made.include_router(router)
    return made


def test_in_lambda_a_request_needs_no_other_thread(app: FastAPI, found: Here) -> None:
    before = threading.active_count()
    with event_loop():
        assert LambdaClient(as_lambda_calls(app)).get("/made/1").status == 200
        assert threading.active_count() == before
    assert found == [True, True]


@pytest.mark.anyio
async def test_elsewhere_the_loop_goes_on_while_a_request_is_worked_on(app: FastAPI, found: Here) -> None:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        assert (await client.get("/made/1")).json() == "done"
    assert found == [False, False]


def test_a_route_keeps_its_name_for_the_document_of_the_api(app: FastAPI) -> None:
    assert app.openapi()["paths"]["/made/{name}"]["get"]["summary"] == "Route"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
