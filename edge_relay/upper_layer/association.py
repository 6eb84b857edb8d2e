"""One connection on the event loop: what a `Connection` decides, done with a socket and a clock.

Everything here runs on the event loop's thread and never waits. An operation is either an iterator of
responses, drawn a slice at a time while the peer takes them, or a future another thread completes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from edge_relay.upper_layer.application import Application, Limits, address_of
from edge_relay.upper_layer.connection import (
    Asked,
    CancelAsked,
    Connection,
    Ended,
    Event,
    Opened,
    Proposed,
)
from edge_relay.upper_layer.message import LargeAnswers, LargeMessages, Request
from edge_relay.upper_layer.negotiation import Negotiator
from edge_relay.upper_layer.operation import CANCELLED, Answered, Operation, Response
from edge_relay.upper_layer.states import State

log = logging.getLogger(__name__)

_TURN_SECONDS: Final = 0.004  # then other connections get theirs
_HIGH_WATER, _LOW_WATER = 128 * 1024, 32 * 1024
_QUICK_ACK: Final = getattr(socket, "TCP_QUICKACK", None)


class Association(asyncio.Protocol):
    """One accepted connection.

    :param on_open: called once, when the connection stands (with TLS: after the handshake).
    :param on_close: called once, when the connection has gone.
    :param large: the places for large messages, of all connections together.
    :param answers: the room for large answers, likewise.
    """

    def __init__(
        self,
        application: Application,
        negotiator: Negotiator,
        limits: Limits,
        on_open: Callable[[Association], None],
        on_close: Callable[[Association], None],
        large: LargeMessages | None = None,
        answers: LargeAnswers | None = None,
    ) -> None:
        self._application: Final = application
        self._on_open: Final = on_open
        self._on_close: Final = on_close
        self._loop: Final = asyncio.get_running_loop()
        self._clock: Final = self._loop.time
        self._connection: Final = Connection(negotiator, limits, self._clock(), large, answers)
        self._transport: Any = None
        self._socket: Any = None
        self._address = ""
        self._operation: Operation | None = None
        self._paused = False  # reading
        self._turn_due = False

    # --------------------------------------------------------------------------------- asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        self._transport.set_write_buffer_limits(_HIGH_WATER, _LOW_WATER)
        self._socket = transport.get_extra_info("socket")
        self._address = address_of(transport.get_extra_info("peername") or ("?",))
        self._acknowledge()
        self._on_open(self)

    def data_received(self, data: bytes) -> None:
        """Take what arrived."""
        self._acknowledge()
        now = self._clock()
        self._connection.receive(data, now)
        self._work(now)

    def eof_received(self) -> None:
        """Let the connection close: the peer will send no more."""
        now = self._clock()
        self._connection.end_input(now)
        self._work(now)

    def pause_writing(self) -> None:
        """Note that the peer does not keep up."""
        self._connection.block(self._clock())

    def resume_writing(self) -> None:
        """Go on: the peer has taken what was written."""
        self._connection.unblock()
        self._turn_soon()  # not now: TLS calls this from within a write

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """End."""
        now = self._clock()
        self._connection.close(now)
        self._work(now)
        self._on_close(self)

    # --------------------------------------------------------------------------------- the listener, these

    def overdue(self, now: float) -> str:
        """Return what the peer is too late with, empty if with nothing; ``now`` is the event loop's time."""
        deadline = self._connection.deadline
        return deadline.why if deadline is not None and now > deadline.at else ""

    def look_for_a_place(self) -> None:
        """Go on with a large message that has been waiting, if there is a place for it now."""
        if self._connection.holding:
            self._turn_soon()

    def drop(self, why: str) -> None:
        """End the connection without waiting for anybody."""
        now = self._clock()
        self._connection.abort(why, now)
        self._work(now)
        self._transport.abort()

    def stop(self) -> None:
        """End when what is being answered has been; at once if nothing is."""
        now = self._clock()
        self._connection.stop(now)
        self._work(now)

    # --------------------------------------------------------------------------------- one turn

    def _turn_soon(self) -> None:
        if not self._turn_due:
            self._turn_due = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_due = False
        self._work(self._clock(), draw=True)

    def _work(self, now: float, *, draw: bool = False) -> None:
        """Handle what has happened, until nothing more has or others should get their turn.

        :param draw: send a slice first of the answer that is under way.
        """
        until = now + _TURN_SECONDS
        busy = False
        try:
            if draw:
                self._draw(until)
            while not busy and (event := self._connection.next_event(now)) is not None:
                self._handle(event, now, until)
                now = self._clock()
                busy = now > until
        except Exception as error:  # noqa: BLE001  a fault of ours must not leave the peer hanging
            self._fault(error)
            busy = True
        self._flush()  # not before what it says has been noted
        self._settle(busy)

    def _fault(self, error: Exception) -> None:
        log.error("internal fault in an association (%s); aborted", type(error).__name__)
        self._release()
        self._connection.abort("internal fault", self._clock())

    def _handle(self, event: Event, now: float, until: float) -> None:
        if isinstance(event, Asked):
            self._begin(event.request, until)
        elif isinstance(event, Proposed):
            self._connection.decide(self._application.admit(event.proposal, self._address), now)
        elif isinstance(event, Opened):
            self._application.opened(event.calling_ae_title)
        elif isinstance(event, CancelAsked):
            self._cancel(now)
        else:
            self._ended(event)

    def _flush(self) -> None:
        if output := self._connection.take_output():
            self._transport.write(output)
            if len(output) > _HIGH_WATER and self._connection.writable:  # all of it is with the system
                self._connection.unblock()

    def _settle(self, busy: bool) -> None:
        """Arrange for the next turn, and for what is read until then."""
        connection = self._connection
        if connection.state is not State.STA1:
            paused = busy or connection.holding
            if paused is not self._paused:
                self._pause(paused)
            if busy or (self._operation is not None and self._can_draw):
                self._turn_soon()
        # Closed twice, a transport of asyncio's TLS lets go of its socket and can be aborted no more.
        if connection.must_close and not self._transport.is_closing():
            self._transport.close()

    def _pause(self, paused: bool) -> None:
        self._paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _acknowledge(self) -> None:
        # Linux forgets this option after a while; without it the peer's next write waits 40 ms for an ACK.
        if _QUICK_ACK is not None:
            try:  # noqa: SIM105  for every read: the context manager takes longer than the call
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
            except OSError:
                pass  # the connection has gone, as will be told

    # --------------------------------------------------------------------------------- operations

    def _begin(self, request: Request, until: float) -> None:
        self._operation = operation = self._application.perform(request)
        if isinstance(operation, Future):
            operation.add_done_callback(self._post)
        else:
            self._draw(until)

    @property
    def _can_draw(self) -> bool:
        operation = self._operation
        return operation is not None and not isinstance(operation, Future) and self._connection.writable

    def _draw(self, until: float) -> None:
        """Send some of what the operation yields."""
        operation, connection, clock = self._operation, self._connection, self._clock
        if operation is None or isinstance(operation, Future) or not connection.writable:
            return
        for response in operation:
            now = clock()
            if response is not None:
                answered = connection.respond(response, now)
                if answered is not None:
                    self._answered(answered)
                    break
            if now > until or connection.slice_full:
                break
        else:
            raise RuntimeError("an operation ended without a final response")
        self._flush()

    def _post(self, operation: Future[Response]) -> None:
        """Hand a completed future over to the event loop; called on whichever thread completed it."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the association with it
            self._loop.call_soon_threadsafe(self._completed, operation)

    def _completed(self, operation: Future[Response]) -> None:
        if self._operation is not operation:
            return  # the association has ended meanwhile
        try:
            answered = self._connection.respond(operation.result(), self._clock())
            if answered is not None:
                self._answered(answered)
        except Exception as error:  # noqa: BLE001  nobody is left to raise it to
            self._fault(error)
        self._flush()
        self._work(self._clock())

    def _cancel(self, now: float) -> None:
        if not isinstance(self._operation, Future):  # those cannot be cancelled (PS3.7 9.3.2.3)
            answered = self._connection.respond(Response(CANCELLED), now)
            if answered is not None:
                self._answered(answered)

    def _answered(self, answered: Answered) -> None:
        self._release()
        self._application.answered(*answered)

    def _ended(self, event: Ended) -> None:
        self._release()
        if event.was_open:
            self._application.closed(event.calling_ae_title)
        if event.why:
            self._application.refused(event.calling_ae_title, self._address, event.why)

    def _release(self) -> None:
        """Let go of what the operation holds, for instance a cursor of the worklist."""
        operation, self._operation = self._operation, None
        try:
            close = getattr(operation, "close", None)
            if close is not None:
                close()
        except Exception as error:  # noqa: BLE001  the association ends or goes on in any case
            log.error("an operation did not end well (%s)", type(error).__name__)  # noqa: TRY400  no values
