"""The connection as a value: bytes and the time in, events and bytes out, with no socket anywhere."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edge_relay.upper_layer import connection as module
from edge_relay.upper_layer.application import Limits
from edge_relay.upper_layer.connection import (
    IDLE,
    NOT_ASKED_FOR,
    NOT_CLOSED,
    NOT_TAKEN,
    PDU_LATE,
    Asked,
    CancelAsked,
    Connection,
    Deadline,
    Ended,
    Event,
    NothingAskedError,
    Opened,
    Proposed,
)
from edge_relay.upper_layer.message import LargeAnswers, LargeMessages
from edge_relay.upper_layer.negotiation import LIMIT_REACHED, PDU_TOO_SHORT, Negotiator, Rejection
from edge_relay.upper_layer.operation import CANCELLED, Answered, Response
from edge_relay.upper_layer.pdu import AbortReason, Framer, PduType, abort, data_pdus, pdvs
from edge_relay.upper_layer.states import TABLE, Action, State
from tests.fuzz import corpus
from tests.rigs.upper_layer import (
    PENDING,
    RELEASE_RQ,
    SUCCESS,
    VERIFICATION,
    WORKLIST,
    cancel,
    echo,
    find,
    request,
)

LIMITS = Limits(artim_seconds=30, idle_seconds=60, pdu_seconds=10)
OFFERED = Negotiator([VERIFICATION, WORKLIST], LIMITS.max_pdu_bytes)
ABORT = b"\x07\0\0\0\0\x04\0\0\0\0"


def connected(now: float = 0.0) -> Connection:
    return Connection(OFFERED, LIMITS, now)


def events(connection: Connection, data: bytes = b"", now: float = 0.0) -> list[Event]:
    """Return what happens, accepting an association that is asked for and answering nothing."""
    found = []
    connection.receive(data, now)
    while (event := connection.next_event(now)) is not None:
        found.append(event)
        if isinstance(event, Proposed):
            connection.decide(None, now)
    return found


def associated(now: float = 0.0) -> Connection:
    connection = connected(now)
    assert [type(each) for each in events(connection, request(), now)] == [Proposed, Opened]
    assert sent(connection) == [PduType.A_ASSOCIATE_AC]
    return connection


def asked(connection: Connection, data: bytes, now: float = 0.0) -> None:
    (event,) = events(connection, data, now)
    assert isinstance(event, Asked)


def sent(connection: Connection) -> list[PduType]:
    return [pdu.type for pdu in Framer(1 << 24).feed(connection.take_output())]


def message_ids(found: list[Event]) -> list[int]:
    return [each.request.command.message_id for each in found if isinstance(each, Asked)]


# ----------------------------------------------------------------------------- it is pure


def test_it_imports_no_socket_no_event_loop_and_no_clock() -> None:
    tree = ast.parse(inspect.getsource(module))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [each.name for each in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        )
    }
    assert names == {"__future__", "collections", "typing", "edge_relay"}


# ----------------------------------------------------------------------------- associations


def test_an_association_is_proposed_decided_on_and_open() -> None:
    connection = connected()
    states = [connection.state]
    connection.receive(request(), 0)
    proposed = connection.next_event(0)
    assert isinstance(proposed, Proposed)
    assert proposed.proposal.calling_ae_title == "SCANNER1"
    states.append(connection.state)
    assert connection.next_event(0) is None
    connection.decide(None, 0)
    assert connection.next_event(0) == Opened("SCANNER1")
    states.append(connection.state)
    assert states == [State.STA2, State.STA3, State.STA6]


@pytest.mark.parametrize("rejection", [LIMIT_REACHED, PDU_TOO_SHORT])
def test_a_rejection_is_sent_with_its_reason_and_told_with_its_words(rejection: Rejection) -> None:
    connection = connected()
    connection.receive(request(longest=7 if rejection is PDU_TOO_SHORT else 16_384), 0)
    connection.next_event(0)
    connection.decide(None if rejection is PDU_TOO_SHORT else rejection, 0)
    assert connection.take_output()[-3:] == bytes((rejection.result, rejection.source, rejection.reason))
    assert connection.next_event(0) == Ended("SCANNER1", was_open=False, why=rejection.why)
    assert connection.state is State.STA13


def test_what_comes_with_the_request_waits_for_the_decision() -> None:
    connection = connected()
    connection.receive(request() + echo(1), 0)
    assert isinstance(connection.next_event(0), Proposed)
    assert connection.next_event(0) is None
    connection.decide(None, 0)
    assert [type(each) for each in events(connection)] == [Opened, Asked]


def test_a_release_is_answered_and_the_peer_closes() -> None:
    connection = associated()
    assert events(connection, RELEASE_RQ) == [Ended("SCANNER1", was_open=True, why="")]
    assert sent(connection) == [PduType.A_RELEASE_RP]
    assert not connection.must_close


def test_after_an_abort_of_the_peer_we_close() -> None:
    connection = associated()
    assert events(connection, ABORT) == [Ended("SCANNER1", was_open=True, why="")]
    assert sent(connection) == []
    assert connection.must_close


def test_what_is_no_pdu_is_answered_with_an_abort_once() -> None:
    connection = associated()
    assert events(connection, b"\x99" + bytes(5)) == [
        Ended("SCANNER1", was_open=True, why="a PDU of unknown type")
    ]
    assert events(connection, b"\x99" + bytes(5)) == []
    assert sent(connection) == [PduType.A_ABORT]


def test_a_peer_that_leaves_ends_its_association_once() -> None:
    connection = associated()
    connection.end_input(1)
    connection.close(2)
    assert events(connection) == [Ended("SCANNER1", was_open=True, why="")]
    assert connection.state is State.STA1
    assert connection.deadline is None
    assert events(connection, echo(1)) == []


def test_the_end_is_told_after_the_opening_even_if_nobody_had_asked_for_that_yet() -> None:
    connection = connected()
    connection.receive(request(), 0)
    connection.next_event(0)
    connection.decide(None, 0)
    connection.abort("enough", 0)
    assert events(connection) == [Opened("SCANNER1"), Ended("SCANNER1", was_open=True, why="enough")]


def test_nothing_is_decided_twice_or_unasked() -> None:
    with pytest.raises(NothingAskedError):
        associated().decide(None, 0)
    with pytest.raises(NothingAskedError):
        connected().decide(None, 0)


# ----------------------------------------------------------------------------- the state table

DONE: dict[Action, Callable[[Connection, list[Event], list[PduType]], bool]] = {
    Action.AE_6: lambda c, e, s: c.state is State.STA6 and s == [PduType.A_ASSOCIATE_AC],
    Action.DT_2: lambda c, e, s: c.state is State.STA6 and len(message_ids(e)) == 1 and s == [],
    Action.AR_2: lambda c, e, s: c.state is State.STA13 and s == [PduType.A_RELEASE_RP],
    Action.AA_1: lambda c, e, s: c.state is State.STA13 and s == [PduType.A_ABORT] and bool(_ended(e).why),
    Action.AA_2: lambda c, e, s: c.must_close and s == [],
    Action.AA_3: lambda c, e, s: c.must_close and s == [] and not _ended(e).why,
    Action.AA_6: lambda c, e, s: c.state is State.STA13 and s == [] and e == [],
    Action.AA_7: lambda c, e, s: c.state is State.STA13 and s == [PduType.A_ABORT] and e == [],
    Action.AA_8: lambda c, e, s: c.state is State.STA13 and s == [PduType.A_ABORT] and _ended(e).was_open,
}
"""What each action of PS3.8 Tables 9-6 to 9-9 comes to, as seen from outside."""

ARRIVING: dict[PduType | None, bytes] = {
    PduType.A_ASSOCIATE_RQ: request(),
    PduType.A_ASSOCIATE_AC: b"\x02\0\0\0\0\x04\0\0\0\0",
    PduType.A_ASSOCIATE_RJ: b"\x03\0\0\0\0\x04\0\1\1\1",
    PduType.P_DATA_TF: echo(1),
    PduType.A_RELEASE_RQ: RELEASE_RQ,
    PduType.A_RELEASE_RP: b"\x06\0\0\0\0\x04\0\0\0\0",
    PduType.A_ABORT: ABORT,
    None: b"\x99" + bytes(5),
}


def _ended(found: list[Event]) -> Ended:
    (ended,) = [each for each in found if isinstance(each, Ended)]
    return ended


def _released() -> Connection:
    connection = associated()
    events(connection, RELEASE_RQ)
    connection.take_output()
    return connection


REACHED = {State.STA2: connected, State.STA6: associated, State.STA13: _released}


@pytest.mark.parametrize("state", TABLE, ids=lambda state: state.name)
@pytest.mark.parametrize("arriving", ARRIVING, ids=lambda kind: kind.name if kind else "no PDU")
def test_every_cell_of_the_state_table_is_acted_on(state: State, arriving: PduType | None) -> None:
    connection = REACHED[state]()
    assert connection.state is state
    found = events(connection, ARRIVING[arriving])
    assert DONE[TABLE[state][arriving]](connection, found, sent(connection)), found


def source(connection: Connection) -> int:
    """Who the A-ABORT that is sent says it is from (PS3.8 Table 9-26)."""
    return connection.take_output()[-2]


def test_an_abort_says_whether_the_user_or_the_provider_sends_it() -> None:
    early, late = connected(), associated()
    events(early, RELEASE_RQ)  # AA-1
    events(late, request())  # AA-8
    assert (source(early), source(late)) == (0, 2)


# ----------------------------------------------------------------------------- requests and responses


def test_a_request_is_answered_with_a_slice_of_responses_and_told_how() -> None:
    connection = associated()
    asked(connection, find(5, b"who?"), now=1.0)
    for _ in range(3):
        assert connection.respond(Response(PENDING, b"somebody"), 2.0) is None
    answered = connection.respond(Response(SUCCESS), 3.5)
    assert answered is not None
    assert answered[1:] == (SUCCESS, 2.5, 3)
    assert sent(connection) == [PduType.P_DATA_TF] * 7
    assert connection.answering is None


def test_a_slice_is_full_when_others_should_get_their_turn() -> None:
    connection = associated()
    asked(connection, find(1, b"who?"))
    count = 0
    while not connection.slice_full:
        connection.respond(Response(PENDING, bytes(4000)), 0)
        count += 1
    assert 8 <= count <= 9
    connection.take_output()
    assert not connection.slice_full


def test_no_response_is_in_a_pdu_longer_than_the_peer_takes() -> None:
    connection = connected()
    events(connection, request(longest=1024))
    connection.take_output()
    asked(connection, find(1, b"who?"))
    connection.respond(Response(PENDING, bytes(10_000)), 0)
    pdus = list(Framer(1 << 24).feed(connection.take_output()))
    assert max(len(pdu.raw) - 6 for pdu in pdus) <= 1024
    assert sum(len(value.data) for pdu in pdus for value in pdvs(pdu.raw) if not value.is_command) == 10_000


def test_the_next_request_comes_after_the_final_response() -> None:
    connection = associated()
    asked(connection, echo(1) + echo(2))
    assert connection.next_event(0) is None
    connection.respond(Response(SUCCESS), 0)
    assert message_ids(events(connection)) == [2]


def test_a_peer_that_asks_for_much_is_read_no_further_until_it_is_its_turn() -> None:
    connection = associated()
    asked(connection, b"".join(echo(number) for number in range(1, 10)))
    assert connection.holding
    order = [1]
    while connection.answering is not None:
        connection.respond(Response(SUCCESS), 0)
        order += message_ids(events(connection))
    assert order == list(range(1, 10))
    assert not connection.holding


def test_a_peer_that_does_not_take_its_answers_has_nothing_more_answered() -> None:
    connection = associated()
    asked(connection, echo(1))
    connection.respond(Response(SUCCESS), 0)
    connection.block(0)
    assert events(connection, echo(2)) == []
    connection.unblock()
    assert message_ids(events(connection)) == [2]


def test_a_cancel_of_the_request_being_answered_is_asked_for() -> None:
    connection = associated()
    asked(connection, find(7, b"who?"))
    (event,) = events(connection, cancel(7))
    assert isinstance(event, CancelAsked)
    answered = connection.respond(Response(CANCELLED), 0)
    assert answered is not None
    assert answered.status == CANCELLED


@pytest.mark.parametrize("message_id", [1, 8])
def test_a_cancel_of_another_request_is_nobodys(message_id: int) -> None:
    connection = associated()
    asked(connection, find(7, b"who?"))
    assert events(connection, cancel(message_id)) == []
    connection.respond(Response(SUCCESS), 0)
    assert events(connection, cancel(7)) == []


def test_the_pending_responses_are_counted_for_each_request_anew() -> None:
    connection = associated()
    for expected in (2, 1):
        asked(connection, find(1, b"who?"))
        for _ in range(expected):
            connection.respond(Response(PENDING, b"somebody"), 0)
        answered = connection.respond(Response(SUCCESS), 0)
        assert answered is not None
        assert answered.answers == expected


def test_of_two_requests_in_one_pdu_the_second_is_not_asked_after_the_end() -> None:
    connection = associated()
    first, second = echo(1)[6:], echo(2)[6:]
    connection.receive(b"\x04\0" + (len(first) + len(second)).to_bytes(4, "big") + first + second, 0)
    assert isinstance(connection.next_event(0), Asked)
    connection.abort("enough", 0)
    assert [type(each) for each in events(connection)] == [Ended]
    assert connection.state is State.STA13


def test_a_peer_that_takes_nothing_is_not_sent_an_abort_for_all_it_sends() -> None:
    connection = associated()
    events(connection, RELEASE_RQ)
    connection.take_output()
    connection.block(0)
    events(connection, request() * 100)
    assert connection.take_output() == b""


def test_what_came_before_a_fault_in_the_same_pdu_is_asked_first() -> None:
    connection = associated()
    first, second = echo(1)[6:], data_pdus(99, b"?", 1024, is_command=True)[6:]
    both = b"\x04\0" + (len(first) + len(second)).to_bytes(4, "big") + first + second
    connection.receive(both, 0)
    assert isinstance(connection.next_event(0), Asked)
    connection.respond(Response(SUCCESS), 0)
    assert _ended(events(connection)).why == "a PDV of a context that was not accepted"


# ----------------------------------------------------------------------------- deadlines


def test_who_connects_must_ask_for_an_association() -> None:
    assert connected(5).deadline == Deadline(35, NOT_ASKED_FOR)


def test_a_pdu_must_arrive_from_its_first_byte_on() -> None:
    connection = connected(5)
    assert events(connection, request()[:3], now=7) == []
    assert events(connection, request()[3:20], now=16) == []
    assert connection.deadline == Deadline(17, PDU_LATE)


def test_the_next_pdu_has_a_deadline_of_its_own() -> None:
    connection = connected(0)
    events(connection, request()[:3], now=0)
    events(connection, request()[3:] + echo(1)[:4], now=9)
    assert connection.deadline == Deadline(19, PDU_LATE)


def test_an_association_must_be_used() -> None:
    connection = associated(100)
    assert connection.deadline == Deadline(160, IDLE)
    asked(connection, echo(1), now=150)
    waiting_for_us = connection.deadline
    connection.respond(Response(SUCCESS), 155)
    assert [waiting_for_us, connection.deadline] == [None, Deadline(215, IDLE)]


def test_answers_must_be_taken() -> None:
    connection = associated(0)
    asked(connection, find(1, b"who?"), now=1)
    connection.block(2)
    assert connection.deadline == Deadline(12, NOT_TAKEN)
    connection.unblock()
    assert connection.deadline is None


def test_a_peer_we_do_not_read_owes_us_no_pdu() -> None:
    connection = associated(0)
    asked(connection, b"".join(echo(number) for number in range(1, 7)) + echo(7)[:5], now=1)
    assert (connection.holding, connection.deadline) == (True, None)
    connection.respond(Response(SUCCESS), 50)
    events(connection, now=50)
    connection.respond(Response(SUCCESS), 51)
    events(connection, now=51)
    assert connection.deadline == Deadline(61, PDU_LATE)


def test_when_all_is_said_the_peer_must_close() -> None:
    connection = associated(0)
    events(connection, RELEASE_RQ, now=20)
    assert connection.deadline == Deadline(30, NOT_CLOSED)


@pytest.mark.parametrize("ask", [False, True], ids=["silent", "associated"])
def test_only_who_has_asked_for_an_association_is_told_that_it_is_over(ask: bool) -> None:
    connection = associated() if ask else connected()
    connection.abort("enough", 1)
    assert sent(connection) == ([PduType.A_ABORT] if ask else [])
    assert _ended(events(connection)) == Ended("SCANNER1" if ask else "", was_open=ask, why="enough")


# ----------------------------------------------------------------------------- the end


def test_stopping_ends_an_idle_association_at_once() -> None:
    connection = associated()
    connection.stop(1)
    assert connection.take_output() == abort(AbortReason.NOT_SPECIFIED, by_provider=False)
    assert connection.must_close
    assert _ended(events(connection)).why == ""


def test_stopping_lets_what_is_being_answered_end_and_nothing_more() -> None:
    connection = associated()
    asked(connection, find(1, b"who?") + echo(2))
    connection.stop(1)
    assert connection.answering is not None
    connection.respond(Response(PENDING, b"somebody"), 2)
    connection.respond(Response(SUCCESS), 2)
    assert sent(connection)[-1] is PduType.A_ABORT
    assert connection.must_close
    assert message_ids(events(connection)) == []


ENDINGS: dict[str, Callable[[Connection], Any]] = {
    "release": lambda c: events(c, RELEASE_RQ),
    "abort": lambda c: events(c, ABORT),
    "junk": lambda c: events(c, b"GET / HTTP/1.1\r\n"),
    "ours": lambda c: c.abort("enough", 0),
    "end of input": lambda c: c.end_input(0),
    "close": lambda c: c.close(0),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_nothing_is_answered_after_the_end(end: Callable[[Connection], Any]) -> None:
    connection = associated()
    asked(connection, find(1, b"who?") + echo(2))
    end(connection)
    connection.take_output()
    with pytest.raises(NothingAskedError):
        connection.respond(Response(SUCCESS), 0)
    assert message_ids(events(connection, echo(3))) == []
    assert connection.take_output() == b""


# ----------------------------------------------------------------------------- however the bytes are cut

PIECES = st.one_of(
    st.sampled_from(
        [
            echo(1),
            find(2, b"a"),
            find(3, b"many"),
            cancel(3),
            RELEASE_RQ,
            ABORT,
            request(),
            b"\x99" + bytes(5),
        ]
    ),
    st.binary(max_size=12),
)
STREAMS = st.lists(PIECES, max_size=8).map(lambda pieces: request() + b"".join(pieces))


def story(chunks: Iterator[bytes]) -> tuple[list[str], bytes, State]:
    """Return what happens and what is sent if each request is answered as soon as it is asked."""
    connection = connected()
    told, output = [], b""
    for chunk in chunks:
        connection.receive(chunk, 0)
        while (event := connection.next_event(0)) is not None:
            told.append(repr(event) if not isinstance(event, Proposed) else "proposed")
            if isinstance(event, Proposed):
                connection.decide(None, 0)
            elif isinstance(event, Asked):
                connection.respond(Response(SUCCESS), 0)
            output += connection.take_output()
    return told, output + connection.take_output(), connection.state


@given(STREAMS, st.lists(st.integers(0, 2000), max_size=12))
def test_however_the_bytes_are_cut_the_same_happens(stream: bytes, cuts: list[int]) -> None:
    ends = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = iter([stream[begin:end] for begin, end in pairwise(ends)])
    assert story(chunks) == story(iter([stream]))


@given(STREAMS)
def test_byte_by_byte_the_same_happens(stream: bytes) -> None:
    assert story(stream[at : at + 1] for at in range(len(stream))) == story(iter([stream]))


class AnyHistory(RuleBasedStateMachine):
    """Whatever the peer, the network and we do, in any order, what was promised holds."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.connection = connected()
        self.told: list[Event | Answered] = []
        self.output = b""

    @rule(data=st.one_of(PIECES, st.just(request())), cut=st.integers(0, 40))
    def arrives(self, data: bytes, cut: int) -> None:
        self.connection.receive(data[: len(data) - cut] if cut > 30 else data, self.now)

    @rule()
    def looks(self) -> None:
        event = self.connection.next_event(self.now)
        if event is not None:
            self.told.append(event)

    @precondition(lambda self: self.connection.state is State.STA3)
    @rule(rejection=st.sampled_from([None, None, None, LIMIT_REACHED]))
    def decides(self, rejection: Rejection | None) -> None:
        self.connection.decide(rejection, self.now)

    @precondition(lambda self: self.connection.answering is not None)
    @rule(status=st.sampled_from([PENDING, SUCCESS, CANCELLED]))
    def responds(self, status: int) -> None:
        answered = self.connection.respond(Response(status, b"x" if status == PENDING else None), self.now)
        if answered is not None:
            self.told.append(answered)

    @precondition(lambda self: self.connection.answering is None)
    @rule()
    def cannot_respond_unasked(self) -> None:
        with pytest.raises(NothingAskedError):
            self.connection.respond(Response(SUCCESS), self.now)

    @rule(seconds=st.floats(0, 100))
    def waits(self, seconds: float) -> None:
        self.now += seconds
        deadline = self.connection.deadline
        if deadline is not None and self.now > deadline.at:
            self.connection.abort(deadline.why, self.now)

    @rule()
    def blocks(self) -> None:
        self.connection.block(self.now)

    @rule()
    def unblocks(self) -> None:
        self.connection.unblock()

    @rule()
    def sends(self) -> None:
        self.output += self.connection.take_output()

    @rule()
    def stops(self) -> None:
        self.connection.stop(self.now)

    @rule()
    def peer_leaves(self) -> None:
        self.connection.end_input(self.now)

    @rule()
    def goes(self) -> None:
        self.connection.close(self.now)

    @invariant()
    def ends_once_and_last(self) -> None:
        ends = [at for at, each in enumerate(self.told) if isinstance(each, Ended)]
        assert len(ends) <= 1
        if ends:
            assert [each for each in self.told[ends[0] + 1 :] if not isinstance(each, Answered)] == []
            opened = any(isinstance(each, Opened) for each in self.told)
            assert self.told[ends[0]].was_open == opened  # type: ignore[union-attr]

    @invariant()
    def answers_one_at_a_time(self) -> None:
        turns = [type(each) for each in self.told if isinstance(each, Asked | Answered)]
        assert all(before is not after for before, after in pairwise(turns) if before is Asked)

    @invariant()
    def nothing_is_answered_outside_an_association(self) -> None:
        assert self.connection.answering is None or self.connection.state is State.STA6

    @invariant()
    def sends_whole_pdus_and_no_answer_after_an_abort_or_a_release(self) -> None:
        framer = Framer(1 << 24)
        kinds = [pdu.type for pdu in framer.feed(self.output)]
        assert not framer.partial
        ended = [at for at, kind in enumerate(kinds) if kind in {PduType.A_ABORT, PduType.A_RELEASE_RP}]
        if ended:
            assert set(kinds[ended[0] :]) <= {PduType.A_ABORT, PduType.A_RELEASE_RP}

    @invariant()
    def a_deadline_is_never_missing_while_the_peer_owes_something(self) -> None:
        waits_for_us = self.connection.answering is not None or self.connection.holding
        if self.connection.state is not State.STA1 and not waits_for_us:
            assert self.connection.deadline is not None


TestAnyHistory = AnyHistory.TestCase


# ----------------------------------------------------------------------------- large messages

SMALL = Limits(large_message_bytes=20_000, max_message_bytes=100_000, idle_seconds=60, pdu_seconds=10)
STEPS_OFFERED = Negotiator([corpus.STEP], SMALL.max_pdu_bytes)


def reporting(large: LargeMessages) -> Connection:
    connection = Connection(STEPS_OFFERED, SMALL, 0, large)
    events(connection, corpus.associate())
    assert sent(connection) == [PduType.A_ASSOCIATE_AC]
    return connection


def n_set(length: int) -> bytes:
    return b"".join(
        corpus.message(
            corpus.STEP, corpus.command(corpus.N_SET, corpus.STEP, instance="2.25.1"), bytes(length)
        )
    )


def test_a_large_message_waits_for_its_place_and_is_read_no_further_and_not_blamed() -> None:
    large = LargeMessages(1)
    first, second = reporting(large), reporting(large)
    begun = n_set(90_000)
    assert events(first, begun[:60_000]) == []
    assert not first.holding
    assert events(second, n_set(90_000), 5) == []
    assert second.holding
    assert events(second, b"", 300) == []
    assert second.deadline is None or second.deadline.at > 300
    asked(first, begun[60_000:], 300)
    assert events(second, b"", 301) == [], "the first has not been answered yet"
    first.respond(Response(SUCCESS), 302)
    asked(second, b"", 303)
    assert second.deadline is None


@pytest.mark.parametrize("end", [lambda c: c.abort("x", 1), lambda c: c.close(1), lambda c: c.end_input(1)])
def test_whoever_goes_leaves_its_place(end: Callable[[Connection], None]) -> None:
    large = LargeMessages(1)
    first, second = reporting(large), reporting(large)
    events(first, n_set(90_000)[:60_000])
    assert events(second, n_set(90_000)) == []
    end(first)
    asked(second, b"", 2)


def test_small_messages_need_no_place() -> None:
    large = LargeMessages(0)
    asked(reporting(large), n_set(19_000))
    waiting = reporting(large)
    assert events(waiting, n_set(21_000)) == []
    assert waiting.holding


def test_one_connection_s_large_messages_come_one_at_a_time() -> None:
    connection = reporting(LargeMessages(2))
    asked(connection, n_set(50_000) + n_set(50_000))
    assert events(connection) == []
    assert connection.holding
    connection.respond(Response(SUCCESS), 1)
    asked(connection, b"", 1)


# ----------------------------------------------------------------------------- large answers


def large_room() -> tuple[Connection, Connection]:
    """Return two connections with room for 60,000 bytes of large answers, each asked for one."""
    room = LargeAnswers(60_000)
    pair = []
    for _ in range(2):
        connection = Connection(STEPS_OFFERED, SMALL, 0, LargeMessages(), room)
        events(connection, corpus.associate())
        sent(connection)
        asked(connection, n_set(10))
        pair.append(connection)
    return pair[0], pair[1]


def status_of(connection: Connection, length: int) -> int:
    answered = connection.respond(Response(SUCCESS, bytes(length)), 1)
    assert answered is not None
    return answered.status


def test_a_large_answer_that_finds_no_room_is_to_be_asked_for_again() -> None:
    first, second = large_room()
    assert status_of(first, 50_000) == SUCCESS
    assert status_of(second, 50_000) == 0x0213
    assert len(second.take_output()) < 1000
    asked(second, n_set(10))
    assert status_of(second, 20_000) == SUCCESS, "it is not large"


@pytest.mark.parametrize(
    "end",
    [lambda c: c.unblock(), lambda c: c.abort("x", 1), lambda c: c.close(1), lambda c: c.end_input(1)],
)
def test_an_answer_that_was_taken_or_will_never_be_leaves_its_room(end: Callable[[Connection], None]) -> None:
    first, second = large_room()
    assert status_of(first, 50_000) == SUCCESS
    end(first)
    assert status_of(second, 50_000) == SUCCESS
