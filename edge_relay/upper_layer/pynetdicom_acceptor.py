"""The other acceptor: pynetdicom's own server and event handlers, before the same application.

For the support engineer who wants to know whether a fault is our upper layer's, and for the tests, which
compare both. Two threads a connection and polling make it slower, and what docs/adr/004-own-acceptor.md
lists is mended only where pynetdicom's public surface lets us: no Nagle delay, a time limit for each read and
write, TLS handshakes on threads of their own, a long backlog, no transfer syntax but implicit and explicit
little endian, bounded messages, no answers ahead of what the peer takes, a stop that nobody holds up.

The application is called by one thread at a time, under one lock.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from time import monotonic, sleep
from typing import Any, Final

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity

from edge_relay.upper_layer import negotiation, pynetdicom_requests
from edge_relay.upper_layer.application import Application, ConnectionLimits, Limits, Port
from edge_relay.upper_layer.command import CommandField
from edge_relay.upper_layer.message import Request
from edge_relay.upper_layer.needed_items import caller
from edge_relay.upper_layer.negotiation import Rejection
from edge_relay.upper_layer.operation import CANCELLED, PENDING, TOO_MANY_LARGE, Response
from edge_relay.upper_layer.pdu import BadPdu, PduType, pdvs
from edge_relay.upper_layer.pynetdicom_server import Connection, Connections, Server
from edge_relay.upper_layer.pynetdicom_tuning import (
    EventHandler,
    all_sent,
    end_thread,
    no_delay,
    quiet,
    read_requests_by,
    write_in_silence,
)

log = logging.getLogger(__name__)

_SLICE_BYTES: Final = 32 * 1024  # then the peer may take them, and a C-CANCEL is read
_POLL_SECONDS: Final = 0.001  # pynetdicom's own pace
_P_DATA_TF: Final = bytes([PduType.P_DATA_TF])
_SERVICE_SECONDS: Final = 0.1  # how often to look at connections that have ended
_NOT_COUNTED: Final = 1_000_000  # the application counts associations; pynetdicom would count those that hang
_ABORTED_FOR: Final = "what was sent is no legal PDU, or none that belongs there"


class PynetdicomAcceptor:
    """Bound ports, served by pynetdicom.

    :param services: SOP Class UIDs offered.
    :raises OSError: if a port is taken, or an address is not this machine's.
    """

    def __init__(
        self,
        ports: Sequence[Port],
        application: Application,
        services: Sequence[str],
        limits: Limits,
        connections: ConnectionLimits,
        version_name: str = negotiation.UNVERSIONED,
    ) -> None:
        self._application: Final = application
        self._limits: Final = limits
        self._lock: Final = threading.RLock()
        self._idle: Final = threading.Condition(self._lock)
        self._performing = 0
        self._stopping = False
        self._connections: Final = Connections(application, connections, self._lock)
        ae = self._make_ae(services, version_name)
        self._servers: Final[list[Server]] = []
        try:
            for port in ports:
                self._servers.append(Server(ae, port, self._handlers(), limits, self._connections))
        except OSError:
            self._close_ports()
            raise
        self._addresses: Final = [
            (str(each.server_address[0]), each.server_address[1]) for each in self._servers
        ]
        self._threads: Final = [
            threading.Thread(target=each.serve_forever, args=(_SERVICE_SECONDS,), name="dicom", daemon=True)
            for each in self._servers
        ]

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each port, as bound, in the order given."""
        return list(self._addresses)

    def start(self) -> None:
        """Accept connections from now on."""
        quiet()
        write_in_silence()
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> bool:
        """Stop accepting, let what is being answered end, then close everything.

        :return: whether all of it ended within the time, in seconds; it is over in any case.
        """
        deadline = monotonic() + timeout
        started = any(thread.ident is not None for thread in self._threads)
        with self._idle:
            again, self._stopping = self._stopping, True
        if again or not started:
            self._close_ports()
            return True
        for server in self._servers:
            server.shutdown()
        with self._idle:
            clean = self._idle.wait_for(lambda: self._performing == 0, max(0.0, deadline - monotonic()))
        return self._connections.end(max(0.2, deadline - monotonic())) and clean

    def _close_ports(self) -> None:
        for server in self._servers:
            server.server_close()

    def _make_ae(self, services: Sequence[str], version_name: str) -> ApplicationEntity:
        ae = ApplicationEntity()
        for service in services:
            ae.add_supported_context(service, list(negotiation.TRANSFER_SYNTAXES))
        ae.maximum_associations = _NOT_COUNTED
        ae.maximum_pdu_size = self._limits.max_pdu_bytes
        ae.implementation_class_uid = negotiation.IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = version_name
        ae.acse_timeout = self._limits.artim_seconds
        ae.dimse_timeout = ae.network_timeout = self._limits.idle_seconds
        return ae

    def _handlers(self) -> list[EventHandler]:
        handlers: list[EventHandler] = [
            (evt.EVT_CONN_OPEN, self._on_open),
            (evt.EVT_REQUESTED, self._on_requested),
            (evt.EVT_DATA_RECV, self._on_data),
            (evt.EVT_DATA_SENT, self._on_sent),
            (evt.EVT_DIMSE_RECV, self._on_message),
            (evt.EVT_FSM_TRANSITION, self._on_transition),
            (evt.EVT_RELEASED, self._on_end),
            (evt.EVT_ABORTED, self._on_end),
            (evt.EVT_CONN_CLOSE, self._on_close),
            (evt.EVT_C_ECHO, self._on_echo),
            (evt.EVT_C_FIND, self._on_find),
            (evt.EVT_N_CREATE, self._on_n_service),
            (evt.EVT_N_SET, self._on_n_service),
            (evt.EVT_N_GET, self._on_n_service),
        ]
        return handlers

    # ------------------------------------------------------------------------------- associations come and go

    def _on_open(self, event: evt.Event) -> None:
        no_delay(event)
        read_requests_by(event, lambda raw: self._readable(event, raw))
        event.assoc.dul.daemon = True  # a peer that hangs must not keep the process from ending
        self._connections.associate(event.assoc)

    def _readable(self, event: evt.Event, raw: bytes) -> bytes:
        """Return an A-ASSOCIATE-RQ as pynetdicom can read it, and remember it as it is."""
        connection = self._connections.of(event.assoc)
        if connection is None:
            return raw
        connection.request, connection.calling = raw, caller(raw).calling
        try:
            return negotiation.readable_request(raw)
        except BadPdu as error:
            self._tell(event, error.what)
            raise

    def _on_requested(self, event: evt.Event) -> None:
        connection = self._connections.of(event.assoc)
        if connection is None:
            return
        try:
            proposal = negotiation.read_request(connection.request)
        except BadPdu as error:
            self._abort(event, error.what)
            return
        with self._lock:
            rejection = negotiation.SHUTTING_DOWN if self._stopping else None
            rejection = rejection or self._application.admit(proposal, connection.address)
            rejection = rejection or negotiation.unusable(proposal)
            if rejection is None:
                connection.is_open = True
                self._application.opened(connection.calling)
                return
            self._application.refused(connection.calling, connection.address, rejection.why)
        self._reject(event, rejection)

    def _reject(self, event: evt.Event, rejection: Rejection) -> None:
        event.assoc.acse.send_reject(rejection.result, rejection.source, rejection.reason)
        event.assoc.kill()  # returns once it has been sent

    def _abort(self, event: evt.Event, why: str) -> None:
        self._tell(event, why)
        event.assoc.abort(block=False)

    def _tell(self, event: evt.Event, why: str) -> None:
        connection = self._connections.of(event.assoc)
        if connection is not None and not connection.is_told:
            connection.is_told = True
            with self._lock:
                self._application.refused(connection.calling, connection.address, why)

    def _on_data(self, event: evt.Event) -> None:
        """Bound what one message may bring, in one PDU or in many; let the peer go on at once."""
        connection = self._connections.of(event.assoc)
        if connection is not None:
            connection.acknowledge()
            connection.received += len(event.data)
            self._bound(event, connection)

    def _on_sent(self, event: evt.Event) -> None:
        """Give back the room of a large answer once its last piece is with the peer."""
        connection = self._connections.of(event.assoc) if event.data[:1] == _P_DATA_TF else None
        if connection is None or not connection.sends_large:
            return
        if any(value.is_last and not value.is_command for value in pdvs(bytes(event.data))):
            self._connections.sent(connection)

    def _bound(self, event: evt.Event, connection: Connection) -> None:
        most = min(self._limits.large_message_bytes, self._limits.max_message_bytes)
        if connection.received <= most:
            return
        if pynetdicom_requests.may_be_large(event.assoc.dimse.message):
            most = self._limits.max_message_bytes
        if connection.received > most:
            self._abort(event, f"a message of more than {most} bytes")
        elif not self._connections.take_place(connection, self._limits.idle_seconds):
            self._abort(event, "others sent large messages for too long")

    def _on_message(self, event: evt.Event) -> None:
        """Answer what pynetdicom has no handler for, and end what it would leave unanswered."""
        connection = self._connections.of(event.assoc)
        if connection is None:
            return
        pynetdicom_requests.bound_instance(event.message.command_set)
        asked: Any = event.message.message_to_primitive()
        self._connections.arrived(connection, asked.MessageID or 0)
        field = pynetdicom_requests.field(asked)
        if field is CommandField.C_CANCEL:
            return
        if field is None or not asked.is_valid_request:
            self._abort(event, "a request without all that one must have, or none at all")
            return
        contexts = {each.context_id: each for each in event.assoc.accepted_contexts}
        context = contexts.get(event.message.context_id)
        if context is None:
            return  # pynetdicom aborts
        request = pynetdicom_requests.request(asked, context.as_tuple, connection.calling)
        if not pynetdicom_requests.is_served(request):
            answer = pynetdicom_requests.refusal(asked, request, self._only(request))
            event.assoc.dimse.send_msg(answer, request.context.context_id)
            self._connections.answered(connection, request.command.message_id)
            del event.message.command_set.MessageID  # pynetdicom leaves alone what is no valid request

    def _on_transition(self, event: evt.Event) -> None:
        if event.action in {"AA-1", "AA-8"} and event.fsm_event != "Evt15":  # which is our own abort
            self._tell(event, _ABORTED_FOR)

    def _on_end(self, event: evt.Event) -> None:
        self._connections.close_association(event.assoc)

    def _on_close(self, event: evt.Event) -> None:
        self._connections.close_association(event.assoc)
        end_thread(event.assoc)

    # ------------------------------------------------------------------------------- requests

    def _on_echo(self, event: evt.Event) -> Dataset:
        return pynetdicom_requests.status(self._only(self._request(event)))

    def _on_n_service(self, event: evt.Event) -> tuple[Dataset, Dataset | None]:
        request, connection = self._request(event), self._connections.of(event.assoc)
        try:
            response = self._only(request)
        finally:
            self._connections.answered(connection, request.command.message_id)
        size = len(response.data or b"")
        if size > self._limits.large_message_bytes and not self._connections.take_room(connection, size):
            response = TOO_MANY_LARGE
        status = pynetdicom_requests.status(response)
        if response.sop_instance_uid and not request.command.sop_instance_uid:
            return status, pynetdicom_requests.made_instance(response)
        return status, pynetdicom_requests.data_set(response, implicit=request.context.implicit)

    def _on_find(self, event: evt.Event) -> Iterator[tuple[Dataset, Dataset | None]]:
        request = self._request(event)
        size = 0
        with contextlib.closing(self._responses(request, lambda: event.is_cancelled)) as responses:
            for response in responses:
                yield (
                    pynetdicom_requests.status(response),
                    pynetdicom_requests.data_set(response, implicit=request.context.implicit),
                )
                size += len(response.data or b"")
                if size > _SLICE_BYTES:
                    size = 0
                    _wait_until_sent(event)

    def _request(self, event: evt.Event) -> Request:
        connection = self._connections.of(event.assoc)
        calling = "" if connection is None else connection.calling
        return pynetdicom_requests.request(event.request, event.context, calling)

    def _only(self, request: Request) -> Response:
        *_, last = self._responses(request, lambda: False)
        return last

    def _responses(self, request: Request, is_cancelled: Callable[[], bool]) -> Generator[Response]:
        """Yield the responses up to the final one, and tell the application how it was answered."""
        began, answers = monotonic(), 0
        with self._counted(), self._drawn(request) as responses:
            for response in responses:
                if is_cancelled():
                    final = Response(CANCELLED)
                elif response is None:
                    continue
                elif response.status in PENDING:
                    answers += 1
                    yield response
                    continue
                else:
                    final = response
                with self._lock:
                    self._application.answered(request, final.status, monotonic() - began, answers)
                yield final
                return
        raise RuntimeError("an operation ended without a final response")

    @contextlib.contextmanager
    def _drawn(self, request: Request) -> Iterator[Iterator[Response | None]]:
        """Begin an operation, and let go of what it holds in the end."""
        with self._lock:
            operation = self._application.perform(request)
        if isinstance(operation, Future):
            yield iter((operation.result(),))
            return
        try:
            yield iter(lambda: self._next(operation), _Exhausted)
        finally:
            close = getattr(operation, "close", None)
            with self._lock:
                if close is not None:
                    close()

    def _next(self, operation: Iterator[Response | None]) -> Any:
        with self._lock:
            return next(operation, _Exhausted)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._idle:
            self._performing += 1
        try:
            yield
        finally:
            with self._idle:
                self._performing -= 1
                self._idle.notify_all()


class _Exhausted:
    """What comes after the last response."""


def _wait_until_sent(event: evt.Event) -> None:
    """Wait for the peer to take what was answered: no more is kept than a slice, and a C-CANCEL is read.

    A peer that takes nothing is given up by the time limit of its socket.
    """
    while not all_sent(event.assoc) and event.assoc.dul.is_alive() and not event.assoc.acse.is_aborted():
        sleep(_POLL_SECONDS)
    sleep(_POLL_SECONDS)
