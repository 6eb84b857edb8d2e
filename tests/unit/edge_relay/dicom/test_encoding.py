"""Elements as bytes, byte by byte as PS3.5 section 7.1 has them, and read back by pydicom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.dicom.elements import read
from edge_relay.dicom.encoding import Headers, SequenceHeaders, element, empty_sequence, padded

PATIENT_ID, LONG_CODE, STEPS = 0x00100020, 0x00080119, 0x00400100


@pytest.mark.parametrize(
    ("value", "vr", "even"),
    [(b"", "LO", b""), (b"ab", "LO", b"ab"), (b"abc", "LO", b"abc "), (b"1.2", "UI", b"1.2\0")],
)
def test_a_value_is_padded_to_an_even_length_as_its_representation_wants(
    value: bytes, vr: str, even: bytes
) -> None:
    assert padded(value, vr) == even


def test_an_implicit_element_has_no_representation() -> None:
    assert element(PATIENT_ID, "LO", b"P-1", implicit=True) == b"\x10\x00\x20\x00\x04\x00\x00\x00P-1 "


def test_an_explicit_element_has_it_and_a_short_length() -> None:
    assert element(PATIENT_ID, "LO", b"P-1", implicit=False) == b"\x10\x00\x20\x00LO\x04\x00P-1 "


def test_unlimited_characters_have_the_long_header() -> None:
    made = element(LONG_CODE, "UC", b"code", implicit=False)
    assert made == b"\x08\x00\x19\x01UC\x00\x00\x04\x00\x00\x00code"


def test_a_sequence_without_items_is_a_header() -> None:
    assert empty_sequence(STEPS, implicit=True) == b"\x40\x00\x00\x01\x00\x00\x00\x00"
    assert empty_sequence(STEPS, implicit=False) == b"\x40\x00\x00\x01SQ\x00\x00\x00\x00\x00\x00"


@given(
    content=st.text("abc ", max_size=20).map(
        lambda text: element(PATIENT_ID, "LO", text.encode(), implicit=True)
    )
)
def test_a_sequence_of_one_item_is_read_back(content: bytes) -> None:
    whole = SequenceHeaders(STEPS, implicit=True)[len(content)] + content
    items = read(whole, implicit=True)[STEPS].items
    assert items is not None
    assert [list(item) for item in items] == [[PATIENT_ID]]


def test_a_header_is_made_once() -> None:
    headers = Headers(PATIENT_ID, "LO", implicit=True)
    assert headers[4] is headers[4]
    assert headers[4] != headers[6]
