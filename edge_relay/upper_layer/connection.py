"""One connection, as a value: bytes in, events out; a response in, bytes out; the time passed in. Pure.

    connection.receive(data, now)
    while (event := connection.next_event(now)) is not None:
        ...                                   # Proposed: decide(); Asked: respond(); the others: take note
    socket.send(connection.take_output())

There is no socket here, no event loop and no clock. Whoever has them passes bytes and the time in, and
carries out what the connection decides: the bytes to send, `holding` (read no further), `must_close`, and
the `deadline` after which to `abort`. Times are seconds, of any clock that only goes forward.

One request is answered at a time (no asynchronous operations window is negotiated, PS3.7 D.3.3.3); a peer
that sends more is read no further until it is its turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from edge_relay.upper_layer import negotiation
from edge_relay.upper_layer.application import Limits
from edge_relay.upper_layer.command import CommandField
from edge_relay.upper_layer.message import Assembler, LargeAnswers, LargeMessages, Place, Request
from edge_relay.upper_layer.needed_items import caller
from edge_relay.upper_layer.negotiation import Negotiator, Proposal, Rejection
from edge_relay.upper_layer.operation import PENDING, TOO_MANY_LARGE, Answered, Response, ResponseWriter
from edge_relay.upper_layer.pdu import (
    RELEASE_RP,
    AbortReason,
    BadPdu,
    Framer,
    Pdu,
    PduType,
    Pdv,
    abort,
    pdvs,
    reject,
)
from edge_relay.upper_layer.states import TABLE, Action, State

_SLICE_BYTES: Final = 32 * 1024  # then others, and a C-CANCEL, get their turn
_MOST_WAITING: Final = 4  # requests read ahead of the one being answered
_LONGEST_SENT: Final = 65_536  # to a peer that takes more, or names no limit

NOT_ASKED_FOR: Final = "no association was asked for in time"
PDU_LATE: Final = "a PDU did not arrive in time"
NOT_TAKEN: Final = "the peer does not take its answers"
IDLE: Final = "nothing was asked for too long"
NOT_CLOSED: Final = "the peer did not close the connection"


class Proposed(NamedTuple):
    """An association was asked for: `Connection.decide` answers, and nothing else happens before."""

    proposal: Proposal


class Opened(NamedTuple):
    """The association is open."""

    calling_ae_title: str


class Asked(NamedTuple):
    """A request is to be answered: `Connection.respond`, up to a final response; the next one comes after."""

    request: Request


class CancelAsked(NamedTuple):
    """A C-CANCEL came for the request being answered; who can cancel it responds with ``CANCELLED``."""

    request: Request


class Ended(NamedTuple):
    """The association is over, or will never be: nothing more is to be answered.

    :param was_open: whether `Opened` came before.
    :param why: why we refused or aborted it; empty if the peer ended it.
    """

    calling_ae_title: str
    was_open: bool
    why: str


Event = Proposed | Opened | Asked | CancelAsked | Ended
"""What happens on a connection."""


class Deadline(NamedTuple):
    """When a peer is too late, in the seconds of whoever passes the time in, and with what."""

    at: float
    why: str


class NothingAskedError(RuntimeError):
    """A response, or a decision, that nothing waits for: a fault of whoever drives the connection."""


class Connection:
    """One accepted connection, from its opening to its end.

    :param now: when it was opened.
    :param large: the places for large messages, of all connections together.
    :param answers: the room for large answers, likewise.
    """

    def __init__(
        self,
        negotiator: Negotiator,
        limits: Limits,
        now: float,
        large: LargeMessages | None = None,
        answers: LargeAnswers | None = None,
    ) -> None:
        self._negotiator: Final = negotiator
        self._limits: Final = limits
        self._place: Final = Place(large or LargeMessages())
        self._room: Final = answers or LargeAnswers()
        # An A-ASSOCIATE-RQ may be longer than the PDUs we ask for: 128 contexts are some 30 KB.
        self._framer: Final = Framer(max(limits.max_pdu_bytes, 65_536))
        self._assembler = Assembler({}, "", 0)
        self._values: Final[deque[Pdv]] = deque()  # of the last P-DATA-TF, not yet taken
        self._waiting: Final[deque[Request]] = deque()
        self._news: Final[deque[Event]] = deque()
        self._output: list[bytes] = []
        self._size = 0
        self._state = State.STA2  # Evt5: the transport connection is open
        self._actions: Mapping[PduType | None, Action] | None = TABLE[State.STA2]
        self._calling = ""
        self._proposal: Proposal | None = None  # to be decided on
        self._peer_max_pdu = limits.max_pdu_bytes
        self._answering: ResponseWriter | None = None
        self._answers = 0
        self._stopping = self._must_close = False
        self._writable = True
        self._since = self._pdu_since = self._blocked_since = self._began = now

    # ---------------------------------------------------------------------- how things stand

    @property
    def state(self) -> State:
        """Where the connection stands in PS3.8 Table 9-10."""
        return self._state

    @property
    def answering(self) -> Request | None:
        """The request that a response is awaited for."""
        return None if self._answering is None else self._answering.request

    @property
    def writable(self) -> bool:
        """Whether the peer takes what is sent; if not, no more is to be answered."""
        return self._writable

    @property
    def holding(self) -> bool:
        """Whether the peer is to be read no further: enough requests wait, or one for a place."""
        return self._place.is_awaited or len(self._waiting) >= _MOST_WAITING

    @property
    def slice_full(self) -> bool:
        """Whether so much waits to be sent that others should get their turn before the next response."""
        return self._size > _SLICE_BYTES

    @property
    def must_close(self) -> bool:
        """Whether we are to close the transport connection, once what waits has been sent."""
        return self._must_close

    @property
    def deadline(self) -> Deadline | None:
        """When the peer will be too late with what it owes us next; None if it owes nothing."""
        limits = self._limits
        if self._state is State.STA1:
            return None
        if self._state is State.STA13:
            # All is said: a peer that has not closed by then is not waited for until ARTIM ends.
            return Deadline(self._since + min(limits.artim_seconds, limits.pdu_seconds), NOT_CLOSED)
        owed = []
        if self._framer.partial and not self.holding:
            owed.append(Deadline(self._pdu_since + limits.pdu_seconds, PDU_LATE))
        if self._state is not State.STA6:
            owed.append(Deadline(self._since + limits.artim_seconds, NOT_ASKED_FOR))
        else:
            if not self._writable:
                owed.append(Deadline(self._blocked_since + limits.pdu_seconds, NOT_TAKEN))
            if self._answering is None and not self._place.is_awaited:
                owed.append(Deadline(self._since + limits.idle_seconds, IDLE))
        return min(owed, default=None)

    # ---------------------------------------------------------------------- what the peer does

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes that arrived; `next_event` tells what they mean."""
        if self._framer.add(data):
            self._pdu_since = now

    def next_event(self, now: float) -> Event | None:
        """Return what has happened next; None if nothing has, or nothing else may at the moment."""
        waiting, news = self._waiting, self._news
        while not news:
            if waiting and self._answering is None and self._writable:
                return self._begin(now)
            actions = self._actions
            if actions is None or len(waiting) >= _MOST_WAITING or not self._advance(actions, now):
                return None
        return news.popleft()

    def block(self, now: float) -> None:
        """Note that the peer does not keep up with what is sent."""
        self._writable = False
        self._blocked_since = now

    def unblock(self) -> None:
        """Note that the peer has taken what was sent."""
        self._writable = True
        self._room.give_back(self)

    def end_input(self, now: float) -> None:
        """Note that the peer will send no more, so that nobody may be answered at length."""
        self._leave(State.STA13, now)

    def close(self, now: float) -> None:
        """Note that the transport connection has gone: Evt17."""
        self._leave(State.STA1, now)

    # ---------------------------------------------------------------------- what we do

    def decide(self, rejection: Rejection | None, now: float) -> None:
        """Answer a `Proposed`: None accepts it, if its peer takes PDUs of a useful length.

        :raises NothingAskedError: if nothing was proposed.
        """
        proposal, self._proposal = self._proposal, None
        if proposal is None or self._state is not State.STA3:
            raise NothingAskedError("no association was proposed")
        rejection = rejection or negotiation.unusable(proposal)
        if rejection is not None:
            self._send(reject(rejection.result, rejection.source, rejection.reason))
            self._leave(State.STA13, now, rejection.why)
            return
        agreement = self._negotiator.agree(proposal)
        self._peer_max_pdu = min(proposal.max_pdu_bytes or _LONGEST_SENT, _LONGEST_SENT)
        most = self._limits.max_message_bytes
        large = self._limits.large_message_bytes
        self._assembler = Assembler(agreement.contexts, self._calling, min(large, most), most)
        self._send(agreement.answer)
        self._enter(State.STA6)
        self._since = now
        self._news.append(Opened(self._calling))

    def respond(self, response: Response, now: float) -> Answered | None:
        """Send a response to the request being answered; return how that was, if it is the final one.

        :raises NothingAskedError: if nothing is to be answered; after an `Ended` nothing ever is.
        """
        writer = self._answering
        if writer is None:
            raise NothingAskedError("no request waits for a response")
        size = len(response.data or b"")
        if size > self._limits.large_message_bytes and not self._room.take(self, size):
            response = TOO_MANY_LARGE
        data = writer.write(response)
        self._output.append(data)
        self._size += len(data)
        if response.status in PENDING:
            self._answers += 1
            return None
        self._answering = None
        self._since = now
        self._place.answered(writer.request.command.message_id)
        if self._stopping:
            self._abort_as_user(now)
        return Answered(writer.request, response.status, now - self._began, self._answers)

    def stop(self, now: float) -> None:
        """End when what is being answered has been; at once if nothing is."""
        self._stopping = True
        if self._answering is None:
            self._abort_as_user(now)

    def abort(self, why: str, now: float) -> None:
        """End at once; a peer that has asked for an association is told with an A-ABORT."""
        if self._state in {State.STA3, State.STA6} and self._writable:
            self._send(abort(AbortReason.NOT_SPECIFIED))
        self._leave(State.STA13, now, why)

    def take_output(self) -> bytes:
        """Return the bytes to send now, and forget them."""
        if not self._output:
            return b""
        output, self._output, self._size = b"".join(self._output), [], 0
        return output

    # ---------------------------------------------------------------------- requests in turn

    def _begin(self, now: float) -> Asked:
        if self.holding:
            self._pdu_since = now  # that it was read no further was not the peer's fault
        request = self._waiting.popleft()
        self._answering = ResponseWriter(request, self._peer_max_pdu)
        self._answers, self._began = 0, now
        return Asked(request)

    def _advance(self, actions: Mapping[PduType | None, Action], now: float) -> bool:
        """Take the next PDV or PDU; tell whether there was one."""
        try:
            if self._values:
                if not self._has_place(self._values[0], now):
                    return False
                self._take_value(self._values.popleft())
                return True
            pdu = self._framer.next()
            if pdu is None:
                return False
            self._pdu_since = now
            self._act(actions[pdu.type], pdu, now)
        except BadPdu as error:
            self._protest(actions[None], error.what, error.reason, now)
        return True

    def _take_value(self, value: Pdv) -> None:
        request = self._assembler.take(value)
        if request is None:
            return
        self._place.arrived(request.command.message_id)
        if request.command.field is not CommandField.C_CANCEL:
            self._waiting.append(request)
        elif self.answering and self.answering.command.message_id == request.command.message_id:
            self._news.append(CancelAsked(self.answering))
        # else it has been answered already (PS3.7 9.3.2.3)

    def _has_place(self, value: Pdv, now: float) -> bool:
        """Tell whether a value may be taken: a large message needs a place."""
        if self._assembler.size + len(value.data) <= self._limits.large_message_bytes:
            return True
        if self._place.is_awaited:  # that it is read no further is not the peer's fault
            self._pdu_since = self._since = now
        return self._place.take()

    # ---------------------------------------------------------------------- actions of the state table

    def _act(self, action: Action, pdu: Pdu, now: float) -> None:
        if action is Action.DT_2:
            self._values.extend(pdvs(pdu.raw))
        elif action is Action.AE_6:
            self._calling = caller(pdu.raw).calling
            self._proposal = negotiation.read_request(pdu.raw)
            self._enter(State.STA3)
            self._news.append(Proposed(self._proposal))
        elif action is Action.AR_2:
            self._send(RELEASE_RP)
            self._leave(State.STA13, now)
        elif action in {Action.AA_2, Action.AA_3}:
            self._must_close = True
            self._leave(State.STA13, now)
        elif action is not Action.AA_6:
            self._protest(action, f"an unexpected {pdu.type.name}", AbortReason.UNEXPECTED_PDU, now)

    def _protest(self, action: Action, what: str, reason: AbortReason, now: float) -> None:
        # AA-1 is the service user's abort, AA-7 and AA-8 the provider's (PS3.8 Table 9-9).
        if self._writable:  # a peer that sends and never reads must not make us keep aborts for it
            self._send(abort(reason, by_provider=action is not Action.AA_1))
        self._leave(State.STA13, now, what)

    def _abort_as_user(self, now: float) -> None:
        if self._state is State.STA6:
            self._send(abort(AbortReason.NOT_SPECIFIED, by_provider=False))
        self._must_close = True
        self._leave(State.STA13, now)

    def _leave(self, state: State, now: float, why: str = "") -> None:
        """Go to a state that ends the association, and forget what belongs to it."""
        if self._state not in {State.STA13, State.STA1}:
            calling = self._calling or caller(self._framer.begun).calling
            opened = [each for each in self._news if isinstance(each, Opened)]
            self._news.clear()
            self._news.extend((*opened, Ended(calling, self._state is State.STA6, why)))
        if self._state is not state:
            self._enter(state)
            self._since = now
        self._waiting.clear()
        self._values.clear()
        self._place.give_back()
        self._room.give_back(self)
        self._answering = self._proposal = None

    def _enter(self, state: State) -> None:
        self._state = state
        self._actions = TABLE.get(state)  # looked up once: a state's hash takes longer than a step

    def _send(self, data: bytes) -> None:
        self._output.append(data)
        self._size += len(data)
