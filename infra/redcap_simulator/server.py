"""The simulator as a whole: the simulation, and an HTTP server in a thread.

with RedcapSimulator([seeds.classic(10)]) as redcap:
    redcap.Project(redcap.url, redcap.projects[0].token())
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from threading import Event, Thread
from types import TracebackType
from typing import Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from infra.redcap_simulator import web
from infra.redcap_simulator.simulation import Simulation

Address = tuple[str, int]


class RedcapSimulator(Simulation):
    """A REDCap server with some projects; `start()` it, point a client at `url`, `stop()` it."""

    _server: _Server | None = None

    def start(self) -> Self:
        """Listen; returns once requests are answered. OSError when the port is taken."""
        self.stopping.clear()
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
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

    def __init__(self, simulator: Simulation, listener: socket.socket) -> None:
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
