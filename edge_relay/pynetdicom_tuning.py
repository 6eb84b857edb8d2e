"""All we touch of pynetdicom beyond its documented surface, and what we add to make it robust.

Written for pynetdicom 3.0.4, the version pyproject.toml pins; `PRIVATE_NAMES` lists every undocumented name
used, and a test proves that each is there and behaves. What is done and why:

    Nagle and delayed ACK cost 90 ms a query      TCP_NODELAY on the listening socket, which accepted ones
                                                  inherit; TCP_QUICKACK re-armed after every recv
    half a PDU holds threads for ever             a deadline for the whole PDU, and for each send
    PDU and message length are unchecked          both capped at `MAX_MESSAGE_BYTES`
    a malformed command set kills the reader,     caught; the peer gets an A-ABORT, the socket is shut down
    an incomplete one is never answered
    C-CANCEL is not read while answers queue      `let_reads_in`
    shutdown waits for stalled peers              `Server.stop` has a deadline and shuts sockets
    identifiers are formatted, and could be       quiet logging
    logged, for every message
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from socketserver import BaseServer
from time import monotonic, sleep
from typing import Any, Final, cast

import pydicom.config
from pynetdicom import _config, evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket, ThreadedAssociationServer

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES: Final = 1 << 20
"""Longest PDU and longest DIMSE message taken: a worklist query or MPPS is a few kilobytes."""

MAX_PDU_BYTES: Final = 65_536
"""Longest PDU we announce that we want to receive (PS3.8 D.1)."""

_BACKLOG: Final = 512
_IDLE: Final = "Sta1"  # no connection, PS3.8 Table 9-1
_RESPONSE_BIT: Final = 0x8000  # of Command Field (0000,0100), PS3.7 E.1
_C_CANCEL: Final = 0x0FFF
_DRAIN_POLL_SECONDS: Final = 0.001
_ABORT_PDU: Final = bytes.fromhex("07 00 00000004 00 00 02 00")  # A-ABORT by the provider, PS3.8 9.3.8

EventHandler = Any
"""An entry of pynetdicom's event table: (event, function) or (event, function, [arguments])."""

PRIVATE_NAMES: Final = (
    "pynetdicom._config.LOG_HANDLER_LEVEL",
    "pynetdicom._config.LOG_REQUEST_IDENTIFIERS",
    "pynetdicom._config.LOG_RESPONSE_IDENTIFIERS",
    "pynetdicom.association.Association._kill",
    "pynetdicom.association.Association._reactor_checkpoint",
    "pynetdicom.dul.DULServiceProvider._kill_thread",
    "pynetdicom.dul.DULServiceProvider.to_provider_queue",
    "pynetdicom.dul.DULServiceProvider.to_user_queue",
    "pynetdicom.dul.DULServiceProvider.socket",
    "pynetdicom.dul.DULServiceProvider.state_machine.do_action",
    "pynetdicom.transport.AssociationSocket.recv",
    "pynetdicom.transport.AssociationSocket._shutdown_socket",
)


def quiet() -> None:
    """Keep pynetdicom and pydicom from formatting, logging or warning about what passes through them."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    # What scanners send is judged by our own parsers; pydicom's warnings would quote values.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


@dataclass(frozen=True)
class Limits:
    """Bounds of one connection, in seconds: for a whole PDU in, and for each write out."""

    pdu_seconds: float = 10.0


class Server(ThreadedAssociationServer):
    """The listening socket, with our options, and a stop that nobody can hold up."""

    request_queue_size = _BACKLOG
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind; what is set on the listening socket, accepted ones inherit."""
        cast(socket.socket, self.socket).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Replace socketserver's traceback on stderr by one line."""
        log.warning("a connection failed before it became an association")

    def start(self) -> None:
        """Accept connections in a thread of its own."""
        self._accepting = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.1}, name="accept", daemon=True
        )
        self._accepting.start()

    def stop(self, timeout: float) -> bool:
        """Stop accepting, end every association; return whether all threads ended within the time.

        Idle associations get an A-ABORT; the sockets are shut down whatever their peers do.
        """
        deadline = monotonic() + timeout
        BaseServer.shutdown(self)
        self.server_close()
        associations = self.active_associations
        for association in associations:
            _end(association)
        threads = [*associations, *(association.dul for association in associations)]
        for thread in threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - monotonic()))
        for association in associations:
            _close(association)
        return not any(thread.is_alive() for thread in threads)


def make_server(
    ae: ApplicationEntity, address: tuple[str, int], handlers: Sequence[EventHandler], limits: Limits
) -> Server:
    """Return a bound server; raise `OSError` if the port is taken.

    :param handlers: pynetdicom's event handlers, (event, function).
    """
    # Bound before `EVT_CONN_OPEN` fires for the first connection, so that none is ever unguarded.
    guards: list[EventHandler] = [(evt.EVT_CONN_OPEN, guard, [limits]), (evt.EVT_DIMSE_RECV, _message_ended)]
    return cast(Server, ae.make_server(address, evt_handlers=[*guards, *handlers], server_class=Server))


def guard(event: evt.Event, limits: Limits) -> None:
    """Put bounds on a new connection, before anything is read from it."""
    association = event.assoc
    dul: Any = association.dul  # methods are replaced on the instance, which type checkers do not like
    guarded = GuardedSocket(dul.socket, limits, on_drop=lambda: _stop_waiting(association))
    dul.socket.guarded = guarded  # not in a table of ours: that would keep ended associations alive
    dul.socket.recv = guarded.recv
    dul.socket._shutdown_socket = guarded.close
    dul.state_machine.do_action = _contained(association, dul.state_machine.do_action)


def let_reads_in(association: Association, deadline_seconds: float) -> bool:
    """Wait until what is queued has been sent, so that a C-CANCEL can be read; bounds memory as well.

    :return: False if the peer does not take its answers in time: give up on it.
    """
    deadline = monotonic() + deadline_seconds
    while not association.dul.to_provider_queue.empty():
        if monotonic() > deadline or not association.dul.is_alive():
            return False
        sleep(_DRAIN_POLL_SECONDS)
    sleep(2 * _DRAIN_POLL_SECONDS)  # one round of the reactor, in which it reads
    return True


def no_delay(event: evt.Event) -> None:
    """Set TCP_NODELAY on a connection we make ourselves."""
    connection: Any = event.assoc.dul.socket
    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class GuardedSocket:
    """Bounded reading for one connection, in place of `AssociationSocket.recv`, which waits for ever."""

    def __init__(self, wrapped: AssociationSocket, limits: Limits, on_drop: Callable[[], None]) -> None:
        self._socket: Final = cast(socket.socket, wrapped.socket)
        self._limits: Final = limits
        self._on_drop: Final = on_drop
        self._message_bytes = 0
        self._socket.settimeout(limits.pdu_seconds)

    def message_ended(self) -> None:
        """Begin counting a new DIMSE message."""
        self._message_bytes = 0

    def recv(self, wanted: int) -> bytearray:
        """Read exactly so many bytes, fewer only if the peer closed.

        :raises OSError: if they are too many, or take too long; the connection has been shut down then.
        """
        received = bytearray()
        deadline = monotonic() + self._limits.pdu_seconds
        try:
            self._count(wanted)
            while len(received) < wanted:
                self._socket.settimeout(max(deadline - monotonic(), 0.001))
                chunk = self._socket.recv(min(wanted - len(received), 65_536))
                self._acknowledge()
                if not chunk:
                    self.close()
                    self._on_drop()
                    return received
                received += chunk
            self._socket.settimeout(self._limits.pdu_seconds)
        except OSError:
            self.close()
            self._on_drop()
            raise
        return received

    def close(self) -> None:
        """Shut down and close; pynetdicom's own leaves the socket open if the peer has gone already."""
        shut(self._socket)
        self._socket.close()

    def _count(self, wanted: int) -> None:
        self._message_bytes += wanted
        if self._message_bytes > MAX_MESSAGE_BYTES:
            log.warning(
                "a peer sent more than %d bytes in one message; connection dropped", MAX_MESSAGE_BYTES
            )
            raise OSError("message too long")

    def _acknowledge(self) -> None:
        # Linux forgets this option after a while; without it the peer's next write waits 40 ms for an ACK.
        quick_ack = getattr(socket, "TCP_QUICKACK", None)
        if quick_ack is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, quick_ack, 1)


def shut(sock: socket.socket) -> None:
    """Shut a socket down in both directions; nothing if it is already."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _message_ended(event: evt.Event) -> None:
    """Note the end of a message; abort if it lacks what a request must have, else nobody would answer it."""
    connection: Any = event.assoc.dul.socket
    connection.guarded.message_ended()
    command = event.message.command_set.CommandField
    if command & _RESPONSE_BIT or command == _C_CANCEL:
        return
    request: Any = event.message.message_to_primitive()
    if not request.is_valid_request:
        log.warning("a peer sent request %04X without a mandatory field; association aborted", command)
        _end(event.assoc)


def _contained(association: Association, do_action: Callable[[str], None]) -> Callable[[str], None]:
    def contained(event: str) -> None:
        try:
            do_action(event)
        except Exception as error:  # noqa: BLE001  whatever bytes provoke must not leave a peer hanging
            if association.dul.state_machine.current_state != _IDLE:  # there, it is only a late "closed"
                log.warning("a peer sent what cannot be decoded (%s); aborted", type(error).__name__)
            _end(association)
            _close(association)

    return contained


def _stop_waiting(association: Association) -> None:
    """Wake a thread that waits for an association request which will never come."""
    if not association.is_established:
        queue: Any = association.dul.to_user_queue
        queue.put(None)  # what `receive_pdu` returns when its time is up


def _close(association: Association) -> None:
    guarded = getattr(association.dul.socket, "guarded", None)
    if guarded is not None:
        guarded.close()


def _end(association: Association) -> None:
    """Abort and shut down without waiting for anybody."""
    _stop_waiting(association)
    sock = getattr(association.dul.socket, "socket", None)
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.settimeout(0.1)
            sock.send(_ABORT_PDU)
        shut(sock)
    association.is_established = False
    association.is_aborted = True
    association._kill = True
    association._reactor_checkpoint.set()
    association.dul._kill_thread = True
