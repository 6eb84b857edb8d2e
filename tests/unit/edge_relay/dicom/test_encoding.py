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

from edge_relay.dicom.encoding import (
    LONG_VRS,
    Headers,
    SequenceHeaders,
    element,
    element_header,
    item_header,
    padded,
)

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
