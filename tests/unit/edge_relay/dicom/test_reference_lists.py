"""Lists of references as bytes: every encoding of the standard, what is odd, and what is broken."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.dicom.elements import Span
from edge_relay.dicom.encoding import element
from edge_relay.dicom.json_model import decode, decode_counted, encode
from edge_relay.dicom.reference_lists import ReferenceList, ReferenceLists, encoded_items, taken_apart
from shared.errors import Rejected
from shared.steps.image_references import MOST_LISTED
from tests.rigs.references import ended, items, reference

SYNTAXES = pytest.mark.parametrize("implicit", [True, False])
LENGTHS = pytest.mark.parametrize("delimited", [True, False])
FRAMES = {
    True: element(0x00081160, "IS", b"1", implicit=True),
    False: element(0x00081160, "IS", b"1", implicit=False),
}
"""Referenced Frame Number: legal, and more than a plain reference has."""


def taken(data: bytes, *, implicit: bool) -> ReferenceList:
    lists = ReferenceLists()
    made, at = lists.take(Span(data, 0, len(data), implicit, delimited=False))
    assert at == len(data)
    found = lists.of(made)
    assert found is not None
    return found


@SYNTAXES
@LENGTHS
def test_a_long_list_is_counted_and_kept_byte_by_byte(implicit: bool, delimited: bool) -> None:
    data = ended(MOST_LISTED, 5, implicit=implicit, delimited=delimited)
    found = decode_counted(data, implicit=implicit)
    series = found.attributes["00400340"]["Value"]
    assert [each["00081140"] for each in series] == [
        {"vr": "SQ", "Count": MOST_LISTED},
        {"vr": "SQ", "Count": 5},
    ]
    assert [each["0020000E"]["Value"] for each in series] == [["2.25.1"], ["2.25.2"]]
    assert [each.size for each in found.lists] == [MOST_LISTED, 5]
    named = [reference(number, implicit=implicit) for number in range(MOST_LISTED)]
    assert found.lists[0].items == items(named, delimited=delimited)
    assert found.unread == ()


@SYNTAXES
@LENGTHS
def test_a_short_list_is_read_like_everything_else(implicit: bool, delimited: bool) -> None:
    data = ended(3, MOST_LISTED - 3, implicit=implicit, delimited=delimited, more=FRAMES[implicit])
    found = decode_counted(data, implicit=implicit)
    assert found.lists == ()
    assert (found.attributes, found.unread) == decode(data, implicit=implicit)


@SYNTAXES
@pytest.mark.parametrize("answered", [True, False])
@LENGTHS
def test_the_list_is_written_again_in_either_syntax(implicit: bool, answered: bool, delimited: bool) -> None:
    data = ended(MOST_LISTED + 1, 2, implicit=implicit, delimited=delimited, more=FRAMES[implicit])
    found = decode_counted(data, implicit=implicit)
    written = encode(found.attributes, implicit=answered, lists=found.lists)
    assert decode(written, implicit=answered) == decode(data, implicit=implicit)


def test_a_list_that_is_no_longer_held_is_an_error_and_not_an_empty_list() -> None:
    found = decode_counted(ended(MOST_LISTED + 1, implicit=True), implicit=True)
    with pytest.raises(Rejected, match="no longer held"):
        encode(found.attributes, implicit=True)


ODD: dict[str, Any] = {
    "without class": lambda implicit: element(0x00081155, "UI", b"1.2", implicit=implicit),
    "empty": lambda implicit: b"",
    "no UID": lambda implicit: (
        element(0x00081150, "UI", b"1.2", implicit=implicit)
        + element(0x00081155, "UI", b"abc", implicit=implicit)
    ),
    "too long": lambda implicit: (
        element(0x00081150, "UI", b"1.2", implicit=implicit)
        + element(0x00081155, "UI", b"1" * 65, implicit=implicit)
    ),
    "leading zero": lambda implicit: (
        element(0x00081150, "UI", b"1.02", implicit=implicit)
        + element(0x00081155, "UI", b"1.2", implicit=implicit)
    ),
    "more": lambda implicit: reference(1, implicit=implicit, more=FRAMES[implicit]),
    "padded with a space": lambda implicit: (
        element(0x00081150, "UI", b"1.2 ", implicit=implicit)
        + element(0x00081155, "UI", b"1.2 ", implicit=implicit)
    ),
}


@SYNTAXES
@LENGTHS
@pytest.mark.parametrize("odd", ODD)
def test_what_is_not_plain_is_read_in_full(implicit: bool, delimited: bool, odd: str) -> None:
    content = ODD[odd](implicit)
    data = items(
        [reference(1, implicit=implicit), content, reference(2, implicit=implicit)], delimited=delimited
    )
    found = taken(data, implicit=implicit)
    assert found.size == 3
    assert len(found.odd) == 1
    apart = taken_apart(found)
    assert apart[1] == found.odd[0]
    assert [tag for tag in apart[0]] == [0x00081150, 0x00081155]


def test_of_many_odd_ones_the_first_are_kept() -> None:
    data = items([b""] * 1000, delimited=False)
    assert len(taken(data, implicit=True).odd) == 20


@SYNTAXES
@LENGTHS
def test_a_plain_list_costs_no_memory_but_its_own_bytes(implicit: bool, delimited: bool) -> None:
    found = taken(
        items([reference(n, implicit=implicit) for n in range(50)], delimited=delimited), implicit=implicit
    )
    assert found.odd == ()


@given(st.data(), st.booleans(), st.booleans())
def test_broken_bytes_are_rejected_or_read_as_the_strict_reader_reads_them(
    data: st.DataObject, implicit: bool, delimited: bool
) -> None:
    whole = bytearray(ended(3, implicit=implicit, delimited=delimited, more=FRAMES[implicit]))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    broken = bytes(whole[: data.draw(st.integers(len(whole) - 40, len(whole)))])
    assert result(broken, implicit, counted=True) == result(broken, implicit, counted=False)


def result(data: bytes, implicit: bool, *, counted: bool) -> Any:
    try:
        return decode_counted(data, implicit=implicit)[:2] if counted else decode(data, implicit=implicit)
    except Rejected:
        return "rejected"


@SYNTAXES
def test_random_lists_of_plain_and_odd_ones_survive_the_change_of_syntax(implicit: bool) -> None:
    chance = Random(7)
    contents = [
        chance.choice(
            [reference(n, implicit=implicit), reference(n, implicit=implicit, more=FRAMES[implicit])]
        )
        for n in range(200)
    ]
    found = taken(items(contents, delimited=False), implicit=implicit)
    written = list(encoded_items(found, implicit=not implicit))
    assert len(written) == 200
    plain = items([reference(0, implicit=not implicit)], delimited=False)
    assert all(len(each) == len(plain) for each in written if isinstance(each, bytes))


def test_what_is_too_long_without_its_images_is_rejected() -> None:
    comment = element(0x00400280, "ST", b"x" * (1 << 20), implicit=True)
    with pytest.raises(Rejected, match="longer than 1048576 bytes"):
        decode_counted(ended(1, implicit=True) + comment, implicit=True)
