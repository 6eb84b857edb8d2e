"""PDVs put together into requests, PS3.8 Annex E: in order, of one context, and never without bound."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.upper_layer.command import CommandField
from edge_relay.upper_layer.message import Assembler, Context, LargeAnswers, LargeMessages, Place, Request
from edge_relay.upper_layer.pdu import AbortReason, BadPdu, Pdv
from tests.fuzz import corpus
from tests.unit.edge_relay.upper_layer.test_command import CANCEL, ECHO, FIND, VERIFICATION, WORKLIST

LONGEST = 4096
CONTEXTS = {1: Context(1, VERIFICATION, True), 3: Context(3, WORKLIST, False)}
DATA = b"\x10\0\x20\0\x04\0\0\0P001"


def assembler() -> Assembler:
    return Assembler(CONTEXTS, "SCANNER1", LONGEST)


def pieces(data: bytes, sizes: list[int], *, context_id: int, is_command: bool) -> list[Pdv]:
    cut = []
    for size in sizes:
        cut.append(data[:size])
        data = data[size:]
    cut.append(data)
    last = len(cut) - 1
    return [Pdv(context_id, is_command, at == last, piece) for at, piece in enumerate(cut)]


def taken(values: list[Pdv], into: Assembler | None = None) -> list[Request | None]:
    into = into or assembler()
    return [into.take(value) for value in values]


sizes = st.lists(st.integers(0, 12), max_size=20)


@given(sizes, sizes)
def test_however_a_message_is_cut_it_is_the_same_request(command_cut: list[int], data_cut: list[int]) -> None:
    values = pieces(FIND, command_cut, context_id=3, is_command=True)
    values += pieces(DATA, data_cut, context_id=3, is_command=False)
    *before, found = taken(values)
    assert before == [None] * (len(values) - 1)
    assert found is not None
    assert found.command.field is CommandField.C_FIND
    assert found.context == CONTEXTS[3]
    assert found.data == DATA
    assert found.calling_ae_title == "SCANNER1"


def test_a_request_without_data_set_is_complete_with_its_command_set() -> None:
    (found,) = taken(pieces(ECHO, [], context_id=1, is_command=True))
    assert found is not None
    assert found.data is None


def test_a_data_set_may_be_empty() -> None:
    *_, found = taken([Pdv(3, True, True, FIND), Pdv(3, False, True, b"")])
    assert found is not None
    assert found.data == b""


def test_one_request_follows_another() -> None:
    values = [Pdv(3, True, True, FIND), Pdv(3, False, True, DATA), Pdv(1, True, True, ECHO)]
    found = taken(values * 2)
    assert [each is not None for each in found] == [False, True, True] * 2


def test_a_cancel_has_no_data_set_whatever_it_says() -> None:
    claiming = CANCEL[:-2] + b"\x01\x00"
    (found,) = taken([Pdv(3, True, True, claiming)])
    assert found is not None
    assert found.command.field is CommandField.C_CANCEL


def test_it_is_known_whether_a_message_has_begun() -> None:
    one = assembler()
    known = [one.partial]
    for value in (Pdv(3, True, True, FIND), Pdv(3, False, True, DATA)):
        one.take(value)
        known.append(one.partial)
    assert known == [False, True, False]


@pytest.mark.parametrize(
    "values",
    [
        [Pdv(5, True, True, ECHO)],
        [Pdv(3, True, True, FIND), Pdv(1, False, True, DATA)],
        [Pdv(3, True, False, FIND[:10]), Pdv(1, True, True, FIND[10:])],
        [Pdv(3, False, True, DATA)],
        [Pdv(3, True, True, FIND), Pdv(3, True, True, FIND)],
        [Pdv(3, True, False, FIND[:10]), Pdv(3, False, True, DATA)],
    ],
)
def test_what_is_out_of_turn_is_refused(values: list[Pdv]) -> None:
    with pytest.raises(BadPdu) as refused:
        taken(values)
    assert refused.value.reason is AbortReason.UNEXPECTED_PARAMETER


def test_a_message_as_long_as_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    room = LONGEST - len(FIND)
    *_, found = taken([Pdv(3, True, True, FIND), Pdv(3, False, True, bytes(room))])
    assert found is not None
    with pytest.raises(BadPdu, match="4096"):
        taken([Pdv(3, True, True, FIND), Pdv(3, False, False, bytes(room)), Pdv(3, False, False, b"x")])


def test_empty_pieces_without_end_are_not_kept() -> None:
    one = assembler()
    for _ in range(50_000):
        assert one.take(Pdv(3, True, False, b"")) is None
    assert sys.getsizeof(one._pieces) < 1000


def test_a_command_set_of_nothing_is_refused() -> None:
    with pytest.raises(BadPdu):
        taken([Pdv(3, True, True, b"")])


@given(
    st.lists(
        st.builds(
            Pdv,
            st.sampled_from([1, 3, 5]),
            st.booleans(),
            st.booleans(),
            st.sampled_from([ECHO, FIND, FIND[:20], FIND[20:], CANCEL, DATA, b"", bytes(3000)]),
        ),
        max_size=12,
    )
)
def test_any_order_of_values_raises_nothing_but_bad_pdu(values: list[Pdv]) -> None:
    try:
        found = taken(values)
    except BadPdu:
        return
    assert all(each is None or each.context in CONTEXTS.values() for each in found)


# ----------------------------------------------------------------------------- large messages


def step_command(field: int) -> bytes:
    return corpus.command(field, corpus.STEP, instance="2.25.1")


@pytest.mark.parametrize(
    ("command", "longest"),
    [
        (step_command(corpus.N_SET), 3 * LONGEST),
        (step_command(corpus.N_CREATE), 3 * LONGEST),
        (FIND, LONGEST),
    ],
    ids=["N-SET", "N-CREATE", "C-FIND"],
)
def test_only_what_reports_a_step_may_be_long(command: bytes, longest: int) -> None:
    contexts = {3: Context(3, corpus.STEP, True)}
    exactly = longest - len(command)
    for length in (exactly, exactly + 1):
        into = Assembler(contexts, "SCANNER1", LONGEST, 3 * LONGEST)
        into.take(Pdv(3, True, True, command))
        last = Pdv(3, False, True, bytes(length))
        if length == exactly:
            found = into.take(last)
            assert found is not None
            assert len(found.data or b"") == exactly
        else:
            with pytest.raises(BadPdu, match=f"more than {longest} bytes"):
                into.take(last)


def test_a_command_set_may_not_be_long_whatever_it_will_ask() -> None:
    into = Assembler({3: Context(3, corpus.STEP, True)}, "SCANNER1", LONGEST, 3 * LONGEST)
    with pytest.raises(BadPdu, match=f"more than {LONGEST} bytes"):
        into.take(Pdv(3, True, False, bytes(LONGEST + 1)))


def test_there_are_so_many_places_and_one_given_back_is_free_again() -> None:
    large = LargeMessages(2)
    first, second, third = (Place(large) for _ in range(3))
    assert first.take()
    assert first.take(), "a place that is held is kept"
    assert second.take()
    assert not third.take()
    assert third.is_awaited
    second.give_back()
    assert third.take()
    assert not third.is_awaited


def test_a_place_is_kept_until_its_own_request_has_been_answered() -> None:
    large = LargeMessages(1)
    place, other = Place(large), Place(large)
    place.arrived(4)  # a small one, before
    assert place.take()
    place.arrived(5)
    place.answered(4)
    assert not other.take()
    assert not place.take(), "one large message of a connection at a time"
    place.answered(5)
    assert other.take()


# ----------------------------------------------------------------------------- large answers


def test_large_answers_share_a_room_and_one_alone_always_has_it() -> None:
    room = LargeAnswers(100)
    assert room.take("first", 150)
    assert not room.take("second", 10)
    room.give_back("first")
    assert room.take("second", 60)
    assert room.take("third", 40)
    assert not room.take("first", 1)
    room.give_back("nobody")
    room.give_back("third")
    assert room.take("first", 40)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 60))))
def test_there_is_never_more_than_the_room_but_for_one_alone(asked: list[tuple[int, int]]) -> None:
    room, held = LargeAnswers(100), dict[int, int]()
    for holder, size in asked:
        if size == 0:
            room.give_back(holder)
            held.pop(holder, None)
        elif room.take(holder, size):
            held[holder] = size
        assert sum(held.values()) <= 100
