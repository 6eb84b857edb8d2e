"""An address of its own on this machine for an API that MiniStack serves below a path.

API Gateway gives each API a host name. MiniStack does too, below ``localhost``, and no resolver must know
such a name. So this listens on a loopback port and passes each request on, as it came, with the path that
MiniStack takes in the name's stead.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import httpx
import uvicorn

from infra.local.processes import Started
from shared.errors import Unavailable

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 30.0
PATIENCE_SECONDS: Final = 60.0
_OF_ONE_CONNECTION: Final = {
    b"connection",
    b"transfer-encoding",
    b"keep-alive",
    b"content-length",
    b"date",
    b"server",
}

Message = MutableMapping[str, Any]


class FrontDoor(Started):
    """A running front door; a context manager.

    :param endpoint: where MiniStack is.
    :param api_id: of an HTTP API whose stage is ``$default``.
    :param port: 0: any that is free.
    """

    def __init__(self, endpoint: str, api_id: str, *, port: int = 0) -> None:
        super().__init__()
        self._endpoint, self._port = httpx.URL(endpoint), port
        self._before = f"/_aws/execute-api/{api_id}/$default".encode()
        self.url = ""

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request; an ASGI application, which closes its own connections when it is ended."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        target = (
            self._before
            + scope["raw_path"]
            + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        )
        headers = [(name, value) for name, value in scope["headers"] if name not in _OF_ONE_CONNECTION]
        headers.append((b"x-forwarded-proto", b"http"))
        request = self._client.build_request(
            scope["method"],
            self._endpoint.copy_with(raw_path=target),
            headers=headers,
            content=await _body(receive),
        )
        answer = await self._client.send(request, stream=True)
        try:
            # As it came: what is compressed stays so, as its headers say.
            body = b"".join([part async for part in answer.aiter_raw()])
        finally:
            await answer.aclose()
        kept = [(name, value) for name, value in answer.headers.raw if name.lower() not in _OF_ONE_CONNECTION]
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": body})

    async def _live(
        self, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        async with self._client:
            for moment in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{moment}.complete"})

    def _start(self) -> None:
        self._client = httpx.AsyncClient(timeout=PATIENCE_SECONDS, headers={"accept-encoding": "identity"})
        listener = socket.create_server((HOST, self._port))
        self.url = f"http://{HOST}:{listener.getsockname()[1]}"
        config = uvicorn.Config(self, log_config=None, access_log=False, lifespan="on", ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="front-door", daemon=True)
        thread.start()

        def stop() -> None:
            server.should_exit = True
            thread.join(START_SECONDS)

        self._closing.callback(stop)
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                raise Unavailable("the front door did not open")
            time.sleep(0.01)


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
