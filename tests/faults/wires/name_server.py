"""A name server that can be made to lie (DNS, RFC 1035): no such name, trouble, silence, another address."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from ipaddress import IPv4Address
from typing import Final

_PORT: Final = 53
_ADDRESS, _INTERNET = 1, 1  # QTYPE A, QCLASS IN
_ANSWER: Final = 0x8180  # a response; recursion was asked for, and is available
_CODES: Final = {"trouble": 2, "no such name": 3}  # RCODE


class NameServer:
    """Answers each question for an address as ``fault`` says: "none", "trouble", "no such name", "silence",
    or an address that is given for every name.

    :param host: the address to listen on.
    :param right: what the right answer is.
    """

    def __init__(self, host: str, right: str) -> None:
        self.fault = "none"
        self.asked = 0
        self._right: Final = right
        self._socket: Final = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, _PORT))
        self._thread: Final = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                question, who = self._socket.recvfrom(512)
                if not question:
                    return
                self.asked += 1
                if self.fault != "silence":
                    self._socket.sendto(self._answer(question), who)

    def _answer(self, question: bytes) -> bytes:
        end = question.index(b"\0", 12) + 5  # the name, then its type and class
        kind = struct.unpack("!H", question[end - 4 : end - 2])[0]
        code = _CODES.get(self.fault, 0)
        found = b""
        if kind == _ADDRESS and not code:
            address = self._right if self.fault == "none" else self.fault
            found = struct.pack("!HHHIH", 0xC00C, _ADDRESS, _INTERNET, 0, 4) + IPv4Address(address).packed
        head = question[:2] + struct.pack("!HHHHH", _ANSWER | code, 1, bool(found), 0, 0)
        return head + question[12:end] + found
