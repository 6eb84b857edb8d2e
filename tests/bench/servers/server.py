"""What all servers have in common: a process of their own, an address, the same items, a version."""

from __future__ import annotations

import socket
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import ClassVar, Final

from infra.local.processes import Child, Started
from shared.errors import Unavailable
from tests.bench import items, wire
from tests.bench.client import Association, Called

HOST: Final = "127.0.0.1"
AE_TITLE: Final = "MWL"
MOST_ASSOCIATIONS: Final = 512
READY_SECONDS: Final = 60.0


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
    return port


class Server(Started):
    """One worklist server with so many items; a context manager that runs it.

    :param folder: its own, empty; everything it writes is there.
    :param count: how many items it holds.
    :param no_delay: turn Nagle's algorithm off on its side, in the way it offers.
    """

    program: ClassVar[str]
    """Its name in the report."""

    def __init__(self, folder: Path, count: int, *, no_delay: bool = False) -> None:
        self.folder, self.count, self.no_delay = folder, count, no_delay
        super().__init__()
        self.child: Child | None = None
        self.called = Called(HOST, 0, AE_TITLE)

    @classmethod
    @abstractmethod
    def missing(cls) -> str:
        """Return why it cannot be measured here; empty if it can."""

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """Return its version, as it says itself."""

    @abstractmethod
    def start(self) -> None:
        """Start it with its items; it may still be getting ready."""

    @property
    def name(self) -> str:
        """Its name in a table."""
        return self.program

    @property
    def pid(self) -> int:
        """The id of its process."""
        if self.child is None:
            raise Unavailable("is not running", where=self.program)
        return self.child.pid

    def _start(self) -> None:
        self.folder.mkdir(parents=True)
        self.start()
        self._wait_until_filled()

    def run(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start its process, to be stopped with it."""
        self.child = Child(self.program, command, self.folder / "log", environment)
        self._closing.callback(self.child.stop)
        return self.child

    def take_free_port(self) -> int:
        """Choose the port it is to listen on, for a server that cannot choose one itself."""
        port = free_port()
        self.called = self.called._replace(port=port)
        return port

    def _wait_until_filled(self) -> None:
        """Wait until it finds the last item."""
        request = wire.find(wire.encoded(items.one(self.count - 1)))
        deadline = monotonic() + READY_SECONDS + self.count / 500
        while not self._finds(request):
            if monotonic() > deadline or not (self.child and self.child.running()):
                raise Unavailable("did not get its items", where=self.name, hint=self._last_words())
            sleep(0.1)

    def _finds(self, request: wire.Writes) -> bool:
        try:
            with Association(self.called) as association:
                return association.ask(request).answer == (0, 1)
        except (OSError, wire.WireError):
            return False  # not listening yet

    def _last_words(self) -> str:
        lines = (self.folder / "log").read_text("utf-8", "replace").splitlines()
        return lines[-1] if lines else "it said nothing"
