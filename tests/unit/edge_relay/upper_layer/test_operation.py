"""Responses as PDUs: command set and data set each in their own, no longer than the peer takes."""

from __future__ import annotations

from io import BytesIO
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode

from edge_relay.upper_layer.command import Command, CommandField
from edge_relay.upper_layer.message import Context, Request
from edge_relay.upper_layer.operation import CANCELLED, PENDING, Response, ResponseWriter
from edge_relay.upper_layer.pdu import Framer, PduType, pdvs

WORKLIST = "1.2.840.10008.5.1.4.31"
LONGEST = 16_384
NO_DATA_SET = 0x0101


class Read(NamedTuple):
    """What a peer makes of the bytes of one response."""

    command: Dataset
    data: bytes
    lengths: list[int]


def writer(longest: int = LONGEST) -> ResponseWriter:
    command = Command(CommandField.C_FIND, 7, has_data_set=True, sop_class_uid=WORKLIST)
    return ResponseWriter(Request(command, Context(3, WORKLIST, implicit=True), b"", "SCANNER1"), longest)


def read(raw: bytes) -> Read:
    parts = {True: b"", False: b""}
    pdus = list(Framer(1 << 20).feed(raw))
    for each in pdus:
        assert each.type is PduType.P_DATA_TF
        for pdv in pdvs(each.raw):
            assert pdv.context_id == 3
            parts[pdv.is_command] += pdv.data
    return Read(decode(BytesIO(parts[True]), True, True), parts[False], [len(each.raw) - 6 for each in pdus])


@given(st.binary(min_size=1, max_size=5000), st.integers(128, 4096))
def test_a_data_set_arrives_whole_in_pieces_the_peer_takes(data: bytes, longest: int) -> None:
    found = read(writer(longest).write(Response(0xFF00, data)))
    assert found.data == data
    assert found.command.CommandDataSetType != NO_DATA_SET
    assert max(found.lengths) <= longest


@pytest.mark.parametrize("data", [None, b""])
def test_an_answer_with_an_empty_data_set_says_that_it_has_none(data: bytes | None) -> None:
    found = read(writer().write(Response(0x0000, data)))
    assert found.command.CommandDataSetType == NO_DATA_SET
    assert (found.data, len(found.lengths)) == (b"", 1)


def test_of_many_pending_answers_each_has_its_own_data_set() -> None:
    find = writer()
    sent = [read(find.write(Response(status, data))) for status in sorted(PENDING) for data in (b"1", b"22")]
    assert [(each.command.Status, each.data) for each in sent] == [
        (0xFF00, b"1"),
        (0xFF00, b"22"),
        (0xFF01, b"1"),
        (0xFF01, b"22"),
    ]


def test_the_final_answer_after_pending_ones_is_its_own() -> None:
    find = writer()
    find.write(Response(0xFF00, b"1"))
    refused = read(find.write(Response(0xA700, comment="too many", error_id=5)))
    assert (refused.command.Status, refused.command.ErrorComment, refused.command.ErrorID) == (
        0xA700,
        "too many",
        5,
    )
    again = read(find.write(Response(0xA700, comment="another reason")))
    assert again.command.ErrorComment == "another reason"
    assert "ErrorID" not in again.command
    assert read(find.write(Response(CANCELLED))).command.Status == 0xFE00


def test_an_answer_names_the_request_it_is_to() -> None:
    found = read(writer().write(Response(0x0000))).command
    assert (found.MessageIDBeingRespondedTo, found.AffectedSOPClassUID) == (7, WORKLIST)


def test_an_instance_that_was_made_is_named() -> None:
    found = read(writer().write(Response(0x0000, sop_instance_uid="2.25.9"))).command
    assert found.AffectedSOPInstanceUID == "2.25.9"
