"""Frames of the upper layer, PS3.8 section 9.3: any bytes in, PDUs or one kind of refusal out."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_RJ, A_RELEASE_RP, P_DATA_TF

from edge_relay.upper_layer import pdu as wire

LONGEST = 2048


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBL", kind, 0, len(body)) + body


def p_data(*values: tuple[int, int, bytes]) -> bytes:
    """A P-DATA-TF of these (context id, message control header, data)."""
    return pdu(
        4,
        b"".join(struct.pack(">LBB", len(data) + 2, each, control) + data for each, control, data in values),
    )


any_pdu = st.builds(pdu, st.sampled_from(list(wire.PduType)), st.binary(max_size=300))


some_length = st.integers(0, 6000)


def data_of(length: int) -> bytes:
    return bytes(at % 251 for at in range(length))


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(edges)]


def fed(framer: wire.Framer, chunks: list[bytes]) -> list[wire.Pdu]:
    return [found for chunk in chunks for found in framer.feed(chunk)]


@given(st.lists(any_pdu, max_size=8), st.lists(st.integers(0, 5000), max_size=20))
def test_however_a_stream_is_cut_it_holds_the_same_pdus(sent: list[bytes], places: list[int]) -> None:
    framer = wire.Framer(LONGEST)
    found = fed(framer, cut(b"".join(sent), places))
    assert [each.raw for each in found] == sent
    assert [each.type for each in found] == [wire.PduType(each[0]) for each in sent]
    assert not framer.partial


def test_a_stream_may_come_byte_by_byte() -> None:
    sent = wire.RELEASE_RP + p_data((1, 3, b"abc"))
    assert [each.raw for each in fed(wire.Framer(LONGEST), [bytes((each,)) for each in sent])] == [
        wire.RELEASE_RP,
        p_data((1, 3, b"abc")),
    ]


def test_a_pdu_that_has_begun_is_known_to_be_partial() -> None:
    framer = wire.Framer(LONGEST)
    known = [framer.partial]
    for chunk in (wire.RELEASE_RP[:1], wire.RELEASE_RP[1:]):
        fed(framer, [chunk])
        known.append(framer.partial)
    assert known == [False, True, False]


def test_who_stops_drawing_gets_the_rest_the_next_time() -> None:
    framer = wire.Framer(LONGEST)
    for found in framer.feed(wire.RELEASE_RP * 3 + b"\x05"):
        assert found.raw == wire.RELEASE_RP
        break
    assert [each.raw for each in framer.feed(b"")] == [wire.RELEASE_RP] * 2
    assert framer.partial


@pytest.mark.parametrize("kind", [0, 8, 0x10, 0x16, 0x47, 0xFF])
def test_an_unknown_type_is_refused_as_soon_as_the_header_is_there(kind: int) -> None:
    framer = wire.Framer(LONGEST)
    header = struct.pack(">BBL", kind, 0, 100)
    assert fed(framer, [header[:5]]) == []
    with pytest.raises(wire.BadPdu) as refused:
        fed(framer, [header[5:]])
    assert refused.value.reason is wire.AbortReason.UNRECOGNIZED_PDU


@pytest.mark.parametrize("length", [LONGEST + 1, 300_000_000, 0xFFFFFFFF])
def test_a_length_beyond_the_limit_is_refused_before_its_bytes_come(length: int) -> None:
    with pytest.raises(wire.BadPdu, match="2048"):
        fed(wire.Framer(LONGEST), [struct.pack(">BBL", 4, 0, length)])


def test_a_pdu_as_long_as_the_limit_is_taken() -> None:
    assert fed(wire.Framer(LONGEST), [pdu(4, bytes(LONGEST))]) == [
        wire.Pdu(wire.PduType.P_DATA_TF, pdu(4, bytes(LONGEST)))
    ]


def test_pdus_before_a_bad_one_are_still_taken() -> None:
    found = wire.Framer(LONGEST).feed(wire.RELEASE_RP + b"GET / HTTP/1.1\r\n")
    assert next(found).raw == wire.RELEASE_RP
    with pytest.raises(wire.BadPdu):
        next(found)


def test_nothing_is_kept_or_found_once_the_frames_are_lost() -> None:
    framer = wire.Framer(LONGEST)
    with pytest.raises(wire.BadPdu):
        fed(framer, [b"GET / HTTP/1.1\r\n"])
    assert fed(framer, [b"x" * 100_000, wire.RELEASE_RP]) == []
    assert not framer.partial


@given(st.lists(st.binary(max_size=400), max_size=12))
def test_arbitrary_bytes_raise_nothing_but_bad_pdu_and_hold_no_more_than_one_pdu(chunks: list[bytes]) -> None:
    framer = wire.Framer(LONGEST)
    for chunk in chunks:
        try:
            for found in framer.feed(chunk):
                if found.type is wire.PduType.P_DATA_TF:
                    wire.pdvs(found.raw)
        except wire.BadPdu:
            pass
        assert len(framer._buffer) < LONGEST + 6


@given(st.integers(1, 255), some_length, st.integers(wire.LEAST_PDU_BYTES, 1100), st.booleans())
def test_data_comes_back_whole_and_no_pdu_is_longer_than_the_peer_takes(
    context_id: int, length: int, longest: int, is_command: bool
) -> None:
    data = data_of(length)
    sent = wire.data_pdus(context_id, data, longest, is_command=is_command)
    found = fed(wire.Framer(1 << 20), [sent])
    assert all(len(each.raw) - 6 <= longest for each in found)
    pieces = [piece for each in found for piece in wire.pdvs(each.raw)]
    assert b"".join(piece.data for piece in pieces) == data
    assert [piece.is_last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert {(piece.context_id, piece.is_command) for piece in pieces} == {(context_id, is_command)}


@given(some_length, st.integers(1024, 1100))
def test_data_of_even_length_is_cut_into_pieces_of_even_length(half: int, longest: int) -> None:
    # DCMTK takes no others, PS3.7 section 6.3.
    found = fed(wire.Framer(1 << 20), [wire.data_pdus(1, bytes(half * 2), longest, is_command=False)])
    assert all(len(piece.data) % 2 == 0 for each in found for piece in wire.pdvs(each.raw))


@given(some_length)
def test_another_implementation_reads_what_we_frame(length: int) -> None:
    data = data_of(length)
    pieces = []
    for each in fed(wire.Framer(1 << 20), [wire.data_pdus(3, data, wire.LEAST_PDU_BYTES, is_command=False)]):
        theirs = P_DATA_TF()
        theirs.decode(each.raw)
        pieces += [item.message_control_header_byte + "|" for item in theirs.presentation_data_value_items]
        assert theirs.encode() == each.raw
    assert pieces[-1] == "00000010|"
    assert len(pieces) == max(1, -(-len(data) // (wire.LEAST_PDU_BYTES - wire.PDV_OVERHEAD)))


def test_several_values_of_one_pdu_are_told_apart() -> None:
    first, second = wire.pdvs(p_data((1, 0x03, b"command"), (1, 0x02, b"data")))
    assert (first.is_command, first.is_last, first.data) == (True, True, b"command")
    assert (second.is_command, second.is_last, second.data) == (False, True, b"data")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0\0\x02\x01",
        b"\0\0\0\x00\x01\x03",
        b"\0\0\0\x01\x01\x03",
        b"\0\0\0\x09\x01\x03abc",
        b"\xff\xff\xff\xff\x01\x03abc",
        b"\0\0\0\x05\x01\x03abc\0",
    ],
)
def test_values_that_do_not_fill_their_pdu_are_refused(body: bytes) -> None:
    with pytest.raises(wire.BadPdu):
        wire.pdvs(pdu(4, body))


@given(st.binary(max_size=200))
def test_arbitrary_bodies_of_p_data_raise_nothing_but_bad_pdu(body: bytes) -> None:
    try:
        found = wire.pdvs(pdu(4, body))
    except wire.BadPdu:
        return
    assert sum(len(each.data) + wire.PDV_OVERHEAD for each in found) == len(body)


@pytest.mark.parametrize("reason", list(wire.AbortReason))
def test_another_implementation_reads_our_abort(reason: wire.AbortReason) -> None:
    theirs = A_ABORT_RQ()
    theirs.decode(wire.abort(reason))
    assert (theirs.source, theirs.reason_diagnostic) == (2, reason)
    theirs.decode(wire.abort(reason, by_provider=False))
    assert (theirs.source, theirs.reason_diagnostic) == (0, 0)


def test_another_implementation_reads_our_rejection_and_our_release() -> None:
    theirs = A_ASSOCIATE_RJ()
    theirs.decode(wire.reject(2, 3, 1))
    assert (theirs.result, theirs.source, theirs.reason_diagnostic) == (2, 3, 1)
    released = A_RELEASE_RP()
    released.decode(wire.RELEASE_RP)
    assert released.encode() == wire.RELEASE_RP


def test_an_error_never_quotes_what_was_sent() -> None:
    with pytest.raises(wire.BadPdu) as refused:
        fed(wire.Framer(LONGEST), [b"\x99\0\0\0\0\x08DOE^JANE"])
    assert "DOE" not in str(refused.value)
