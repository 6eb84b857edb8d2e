"""pynetdicom's server with what it lacks: limits, time limits, TLS handshakes that hold nobody up, an end."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from socketserver import TCPServer
from time import monotonic
from typing import Any, Final

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.transport import ThreadedAssociationServer

from edge_relay.upper_layer.application import Application, ConnectionLimits, Limits, Port, address_of
from edge_relay.upper_layer.message import LargeAnswers, LargeMessages, Place
from edge_relay.upper_layer.pynetdicom_tuning import EventHandler, accepted_socket

log = logging.getLogger(__name__)

_BACKLOG: Final = 512
_MOST_CONNECTIONS: Final = 400  # pynetdicom waits with select, which takes no descriptor above 1023
_PLACES_FOR_OURSELVES: Final = 8
_QUICK_ACK: Final = getattr(socket, "TCP_QUICKACK", None)


@dataclass(eq=False)
class Connection:
    """One accepted connection.

    :param association: None until the TLS handshake is over.
    :param request: its A-ASSOCIATE-RQ, as sent.
    :param received: bytes since the last complete message.
    :param is_open: whether the application was told of an association, and not yet of its end.
    :param is_told: whether it was told why we ended it.
    :param sends_large: whether a large answer is on its way to the peer.
    """

    socket: socket.socket
    address: str
    place: Place
    association: Association | None = None
    calling: str = ""
    request: bytes = b""
    received: int = 0
    is_open: bool = False
    is_told: bool = False
    sends_large: bool = False

    def acknowledge(self) -> None:
        """Acknowledge what arrives at once: else a peer's next write waits 40 ms for it."""
        if _QUICK_ACK is not None:
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    @property
    def is_over(self) -> bool:
        """Whether nothing serves it any more."""
        if self.association is None or self.association.ident is None:
            return self.socket.fileno() == -1
        return not self.association.is_alive()


class Connections:
    """The connections that are open, within their limits.

    :param lock: the one under which the application is called.
    """

    def __init__(self, application: Application, most: ConnectionLimits, lock: threading.RLock) -> None:
        self._application: Final = application
        self._most: Final = most
        self._lock: Final = lock
        self._all: Final[dict[socket.socket, Connection]] = {}
        self._large: Final = LargeMessages()
        self._answers: Final = LargeAnswers()
        self._places: Final = threading.Condition()

    def take(self, connection: socket.socket, address: str) -> bool:
        """Count a connection; tell whether there was room for it."""
        with self._lock:
            self.sweep()
            if self._has_room(address):
                self._all[connection] = Connection(connection, address, Place(self._large))
                return True
            self._application.refused("", address, "too many connections are open")
            return False

    def encrypt(self, connection: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Return the socket that takes the place of the accepted one, before its handshake.

        :raises OSError: if the peer has gone.
        """
        with self._lock:  # meanwhile the accepted one looks as if it had been closed
            entry = self._all[connection]
            wrapped = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            del self._all[connection]
            entry.socket = wrapped
            self._all[wrapped] = entry
            return wrapped

    def fail(self, connection: socket.socket, why: str) -> None:
        """End a connection that never came to its association."""
        with self._lock:
            entry = self._all.pop(connection, None)
            if entry is not None and why:
                self._application.refused("", entry.address, why)
        connection.close()

    def associate(self, association: Association) -> None:
        """Note which association a connection has."""
        with self._lock:
            entry = self._all.get(accepted_socket(association))
            if entry is not None:
                entry.association = association

    def of(self, association: Association) -> Connection | None:
        """Return an association's connection, None if it has ended."""
        with self._lock:
            return next((each for each in self._all.values() if each.association is association), None)

    def take_place(self, connection: Connection, timeout: float) -> bool:
        """Wait for a place for the large message that is arriving, in seconds; tell whether there is one."""
        with self._places:
            return self._places.wait_for(connection.place.take, timeout)

    def arrived(self, connection: Connection, message_id: int) -> None:
        """Note that a message is complete."""
        with self._places:
            connection.received = 0
            connection.place.arrived(message_id)

    def answered(self, connection: Connection | None, message_id: int) -> None:
        """Note that a request has been answered; the next large message may come."""
        if connection is not None:
            with self._places:
                connection.place.answered(message_id)
                self._places.notify_all()

    def take_room(self, connection: Connection | None, size: int) -> bool:
        """Take room for a large answer, in bytes; tell whether there was room."""
        with self._places:
            if connection is None or not self._answers.take(connection, size):
                return False
            connection.sends_large = True
            return True

    def sent(self, connection: Connection) -> None:
        """Note that the peer has taken its answer."""
        with self._places:
            connection.sends_large = False
            self._answers.give_back(connection)

    def close_association(self, association: Association) -> None:
        """Tell the application that an association is over, once."""
        with self._lock:
            entry = self.of(association)
            if entry is None:
                return
            with self._places:
                entry.place.give_back()
                self._answers.give_back(entry)
                self._places.notify_all()
            if entry.is_open:
                entry.is_open = False
                self._application.closed(entry.calling)

    def sweep(self) -> None:
        """Let go of connections that have ended."""
        with self._lock:
            for entry in [each for each in self._all.values() if each.is_over]:
                del self._all[entry.socket]
                entry.socket.close()
                if entry.is_open:
                    self._application.closed(entry.calling)

    def end(self, timeout: float) -> bool:
        """Abort all associations and close all connections; tell whether they ended in time, in seconds."""
        deadline = monotonic() + timeout
        with self._lock:
            entries = list(self._all.values())
        associations = [each.association for each in entries if each.association is not None]
        # Who has asked for nothing yet is not told: pynetdicom has no abort in that state.
        asked = [each for each in associations if each.requestor.primitive is not None]
        aborting = [threading.Thread(target=each.abort, daemon=True) for each in asked]
        for thread in aborting:
            thread.start()
        for thread in aborting:
            thread.join(max(0.0, deadline - monotonic()))
        for entry in entries:
            _hang_up(entry.socket)
        for association in associations:
            association.join(max(0.0, deadline - monotonic()))
        self.sweep()
        return not any(thread.is_alive() for thread in aborting)

    def _has_room(self, address: str) -> bool:
        total = min(self._most.total, _MOST_CONNECTIONS)
        if ip_address(address.partition("%")[0]).is_loopback:
            return len(self._all) < total + _PLACES_FOR_OURSELVES
        ones = sum(each.address == address for each in self._all.values())
        return len(self._all) < total and ones < self._most.per_address


class Server(ThreadedAssociationServer):
    """One bound port.

    :raises OSError: if it is taken, or the address is not this machine's.
    """

    request_queue_size = _BACKLOG
    daemon_threads = True

    def __init__(
        self,
        ae: ApplicationEntity,
        port: Port,
        handlers: Sequence[EventHandler],
        limits: Limits,
        connections: Connections,
    ) -> None:
        self._port: Final = port
        self._limits: Final = limits
        self._connections: Final = connections
        super().__init__(
            ae, (port.host, port.port), ae.ae_title, ae.supported_contexts, evt_handlers=list(handlers)
        )

    def server_bind(self) -> None:
        """Bind; accepted sockets inherit the option, so that small writes leave at once."""
        listening: Any = self.socket
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._port.host == "::":
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take a connection if there is room for it."""
        request.settimeout(self._limits.pdu_seconds)
        return self._connections.take(request, address_of(client_address))

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Encrypt a connection if it is to be, and serve it; on a thread of its own."""
        if self._port.tls is not None:
            try:
                request = self._connections.encrypt(request, self._port.tls())
                request.settimeout(self._limits.artim_seconds)
                request.do_handshake()
                request.settimeout(self._limits.pdu_seconds)
            except OSError as error:
                self._connections.fail(request, _handshake_failed(error))
                return
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Let go of a connection that could not be served."""
        error = sys.exc_info()[0]
        log.error("a connection could not be served (%s)", error.__name__ if error else "no reason")
        self._connections.fail(request, "internal fault")

    def service_actions(self) -> None:
        """Look at what has ended; called every now and then."""
        super().service_actions()
        self._connections.sweep()

    def shutdown(self) -> None:
        """Stop accepting. pynetdicom's own would look for the server in a list it never was in."""
        TCPServer.shutdown(self)
        self.server_close()


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has gone already
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _handshake_failed(error: OSError) -> str:
    if isinstance(error, ConnectionResetError):
        return ""  # who leaves by itself, as a probe of the port does, was not refused
    took_long = isinstance(error, TimeoutError)
    reason = "it took too long" if took_long else getattr(error, "reason", "") or type(error).__name__
    return f"the TLS handshake failed ({reason})"
