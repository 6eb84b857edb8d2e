"""A proxy that hands bytes on as bad networks do: it refuses, cuts, halves, swallows, drips, delays, lies."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from random import Random
from typing import Final

_SILENT: Final = ("silence", "one way")
_OWN_ANSWERS: Final = {
    "portal": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 35\r\n\r\n"
    b"<p>Log in to the guest network.</p>",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://portal.example/\r\nContent-Length: 0\r\n\r\n",
    "encoding": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
    b'Content-Length: 13\r\n\r\n{"items": []}',
}
"""What is answered in the cloud's stead."""


class Proxy:
    """Hands bytes on between the relay and its cloud, in the way that ``fault`` names."""

    FAULTS: Final = (
        "refuse", "cut", "half", "silence", "one way", "drip", "delay", "noise", "portal", "redirect",
        "encoding",
    )  # fmt: skip

    def __init__(self, target: int, chance: Random) -> None:
        self.fault = "none"
        self._target = target
        self._chance = chance
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """End all."""
        self._stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client, self.fault), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, fault: str) -> None:
        with client:
            self._open.add(client)
            with suppress(OSError):
                self._answer(client, fault)
            self._open.discard(client)

    def _answer(self, client: socket.socket, fault: str) -> None:
        if fault == "refuse":
            return
        if fault in _OWN_ANSWERS:
            client.recv(65536)
            client.sendall(_OWN_ANSWERS[fault])
            return
        with socket.create_connection(("127.0.0.1", self._target), 10) as server:
            self._open.add(server)
            up = threading.Thread(target=self._pump, args=(client, server, "none"), daemon=True)
            up.start()
            self._pump(server, client, fault)
            up.join(10)
            self._open.discard(server)

    def _pump(self, source: socket.socket, target: socket.socket, fault: str) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if fault in _SILENT:
                    continue  # the request arrived; nobody hears the answer
                if fault == "delay":
                    self._stopping.wait(self._chance.uniform(0.1, 1.5))
                if fault == "half":
                    target.sendall(data[: len(data) // 2])
                    break
                if fault == "cut":
                    break
                self._hand_on(target, bytearray(data), fault)
        # Where nothing is heard, nothing is heard of the end either: the client has to give up by itself.
        for each in (source,) if fault in _SILENT else (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _hand_on(self, target: socket.socket, data: bytearray, fault: str) -> None:
        if fault == "noise":
            data = bytearray(self._chance.randbytes(len(data)))
        if fault != "drip":
            target.sendall(data)
            return
        for byte in data:
            target.sendall(bytes((byte,)))
            if self._stopping.wait(0.02):
                return
