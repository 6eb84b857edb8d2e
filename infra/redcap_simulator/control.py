"""The control surface, `/_control/...`: what a person, an administrator or bad luck does to the server.
JSON in and out.

| request | body | does |
|---|---|---|
| GET projects | | ids, titles, sizes and tokens |
| POST projects/{pid}/save_form | record, instrument, values, event?, instance?, user?, complete? | save |
| POST projects/{pid}/lock | record, instrument, event?, instance?, locked? | a form is locked or unlocked |
| POST projects/{pid}/rename | record, new_record, user? | a record is renamed |
| POST projects/{pid}/delete | record, user? | a record is deleted |
| POST projects/{pid}/move_dag | record, dag, user? | a record changes groups |
| POST projects/{pid}/erase_form | record, instrument, event?, instance?, user? | a form's data are deleted |
| POST projects/{pid}/erase_all | user? | all data are erased |
| POST projects/{pid}/revoke | user | a token is taken away |
| POST projects/{pid}/det | url | the data entry trigger is set; "" turns it off |
| GET, POST, DELETE faults | kind, times?, content?, skip?, seconds?, keep?, record?, carry_out? | faults |
| GET, DELETE requests | | how many API requests, and what for |
| GET triggers | | the data entry triggers that went out |
| GET, POST clock | set? (ISO 8601), advance? (seconds) | the server's clock |

A wrong body is answered with 400 and `{"error": ...}`, an unknown project, record or form with 404.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from json import JSONDecodeError
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.redcap_simulator.faults import Fault
from infra.redcap_simulator.people.form_filler import FormFiller
from infra.redcap_simulator.project.project import Project
from infra.redcap_simulator.simulation import Simulation

Body = dict[str, Any]
Endpoint = Callable[[Request], Awaitable[Response]]


def routes(simulator: Simulation) -> list[Route]:
    """The control surface's routes, relative to its mount."""
    control = _Control(simulator)
    table: list[tuple[str, str, Callable[[Request, Body], Any]]] = [
        ("GET", "/projects", lambda _request, _body: simulator.describe()),
        ("POST", "/projects/{pid:int}/{action}", control.act),
        ("GET", "/faults", lambda _request, _body: [asdict(fault) for fault in simulator.faults.active()]),
        ("POST", "/faults", lambda _request, body: asdict(simulator.faults.add(Fault(**body)))),
        ("DELETE", "/faults", lambda _request, _body: simulator.faults.clear()),
        ("GET", "/requests", lambda _request, _body: simulator.requests.as_json()),
        ("DELETE", "/requests", lambda _request, _body: simulator.requests.clear()),
        ("GET", "/triggers", lambda _request, _body: control.triggers()),
        ("GET", "/clock", lambda _request, _body: {"now": simulator.clock().isoformat()}),
        ("POST", "/clock", lambda _request, body: control.set_clock(body)),
    ]
    return [Route(path, _endpoint(do), methods=[method]) for method, path, do in table]


def _endpoint(do: Callable[[Request, Body], Any]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await run_in_threadpool(do, request, await _body(request)))
        except LookupError as error:
            return JSONResponse({"error": _sentence(error)}, 404)
        except (JSONDecodeError, TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return endpoint


async def _body(request: Request) -> Body:
    body = await request.json() if await request.body() else {}
    if not isinstance(body, dict):
        raise TypeError("the body must be a JSON object")
    return body


def _sentence(error: LookupError) -> str:
    return f"no such {error}" if isinstance(error, KeyError) else str(error)


class _Control:
    """The parts of the surface that are more than one call."""

    def __init__(self, simulator: Simulation) -> None:
        self._simulator = simulator

    def act(self, request: Request, body: Body) -> Mapping[str, Any]:
        """What a person does to a project."""
        name = request.path_params["action"]
        if name not in _ACTIONS:
            raise LookupError(f"no such action: {name}")
        with self._simulator.lock:
            project = self._simulator.project(request.path_params["pid"])
            return _ACTIONS[name](self._simulator.form_filler, project, body) or {"ok": True}

    def triggers(self) -> list[Mapping[str, Any]]:
        """What went out so far."""
        self._simulator.trigger.wait()
        return [asdict(fired) for fired in self._simulator.trigger.fired]

    def set_clock(self, body: Body) -> Mapping[str, str]:
        """Set, then advance."""
        if body.get("set"):
            self._simulator.clock.set(datetime.fromisoformat(body["set"]))
        self._simulator.clock.advance(float(body.get("advance", 0)))
        return {"now": self._simulator.clock().isoformat()}


def _take(body: Body, *needed: str, optional: tuple[str, ...] = ("user",)) -> Body:
    """The body's arguments, checked by name, so that a typing error is told and not ignored."""
    missing = [name for name in needed if name not in body]
    unknown = [name for name in body if name not in {*needed, *optional}]
    if missing or unknown:
        raise ValueError(
            f"missing: {', '.join(missing) or 'nothing'}; unknown: {', '.join(unknown) or 'nothing'}"
        )
    return {name: body[name] for name in optional if name in body}


def _save_form(form_filler: FormFiller, project: Project, body: Body) -> Body:
    rest = _take(body, "record", "instrument", "values", optional=("event", "instance", "user", "complete"))
    values = {str(name): str(value) for name, value in body["values"].items()}
    instance = form_filler.save_form(project, str(body["record"]), body["instrument"], values, **rest)
    return {"ok": True, "instance": instance}


def _lock(form_filler: FormFiller, project: Project, body: Body) -> None:
    rest = _take(body, "record", "instrument", optional=("event", "instance", "locked"))
    form_filler.lock(project, str(body["record"]), body["instrument"], **rest)


def _rename(form_filler: FormFiller, project: Project, body: Body) -> None:
    rest = _take(body, "record", "new_record")
    form_filler.rename(project, body["record"], body["new_record"], **rest)


def _delete(form_filler: FormFiller, project: Project, body: Body) -> None:
    rest = _take(body, "record")
    form_filler.delete(project, body["record"], **rest)


def _move_dag(form_filler: FormFiller, project: Project, body: Body) -> None:
    rest = _take(body, "record", "dag")
    form_filler.move_dag(project, body["record"], body["dag"], **rest)


def _erase_form(form_filler: FormFiller, project: Project, body: Body) -> None:
    rest = _take(body, "record", "instrument", optional=("event", "instance", "user"))
    form_filler.erase_form(project, body["record"], body["instrument"], **rest)


def _erase_all(form_filler: FormFiller, project: Project, body: Body) -> None:
    form_filler.erase_all(project, **_take(body))


def _revoke(_filler: FormFiller, project: Project, body: Body) -> None:
    _take(body, "user", optional=())
    project.revoke(body["user"])


def _det(_filler: FormFiller, project: Project, body: Body) -> None:
    _take(body, "url", optional=())
    project.det_url = body["url"]


_ACTIONS: dict[str, Callable[[FormFiller, Project, Body], Body | None]] = {
    "save_form": _save_form,
    "lock": _lock,
    "rename": _rename,
    "delete": _delete,
    "move_dag": _move_dag,
    "erase_form": _erase_form,
    "erase_all": _erase_all,
    "revoke": _revoke,
    "det": _det,
}
