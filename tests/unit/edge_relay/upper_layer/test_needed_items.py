"""What a request says that the relay does not need never ends an association (PS3.8 9.3.1, D.2)."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.upper_layer.negotiation import UNKNOWN_CALLING, read_request, unusable
from tests.unit.edge_relay.upper_layer.test_negotiation import (
    ABSTRACT,
    APPLICATION,
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


@pytest.mark.parametrize(
    "bad",
    [
        context(3),
        context(3, ABSTRACT),
        context(3, TRANSFER),
        context(3, ABSTRACT, item(0x40, b"")),
        context(3, item(0x30, b"rubbish"), TRANSFER),
        context(2, ABSTRACT, TRANSFER),
        item(0x20, b"\3"),
        item(0x7E, b"unknown"),
    ],
)
def test_a_bad_context_among_good_ones_costs_only_itself(bad: bytes) -> None:
    for contexts in ((bad, GOOD), (GOOD, bad)):
        proposal = read_request(crafted(APPLICATION, *contexts, item(0x50, LENGTH + CLASS)))
        assert [each.context_id for each in proposal.contexts] == [1]


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
