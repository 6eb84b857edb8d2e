"""What a request says that the relay does not need never ends an association (PS3.8 9.3.1, D.2)."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.pdu import A_ASSOCIATE_AC

from edge_relay.upper_layer.needed_items import caller
from edge_relay.upper_layer.negotiation import UNKNOWN_CALLING, read_request, unusable
from tests.unit.edge_relay.upper_layer.test_negotiation import (
    ABSTRACT,
    APPLICATION,
    OFFERED,
    PLAIN,
    TRANSFER,
    context,
    crafted,
    item,
)

LENGTH, CLASS = item(0x51, struct.pack(">L", 16_384)), item(0x52, b"1.2.3")
GOOD = context(1, ABSTRACT, TRANSFER)


@pytest.mark.parametrize(
    "odd",
    [
        bytes.fromhex("600000027878"),
        item(0x55, b"V" * 17),
        item(0x55, b"ABC\0"),
        item(0x55, "Gerät".encode("latin-1")),
        item(0x55, b""),
        item(0x53, b"\0"),
        item(0x54, b"\0\x091.2"),
        item(0x56, b"rubbish"),
        item(0x57, b"rubbish"),
        item(0x58, b""),
    ],
)
def test_user_information_that_is_not_needed_is_passed_over(odd: bytes) -> None:
    for said in (odd + LENGTH + CLASS, LENGTH + CLASS + odd):
        proposal = read_request(crafted(APPLICATION, GOOD, item(0x50, said)))
        assert (proposal.calling_ae_title, proposal.max_pdu_bytes) == ("SCANNER1", 16_384)
        assert [each.context_id for each in proposal.contexts] == [1]


UNREADABLE_CONTEXTS = [
    context(3),
    context(3, ABSTRACT),
    context(3, TRANSFER),
    context(3, ABSTRACT, item(0x40, b"")),
    context(3, ABSTRACT, ABSTRACT, TRANSFER),
    context(3, item(0x30, b"rubbish"), TRANSFER),
    context(3, item(0x30, b"1" * 65), TRANSFER),
    context(3, b"\x30\0\xff\xff1", TRANSFER),
    item(0x20, b"\3"),
]
UNANSWERABLE = [
    context(2, ABSTRACT, TRANSFER),
    context(0, ABSTRACT, TRANSFER),
    item(0x20, b""),
    item(0x7E, b"unknown"),
]


def results(*contexts: bytes) -> list[tuple[int, int]]:
    """Return how each context is answered."""
    raw = crafted(APPLICATION, *contexts, item(0x50, LENGTH + CLASS))
    answer = A_ASSOCIATE_AC()
    answer.decode(OFFERED.agree(read_request(raw)).answer)
    found: Any = answer.to_primitive()
    return [(each.context_id, each.result) for each in found.presentation_context_definition_results_list]


@pytest.mark.parametrize("bad", UNREADABLE_CONTEXTS, ids=range(len(UNREADABLE_CONTEXTS)))
def test_a_context_that_cannot_be_read_is_refused_by_itself(bad: bytes) -> None:
    assert sorted(results(bad, GOOD)) == [(1, 0), (3, 3)]
    assert results(GOOD, bad) == [(1, 0), (3, 3)]


def test_if_none_can_be_read_each_is_refused() -> None:
    assert results(context(1), context(3, TRANSFER), context(5, ABSTRACT)) == [(1, 3), (3, 3), (5, 3)]


@pytest.mark.parametrize("bad", UNANSWERABLE, ids=range(len(UNANSWERABLE)))
def test_what_cannot_be_answered_costs_only_itself(bad: bytes) -> None:
    assert results(bad, GOOD) == results(GOOD, bad) == [(1, 0)]


@pytest.mark.parametrize("contexts", [[], UNANSWERABLE])
def test_a_request_without_any_context_to_answer_is_rejected(contexts: list[bytes]) -> None:
    proposal = read_request(crafted(APPLICATION, *contexts, item(0x50, LENGTH + CLASS)))
    rejection = unusable(proposal)
    assert rejection is not None
    assert (rejection.result, rejection.source, rejection.reason) == (1, 1, 1)


def test_of_two_contexts_with_one_id_the_first_counts() -> None:
    worklist = item(0x30, b"1.2.840.10008.5.1.4.31")
    assert results(GOOD, context(1, worklist, TRANSFER)) == [(1, 0)]
    assert results(context(1, item(0x30, b"1.2.3"), TRANSFER), GOOD) == [(1, 3)]


@pytest.mark.parametrize("application", [b"", item(0x10, b"rubbish"), item(0x10, b"")])
def test_an_application_context_that_cannot_be_read_is_none(application: bytes) -> None:
    proposal = read_request(crafted(application, GOOD, item(0x50, LENGTH + CLASS)))
    assert proposal.application_context == ""


@pytest.mark.parametrize(
    ("sent", "read"),
    [(b"MR\xe91", "MR\ufffd1"), (b"MR\\1", "MR\\1"), (b"MR\x1b1", "MR\x1b1"), (b" MR1\0\0", "MR1")],
)
def test_a_title_nobody_may_have_is_read_as_far_as_it_can_be(sent: bytes, read: str) -> None:
    raw = crafted(APPLICATION, GOOD, item(0x50, LENGTH + CLASS), calling=sent)
    assert read_request(raw).calling_ae_title == caller(raw).calling == read


@pytest.mark.parametrize("length", range(0, 75, 7))
def test_the_caller_is_read_from_as_much_as_there_is(length: int) -> None:
    assert "SCANNER1".startswith(caller(PLAIN[:length]).calling)
    assert caller(PLAIN[:42]).calling == "SCANNER1"
    assert caller(b"\4" + PLAIN[1:]).calling == ""


def test_what_is_cut_off_and_no_request_names_nobody() -> None:
    assert caller(b"\1\0\0\0\0\x40" + b"PIDQ4711" * 8) == ("", "", 0)


def test_reserved_bytes_are_not_looked_at_and_sent_back_with_the_titles() -> None:
    raw = PLAIN[:1] + b"\x7f" + PLAIN[2:8] + b"\xff\xfe" + PLAIN[10:42] + bytes(range(32)) + PLAIN[74:]
    answer = OFFERED.agree(read_request(raw)).answer
    assert answer[10:74] == raw[10:74]


KINDS = st.integers(0, 255).filter(lambda kind: kind not in {0x51, 0x52, 0x54})


@given(odd=st.lists(st.tuples(KINDS, st.binary(max_size=40)), max_size=6), first=st.booleans())
def test_whatever_else_is_said_the_proposal_is_the_same(odd: list[tuple[int, bytes]], first: bool) -> None:
    more = b"".join(item(*each) for each in odd)
    said = more + LENGTH + CLASS if first else LENGTH + CLASS + more
    proposal, plain = read_request(crafted(APPLICATION, GOOD, item(0x50, said))), read_request(PLAIN)
    assert proposal.contexts == plain.contexts
    assert (proposal.max_pdu_bytes, dict(proposal.roles)) == (plain.max_pdu_bytes, dict(plain.roles))


@pytest.mark.parametrize("title", [b"", b"\0" * 16])
def test_a_caller_without_a_name_is_read_so_that_it_can_be_refused(title: bytes) -> None:
    raw = crafted(APPLICATION, GOOD, item(0x50, LENGTH + CLASS), calling=title)
    proposal = read_request(raw)
    assert (proposal.calling_ae_title, unusable(proposal)) == ("", UNKNOWN_CALLING)


@pytest.mark.parametrize(
    ("version", "refused"), [(0, True), (1, False), (2, True), (3, False), (0xFFFE, True)]
)
def test_a_protocol_version_without_bit_0_is_refused(version: int, refused: bool) -> None:
    raw = PLAIN[:6] + version.to_bytes(2) + PLAIN[8:]
    rejection = unusable(read_request(raw))
    assert (rejection is not None) is refused
    if rejection is not None:
        assert (rejection.result, rejection.source, rejection.reason) == (1, 2, 2)
