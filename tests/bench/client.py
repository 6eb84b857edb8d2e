"""The load client on one association: findscu's write pattern on a raw socket, and how long answers take."""

from __future__ import annotations

import socket
from time import perf_counter
from types import TracebackType
from typing import Final, NamedTuple, Self

from tests.bench import wire

CALLING: Final = "SCANNER1"
_READ: Final = 65_536


class Called(NamedTuple):
    """Whom to call."""

    host: str
    port: int
    ae_title: str


class Taken(NamedTuple):
    """An answer, and the seconds from the first write of its request to its last read."""

    answer: wire.Answer
    seconds: float


class Association:
    """One association with a server; a context manager that opens and releases it.

    :param sop_class: what it is for.
    :param no_delay: turn Nagle's algorithm off on this side.
    :param budget: seconds to wait for any read.
    :param calling: AE title of who asks.
    :raises TimeoutError: the server took longer.
    :raises wire.WireError: it refused, or went away.
    """

    def __init__(
        self,
        called: Called,
        sop_class: str = wire.WORKLIST,
        *,
        no_delay: bool = False,
        budget: float = 30,
        calling: str = CALLING,
    ) -> None:
        self._called, self._sop_class, self._calling = called, sop_class, calling
        self._no_delay, self._budget = no_delay, budget
        self._answers = wire.Answers()

    def __enter__(self) -> Self:
        self._socket = socket.create_connection((self._called.host, self._called.port), self._budget)
        try:
            self._opened()
        except BaseException:
            self._socket.close()
            raise
        return self

    def _opened(self) -> None:
        if self._no_delay:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(wire.associate(self._called.ae_title, self._calling, self._sop_class))
        received = b""
        while not wire.accepted(received):
            received += self._read()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._socket.sendall(wire.RELEASE_RQ)
                received = self._read()
                if received[0] != wire.RELEASE_RP:
                    raise wire.WireError(f"answered a release with a PDU of type {received[0]:02X}")
        finally:
            self._socket.close()

    def ask(self, request: wire.Writes) -> Taken:
        """Send a request and wait for its last response."""
        send, read, feed = self._socket.sendall, self._socket.recv, self._answers.feed
        began = perf_counter()
        for part in request:
            send(part)
        while True:
            data = read(_READ)
            now = perf_counter()
            if not data:
                raise wire.WireError("ended the connection")
            answer = feed(data)
            if answer is not None:
                return Taken(answer, now - began)

    def _read(self) -> bytes:
        data = self._socket.recv(_READ)
        if not data:
            raise wire.WireError("ended the connection")
        return data
