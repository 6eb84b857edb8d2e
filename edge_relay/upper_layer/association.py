"""One connection: its state, its deadlines, its back-pressure, and the operation it waits for.

Everything here runs on the event loop's thread and never waits. An operation is either an iterator of
responses, drawn a slice at a time while the peer takes them, or a future another thread completes. One is
performed at a time (no asynchronous operations window is negotiated, PS3.7 D.3.3.3); a peer that sends more
is read no further until it is its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from edge_relay.upper_layer import negotiation
from edge_relay.upper_layer.application import Application, Limits
from edge_relay.upper_layer.command import CommandField
from edge_relay.upper_layer.message import Assembler, Request
from edge_relay.upper_layer.negotiation import Negotiator
from edge_relay.upper_layer.operation import CANCELLED, PENDING, Performance, Response
from edge_relay.upper_layer.pdu import (
    LEAST_PDU_BYTES,
    RELEASE_RP,
    AbortReason,
    BadPdu,
    Framer,
    Pdu,
    abort,
    pdvs,
    reject,
)
from edge_relay.upper_layer.states import TABLE, Action, State

log = logging.getLogger(__name__)

_SLICE_BYTES: Final = 32 * 1024  # then others, and a C-CANCEL, get their turn
_SLICE_SECONDS: Final = 0.004
_MOST_WAITING: Final = 4  # requests read ahead of the one being answered
_HIGH_WATER, _LOW_WATER = 128 * 1024, 32 * 1024
_LONGEST_SENT: Final = 65_536  # to a peer that takes more, or names no limit
_QUICK_ACK: Final = getattr(socket, "TCP_QUICKACK", None)


class Association(asyncio.Protocol):
    """One accepted connection.

    :param on_open: called once, when the connection stands (with TLS: after the handshake).
    :param on_close: called once, when the connection has gone.
    """

    def __init__(
        self,
        application: Application,
        negotiator: Negotiator,
        limits: Limits,
        on_open: Callable[[Association], None],
        on_close: Callable[[Association], None],
    ) -> None:
        self._application: Final = application
        self._negotiator: Final = negotiator
        self._limits: Final = limits
        self._on_open: Final = on_open
        self._on_close: Final = on_close
        self._loop: Final = asyncio.get_running_loop()
        # An A-ASSOCIATE-RQ may be longer than the PDUs we ask for: 128 contexts are some 30 KB.
        self._framer: Final = Framer(max(limits.max_pdu_bytes, 65_536))
        self._assembler = Assembler({}, "", limits.max_message_bytes)
        self._waiting: Final[deque[Request]] = deque()
        self._transport: Any = None
        self._socket: Any = None
        self._peer_max_pdu = limits.max_pdu_bytes
        self._calling = ""
        self._address = ""
        self._state = State.STA1
        self._stopping = False
        self._performing: Performance | None = None
        self._writable = True
        self._held = False  # we read no further, because requests wait
        self._since = self._pdu_since = self._paused_since = self._loop.time()

    # --------------------------------------------------------------------------------- asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: Evt5, the transport connection is open."""
        self._transport = transport
        self._transport.set_write_buffer_limits(_HIGH_WATER, _LOW_WATER)
        self._socket = transport.get_extra_info("socket")
        self._address = str((transport.get_extra_info("peername") or ("?",))[0])
        self._enter(State.STA2)
        self._acknowledge()
        self._on_open(self)

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        self._acknowledge()
        self._read(data)

    def eof_received(self) -> None:
        """Let the connection close: the peer will send no more, so nobody may be answered at length."""
        self._leave(State.STA13)

    def pause_writing(self) -> None:
        """Note that the peer does not keep up."""
        self._writable = False
        self._paused_since = self._loop.time()

    def resume_writing(self) -> None:
        """Go on: the peer has taken what was written."""
        self._writable = True
        if self._performing is None:
            self._next()
        else:
            self._pump()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """End: Evt17, the transport connection is closed."""
        self._leave(State.STA1)
        self._on_close(self)

    # --------------------------------------------------------------------------------- the listener, these

    def overdue(self, now: float) -> str:
        """Return what the peer is too late with, empty if with nothing; ``now`` is the event loop's time."""
        limits = self._limits
        if self._state is State.STA13:
            # All is said: a peer that has not closed by then is not waited for until ARTIM ends.
            patience = min(limits.artim_seconds, limits.pdu_seconds)
            return "the peer did not close the connection" if now - self._since > patience else ""
        if self._framer.partial and not self._held and now - self._pdu_since > limits.pdu_seconds:
            return "a PDU did not arrive in time"
        if self._state is State.STA2:
            return "no association was asked for in time" if now - self._since > limits.artim_seconds else ""
        if not self._writable and now - self._paused_since > limits.pdu_seconds:
            return "the peer does not take its answers"
        if self._performing is None and now - self._since > limits.idle_seconds:
            return "nothing was asked for too long"
        return ""

    def drop(self, why: str) -> None:
        """End the connection without waiting for anybody."""
        if self._state is not State.STA13:
            self._application.refused(self._calling, self._address, why)
        if self._state is State.STA6 and self._writable:
            self._transport.write(abort(AbortReason.NOT_SPECIFIED))
        self._leave(State.STA13)
        self._transport.abort()

    def stop(self) -> None:
        """End when what is being answered has been; at once if nothing is."""
        self._stopping = True
        if self._performing is None:
            self._abort_as_user()

    # -------------------------------------------------------------------------- actions of the state table

    def _read(self, data: bytes) -> None:
        """Take the PDUs that are complete, until enough requests wait or others should get their turn."""
        clock = self._loop.time
        until = clock() + _SLICE_SECONDS
        was_partial = self._framer.partial
        try:
            for pdu in self._framer.feed(data):
                was_partial = False
                self._take(pdu)
                if len(self._waiting) >= _MOST_WAITING or clock() > until:
                    self._hold()
                    break
        except BadPdu as error:
            self._act(TABLE[self._state][None] if self._state in TABLE else Action.AA_6, error)
        except Exception as error:  # noqa: BLE001  a fault of ours must not leave the peer hanging
            self._fault(error)
        if not was_partial:
            self._pdu_since = self._loop.time()

    def _take(self, pdu: Pdu) -> None:
        if self._state not in TABLE:
            return
        self._act(TABLE[self._state][pdu.type], pdu)

    def _act(self, action: Action, cause: Pdu | BadPdu) -> None:
        if action is Action.AA_6:
            return
        if isinstance(cause, BadPdu):
            self._protest(action, cause.what, cause.reason)
        elif action is Action.AE_6:
            self._negotiate(cause.raw)
        elif action is Action.DT_2:
            self._take_data(cause.raw)
        elif action is Action.AR_2:
            self._transport.write(RELEASE_RP)
            self._leave(State.STA13)
        elif action in {Action.AA_2, Action.AA_3}:
            self._leave(State.STA13)
            self._close()
        else:
            self._protest(action, f"an unexpected {cause.type.name}", AbortReason.UNEXPECTED_PDU)

    def _negotiate(self, raw: bytes) -> None:
        proposal = negotiation.read_request(raw)
        self._calling = proposal.calling_ae_title
        rejection = self._application.admit(proposal, self._address)
        if self._stopping:
            rejection = negotiation.SHUTTING_DOWN
        elif rejection is None and 0 < proposal.max_pdu_bytes < LEAST_PDU_BYTES:
            rejection = negotiation.PDU_TOO_SHORT
        if rejection is not None:
            self._application.refused(self._calling, self._address, rejection.why)
            self._transport.write(reject(rejection.result, rejection.source, rejection.reason))
            self._leave(State.STA13)
            return
        agreement = self._negotiator.agree(proposal)
        self._peer_max_pdu = min(proposal.max_pdu_bytes or _LONGEST_SENT, _LONGEST_SENT)
        self._assembler = Assembler(agreement.contexts, self._calling, self._limits.max_message_bytes)
        self._transport.write(agreement.answer)
        self._enter(State.STA6)
        self._application.opened(self._calling)

    def _take_data(self, raw: bytes) -> None:
        for pdv in pdvs(raw):
            request = self._assembler.take(pdv)
            if request is None:
                continue
            if request.command.field is CommandField.C_CANCEL:
                self._cancel(request.command.message_id)
            elif self._performing is None and not self._waiting and self._writable:
                self._begin(request)
            else:
                self._waiting.append(request)
            if self._state is not State.STA6:
                return  # it went wrong, and what else the PDU holds is nobody's

    def _protest(self, action: Action, what: str, reason: AbortReason) -> None:
        if action is not Action.AA_7:
            self._application.refused(self._calling, self._address, what)
        # AA-1 is the service user's abort, AA-7 and AA-8 the provider's (PS3.8 Table 9-9).
        if self._writable:  # a peer that sends and never reads must not make us keep aborts for it
            self._transport.write(abort(reason, by_provider=action is not Action.AA_1))
        self._leave(State.STA13)

    def _abort_as_user(self) -> None:
        if self._state is State.STA6:
            self._transport.write(abort(AbortReason.NOT_SPECIFIED, by_provider=False))
        self._leave(State.STA13)
        self._close()

    def _close(self) -> None:
        # Closed twice, a transport of asyncio's TLS lets go of its socket and can be aborted no more.
        if not self._transport.is_closing():
            self._transport.close()

    def _fault(self, error: Exception) -> None:
        log.error("internal fault in an association (%s); aborted", type(error).__name__)
        if self._state in TABLE:
            self._protest(Action.AA_8, "internal fault", AbortReason.NOT_SPECIFIED)

    def _enter(self, state: State) -> None:
        self._state = state
        self._since = self._loop.time()

    def _leave(self, state: State) -> None:
        """Go to a state that ends the association, and end what belongs to it."""
        if self._state is State.STA6:
            self._application.closed(self._calling)
        if self._state is not state:
            self._enter(state)
        self._waiting.clear()
        self._release()
        if self._performing is not None:
            self._performing.end()
            self._performing = None

    def _hold(self) -> None:
        self._held = True
        self._transport.pause_reading()
        self._loop.call_soon(self._next)

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._pdu_since = self._loop.time()
            self._transport.resume_reading()

    def _acknowledge(self) -> None:
        # Linux forgets this option after a while; without it the peer's next write waits 40 ms for an ACK.
        if _QUICK_ACK is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    # ------------------------------------------------------------------------------------------ operations

    def _begin(self, request: Request) -> None:
        self._performing = performance = Performance(request, self._loop.time())
        operation = self._application.perform(request)
        performance.operation = operation
        if isinstance(operation, Future):
            operation.add_done_callback(lambda _: self._post(performance))
        else:
            self._pump()

    def _post(self, performance: Performance) -> None:
        """Hand a completed future over to the event loop; called on whichever thread completed it."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the association with it
            self._loop.call_soon_threadsafe(self._completed, performance)

    def _completed(self, performance: Performance) -> None:
        if self._performing is not performance or not isinstance(performance.operation, Future):
            return  # the association has ended meanwhile
        try:
            response = performance.operation.result()
            self._transport.write(performance.encode(response, self._peer_max_pdu))
            self._finish(response.status)
        except Exception as error:  # noqa: BLE001  nobody is left to raise it to
            self._fault(error)

    def _pump(self) -> None:
        """Send the next slice of what the operation yields; come back if there is more."""
        performance = self._performing
        if performance is None or isinstance(performance.operation, Future) or not self._writable:
            return
        try:
            status = self._send_slice(performance)
            if status is not None:
                self._finish(status)
        except Exception as error:  # noqa: BLE001  nobody is left to raise it to
            self._fault(error)
            return
        if status is None and self._writable:
            self._loop.call_soon(self._pump_again, performance)

    def _pump_again(self, performance: Performance) -> None:
        if self._performing is performance:
            self._pump()

    def _send_slice(self, performance: Performance) -> int | None:
        """Send some responses; return the final status if it was among them."""
        clock, longest = self._loop.time, self._peer_max_pdu
        until = clock() + _SLICE_SECONDS
        out: list[bytes] = []
        size = 0
        final = None
        for response in performance.responses():
            if response is not None:
                encoded = performance.encode(response, longest)
                out.append(encoded)
                size += len(encoded)
                if response.status not in PENDING:
                    final = response.status
                    break
                performance.answers += 1
            if size > _SLICE_BYTES or clock() > until:
                break
        else:
            raise RuntimeError("an operation ended without a final response")
        self._transport.write(b"".join(out))
        return final

    def _cancel(self, message_id: int) -> None:
        performance = self._performing
        if (
            performance is None
            or performance.request.command.message_id != message_id
            or isinstance(performance.operation, Future)
        ):
            return  # it has been answered already, or cannot be cancelled (PS3.7 9.3.2.3)
        performance.end()
        self._transport.write(performance.encode(Response(CANCELLED), self._peer_max_pdu))
        self._finish(CANCELLED)

    def _finish(self, status: int) -> None:
        performance = self._performing
        if performance is None:
            return
        now = self._loop.time()
        self._performing = None
        performance.end()
        self._since = now
        self._application.answered(performance.request, status, now - performance.began, performance.answers)
        if self._stopping:
            self._abort_as_user()
        elif self._waiting:
            self._loop.call_soon(self._next)  # not at once: others get their turn between two requests

    def _next(self) -> None:
        """Begin the request that has waited longest; read on if few enough wait."""
        try:
            if self._waiting and self._performing is None and self._writable:
                self._begin(self._waiting.popleft())
        except Exception as error:  # noqa: BLE001  nobody is left to raise it to
            self._fault(error)
        if self._held and len(self._waiting) < _MOST_WAITING:
            self._release()
            self._read(b"")
