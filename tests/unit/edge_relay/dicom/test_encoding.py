"""Single elements as bytes: as pydicom writes them, in both little endian syntaxes."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.filebase import DicomIO
from pydicom.filewriter import write_data_element
from pydicom.tag import Tag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from edge_relay.dicom.elements import read
from edge_relay.dicom.encoding import (
    LONG_VRS,
    Headers,
    SequenceHeaders,
    element,
    element_header,
    item_header,
    padded,
)

PATIENT_ID, LONG_CODE, STEPS = 0x00100020, 0x00080119, 0x00400100
_TEXTS: Final = ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI")
_NUMBERS: Final = ("AT", "FD", "FL", "SL", "SS", "UL", "US")
_LONG: Final = ("OB", "OF", "OW", "UC", "UN", "UR", "UT")
VRS: Final = (*_TEXTS, *_NUMBERS, *_LONG)


def pydicoms(tag: int, vr: str, value: bytes, *, implicit: bool) -> bytes:
    written = BytesIO()
    file = DicomIO(written)
    file.is_implicit_VR, file.is_little_endian = implicit, True
    raw = RawDataElement(Tag(tag), vr, len(value), value, 0, is_implicit_VR=implicit, is_little_endian=True)
    write_data_element(file, raw)
    return written.getvalue()


@given(vr=st.sampled_from(VRS), value=st.binary(max_size=40).map(lambda value: value[: len(value) & ~1]))
@pytest.mark.parametrize("implicit", [True, False])
def test_an_element_is_as_pydicom_writes_it(vr: str, value: bytes, implicit: bool) -> None:
    assert element(0x00400100, vr, value, implicit=implicit) == pydicoms(
        0x00400100, vr, value, implicit=implicit
    )


def test_long_lengths_are_for_the_standard_s_vrs() -> None:
    assert {vr.value for vr in EXPLICIT_VR_LENGTH_32} == LONG_VRS


@pytest.mark.parametrize(
    ("vr", "pad"), [("UI", b"\0"), ("OB", b"\0"), ("UN", b"\0"), ("LO", b" "), ("PN", b" ")]
)
def test_an_odd_value_is_padded_by_its_vr(vr: str, pad: bytes) -> None:
    assert padded(b"abc", vr) == b"abc" + pad
    assert padded(b"abcd", vr) == b"abcd"


def test_a_value_too_long_for_sixteen_bits_is_declared_unknown() -> None:
    assert element_header(0x00081030, "LO", 0xFFFE, implicit=False)[4:] == b"LO\xfe\xff"
    assert element_header(0x00081030, "LO", 0x10000, implicit=False)[4:] == b"UN\0\0\0\0\x01\0"
    assert element_header(0x00081030, "UT", 0x10000, implicit=False)[4:] == b"UT\0\0\0\0\x01\0"


@pytest.mark.parametrize("implicit", [True, False])
def test_headers_are_made_once_a_length(implicit: bool) -> None:
    headers = Headers(0x00100010, "PN", implicit=implicit)
    assert headers[8] is headers[8]
    assert headers[8] == element_header(0x00100010, "PN", 8, implicit=implicit)


@pytest.mark.parametrize("implicit", [True, False])
def test_a_sequence_s_header_counts_its_item_s(implicit: bool) -> None:
    whole = SequenceHeaders(0x00400100, implicit=implicit)[20]
    assert whole == element_header(0x00400100, "SQ", 28, implicit=implicit) + item_header(20)
    assert item_header(20) == b"\xfe\xff\x00\xe0\x14\0\0\0"


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
    assert element_header(STEPS, "SQ", 0, implicit=True) == b"\x40\x00\x00\x01\x00\x00\x00\x00"
    assert element_header(STEPS, "SQ", 0, implicit=False) == b"\x40\x00\x00\x01SQ\x00\x00\x00\x00\x00\x00"


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
