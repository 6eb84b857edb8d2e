"""HTTP around the simulator: REDCap's one URL, the forms' addresses, and the control surface beside them.

A POST to `/api` without its slash is redirected, and clients turn it into a GET, which is answered by the
help page with status 200: one more way to take HTML for data.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import format_datetime

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from infra.redcap_simulator import control
from infra.redcap_simulator.api.wire import Answer, Params
from infra.redcap_simulator.faults import ban_answer
from infra.redcap_simulator.simulation import Simulation

Cut = Callable[[tuple[str, int]], None]

HELP = (
    "<!DOCTYPE html><html><head><title>REDCap API</title></head><body><h1>REDCap API help</h1></body></html>"
)
#: A POST of 100,000 rows is one form field; Starlette's own limit is a megabyte.
LARGEST_FIELD = 256 * 1024 * 1024


def application(simulator: Simulation, cut: Cut) -> Starlette:
    """The ASGI application; `cut` closes the connection of a client's address."""

    async def post(request: Request) -> Response:
        since = simulator.requests.clears
        form = await request.form(max_fields=1_000_000, max_part_size=LARGEST_FIELD)
        params = Params([(name, value) for name, value in form.multi_items() if isinstance(value, str)])
        client = request.client.host if request.client else ""
        if not simulator.requests.allow(client, simulator.clock()):
            simulator.requests.note(params, simulator.clock(), 200, "banned", since=since)
            return _response(simulator, ban_answer())
        fault = simulator.faults.take(params.text("content"))
        if fault is not None and fault.kind == "latency":
            # In a thread, so that stopping the simulator ends the wait.
            await run_in_threadpool(simulator.stopping.wait, fault.seconds)
        answer = await run_in_threadpool(simulator.spoilt_answer, params, fault)
        kind = fault.kind if fault else ""
        simulator.requests.note(params, simulator.clock(), answer.status, kind, since=since)
        if fault is not None and fault.kind == "dropped":
            await _drop(request, cut)
        return _response(simulator, answer)

    async def help_page(_request: Request) -> Response:
        return HTMLResponse(HELP)

    async def person(request: Request) -> Response:
        asked = dict(request.query_params)
        path = request.path_params
        shown = await run_in_threadpool(simulator.page, path["version"], path["page"], asked)
        return HTMLResponse(shown.html, shown.status)

    async def redirect(_request: Request) -> Response:
        return RedirectResponse("/api/", status_code=301)

    return Starlette(
        routes=[
            Route("/api/", post, methods=["POST"]),
            Route("/api/", help_page, methods=["GET"]),
            Route("/api", redirect, methods=["GET", "POST"]),
            Route("/redcap_v{version}/DataEntry/{page}", person, methods=["GET"]),
            Mount("/_control", routes=control.routes(simulator)),
        ]
    )


async def _drop(request: Request, cut: Cut) -> None:
    if request.client is not None:
        cut((request.client.host, request.client.port))
    # The loop has to see the connection go first, or the attempt to answer would be an error of ours.
    while not await request.is_disconnected():
        await asyncio.sleep(0)


def _response(simulator: Simulation, answer: Answer) -> Response:
    date = format_datetime(simulator.clock(), usegmt=True)
    return Response(answer.body, answer.status, {"date": date, **answer.headers}, answer.media_type)
