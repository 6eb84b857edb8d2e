"""The simulator as a whole: state, clock, faults, and an HTTP server in a thread.

    with RedcapSimulator([seeds.classic(10)]) as redcap:
        redcap.Project(redcap.url, redcap.projects[0].token())

One lock covers all state: a handler sees a project at rest, also while a test changes it from another thread.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from threading import Event, RLock, Thread
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from infra.local.redcap_sim import api, faults, web
from infra.local.redcap_sim.clock import Now, SimClock, system_now
from infra.local.redcap_sim.desk import Desk
from infra.local.redcap_sim.faults import Fault, FaultKind, FaultPlan
from infra.local.redcap_sim.project import Project
from infra.local.redcap_sim.quirks import Quirks
from infra.local.redcap_sim.traffic import RequestLog
from infra.local.redcap_sim.trigger import Send, Trigger, post
from infra.local.redcap_sim.wire import Answer, Params

Address = tuple[str, int]


class RedcapSimulator:
    """A REDCap server with some projects; `start()` it, point a client at `url`, `stop()` it."""

    def __init__(  # noqa: PLR0913 - each is an injected part with a default
        self,
        projects: Iterable[Project],
        *,
        clock: Now = system_now,
        faults: Sequence[Fault] = (),
        quirks: Quirks | None = None,
        server_timezone: str | None = None,
        det_url: str = "",
        send_trigger: Send = post,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.projects: list[Project] = list(projects)
        self.quirks = quirks or Quirks()
        if server_timezone is not None:
            self.quirks = replace(self.quirks, zone=ZoneInfo(server_timezone))
        self.clock = clock if isinstance(clock, SimClock) else SimClock(clock)
        self.faults = FaultPlan(tuple(faults))
        self.requests = RequestLog(self.quirks.rate_limit)
        self.trigger = Trigger(send_trigger)
        self.host = host
        self.lock = RLock()
        self.stopping = Event()
        self._port = port
        self._server: _Server | None = None
        for project in self.projects:
            project.det_url = det_url or project.det_url

    @property
    def base_url(self) -> str:
        """The server's address, without a slash; the control surface is under `/_control`."""
        return f"http://{self.host}:{self._port}"

    @property
    def url(self) -> str:
        """The API's address, as PyCap wants it."""
        return f"{self.base_url}/api/"

    @property
    def desk(self) -> Desk:
        """A person at the screen."""
        return Desk(self.clock, self.trigger, self.quirks, self.base_url)

    def project(self, project_id: int) -> Project:
        """The project of that number; LookupError when there is none."""
        for project in self.projects:
            if project.project_id == project_id:
                return project
        raise LookupError(f"no such project: {project_id}")

    def save_form(
        self, project_id: int, record_id: str, instrument: str, values: Mapping[str, str], **where: Any
    ) -> int:
        """`Desk.save_form` under the lock."""
        with self.lock:
            return self.desk.save_form(self.project(project_id), record_id, instrument, values, **where)

    def add_fault(self, kind: FaultKind, **rest: Any) -> Fault:
        """Script a fault; see `faults.Fault`."""
        return self.faults.add(Fault(kind, **rest))

    def answer(self, params: Params) -> Answer:
        """Answer one request, faults aside."""
        with self.lock:
            return api.answer(self.projects, params, self.quirks, self.clock())

    def spoilt_answer(self, params: Params, fault: Fault | None) -> Answer:
        """Answer one request under a fault."""
        if fault is None:
            return self.answer(params)
        honest = self.answer(params) if fault.carries_out else Answer(200, b"")
        return faults.spoilt(fault, honest, params)

    def describe(self) -> list[dict[str, Any]]:
        """Ids, titles and tokens, for whoever has to connect."""
        return [
            {
                "project_id": project.project_id,
                "title": project.shape.title,
                "records": len(project.records),
                "tokens": {user.name: user.token for user in project.users},
            }
            for project in self.projects
        ]

    def start(self) -> Self:
        """Listen; returns once requests are answered. OSError when the port is taken."""
        self.stopping.clear()
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self._port))
        except OSError:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        self._server = _Server(self, listener)
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop listening, quickly; requests under way are cut off."""
        if self._server is not None:
            self.stopping.set()
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Uvicorn(uvicorn.Server):
    """uvicorn that ends at once; its own loop looks every tenth of a second, and waits for clients."""

    def __init__(self, config: uvicorn.Config, connections: Mapping[Address, asyncio.Transport]) -> None:
        super().__init__(config)
        self._connections = connections
        self._end: Callable[[], object] = lambda: None
        self.ready = Event()

    def end(self) -> None:
        """Ask the server's loop to end, from any thread."""
        self._end()

    async def main_loop(self) -> None:
        """Wait for `end`."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._end = lambda: loop.call_soon_threadsafe(ended.set)
        self.ready.set()
        await ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the port, cut every connection, and let requests under way notice."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for transport in list(self._connections.values()):
            transport.abort()
        while self.server_state.tasks or self._connections:
            await asyncio.sleep(0.001)


class _Server:
    """uvicorn in a thread, and the open connections, so that a fault can cut one."""

    def __init__(self, simulator: RedcapSimulator, listener: socket.socket) -> None:
        connections: dict[Address, asyncio.Transport] = {}

        class Tracked(H11Protocol):
            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                self.address: Address = transport.get_extra_info("peername")
                connections[self.address] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                connections.pop(self.address, None)
                super().connection_lost(exc)

        def cut(client: Address) -> None:
            if client in connections:
                connections[client].abort()

        config = uvicorn.Config(
            web.application(simulator, cut),
            http=Tracked,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # The Date header follows the simulator's clock: clients learn the server's time from it.
            date_header=False,
        )
        self._listener = listener
        self._uvicorn = _Uvicorn(config, connections)
        self._thread = Thread(
            target=self._uvicorn.run, args=([listener],), daemon=True, name="redcap-simulator"
        )

    def start(self) -> None:
        self._thread.start()
        if not self._uvicorn.ready.wait(10):
            raise RuntimeError("the simulator's server did not start")

    def stop(self) -> None:
        self._uvicorn.end()
        self._thread.join(10)
        self._listener.close()
