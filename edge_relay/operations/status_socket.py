"""The relay's status for ``mwl-relay status``, over a socket that needs no disk.

A full or read-only disk is just when somebody wants to know. So the socket has a name in Linux's abstract
namespace (unix(7)), made from the state folder's path: nothing is written, and nothing is left behind.
Either side looks who the other is (SO_PEERCRED): the relay answers its own user and root, and the command
believes no others.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from edge_relay.health.status import RelayStatus

log = logging.getLogger(__name__)

_SECONDS: Final = 2.0
_MOST_BYTES: Final = 16 * 1024 * 1024
_CREDENTIALS: Final = struct.Struct("3i")  # pid, uid, gid
_OFFERED: Final = sys.platform.startswith("linux")
# Not there elsewhere; nor are they used there.
_AF_UNIX: Final[int] = getattr(socket, "AF_UNIX", -1)
_SO_PEERCRED: Final[int] = getattr(socket, "SO_PEERCRED", -1)
_own_user: Final[Callable[[], int]] = getattr(os, "geteuid", lambda: -1)


class StatusSocket:
    """Answers each connection with the status, and closes it.

    :raises OSError: if it cannot listen: there are no such sockets here, or another has the name.
    """

    def __init__(self, state_dir: Path, look: Callable[[], RelayStatus]) -> None:
        self._look: Final = look
        if not _OFFERED:
            raise OSError(errno.EAFNOSUPPORT, "this system has none of Linux's abstract names")
        self._socket: Final = socket.socket(_AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(_address(state_dir))
            self._socket.listen(4)
        except OSError:
            self._socket.close()
            raise
        self._thread: Final = threading.Thread(target=self._serve, name="status socket", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                connection, _ = self._socket.accept()
                with connection, suppress(OSError):
                    connection.settimeout(_SECONDS)
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        if _peer(connection) not in {0, _own_user()}:
            return
        try:
            told = self._look().model_dump_json().encode()
        except Exception as error:  # noqa: BLE001  what cannot be told now must not end the telling
            log.warning("the status could not be told (%s)", type(error).__name__)
            return
        connection.sendall(told)


def ask(state_dir: Path) -> RelayStatus | None:
    """Return what the relay on a state folder says of itself; None if none answers, or not one of ours."""
    if not _OFFERED:
        return None
    try:
        with socket.socket(_AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(_SECONDS)
            asking.connect(_address(state_dir))
            if _peer(asking) not in {0, _own_user(), state_dir.stat().st_uid}:
                return None
            told = bytearray()
            while (part := asking.recv(65536)) and len(told) < _MOST_BYTES:
                told += part
        return RelayStatus.model_validate_json(bytes(told))
    except (OSError, ValidationError):
        return None


def _address(state_dir: Path) -> str:
    name = blake2b(os.fsencode(state_dir.resolve()), digest_size=16).hexdigest()
    return f"\0mwl-relay/{name}"


def _peer(connection: socket.socket) -> int:
    """Return the user id of the other side."""
    told = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(told)[1])
