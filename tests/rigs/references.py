"""Long lists of references to images, encoded as scanners do; pydicom would take minutes."""

from __future__ import annotations

from collections.abc import Iterable
from struct import pack
from typing import Final

from edge_relay.dicom.encoding import element, item_header

MR_IMAGE: Final = "1.2.840.10008.5.1.4.1.1.4"
_CLASS, _INSTANCE = 0x00081150, 0x00081155
_REFERENCED_IMAGES, _SERIES, _STATUS = 0x00081140, 0x00400340, 0x00400252
_ITEM_END, _SEQUENCE_END = pack("<HHI", 0xFFFE, 0xE00D, 0), pack("<HHI", 0xFFFE, 0xE0DD, 0)


def reference(number: int, *, implicit: bool, more: bytes = b"") -> bytes:
    """Return the content of one reference's item."""
    return (
        element(_CLASS, "UI", MR_IMAGE.encode(), implicit=implicit)
        + element(_INSTANCE, "UI", uid(number).encode(), implicit=implicit)
        + more
    )


def uid(number: int) -> str:
    """Return the SOP Instance UID of an image: with 60 characters about as long as they may be."""
    return f"1.3.12.2.1107.5.2.19.45152.2019091213240145678901234{number + 10_000_000}"


def items(contents: Iterable[bytes], *, delimited: bool) -> bytes:
    """Return items, of defined length or with delimiters."""
    if delimited:
        return b"".join(pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + each + _ITEM_END for each in contents)
    return b"".join(item_header(len(each)) + each for each in contents)


def sequence(tag: int, content: bytes, *, implicit: bool, delimited: bool) -> bytes:
    """Return a sequence of these items, of defined length or with a delimiter."""
    if not delimited:
        return element(tag, "SQ", content, implicit=implicit)
    head = pack("<HH", tag >> 16, tag & 0xFFFF) + (b"" if implicit else b"SQ\0\0")
    return head + b"\xff\xff\xff\xff" + content + _SEQUENCE_END


def ended(
    *series: int, implicit: bool, delimited: bool = False, status: str = "COMPLETED", more: bytes = b""
) -> bytes:
    """Return a modification list that ends a step whose series refer to so many images each."""
    found, first = [], 0
    for number, count in enumerate(series):
        named = [
            reference(first + each, implicit=implicit, more=more if each == 0 else b"")
            for each in range(count)
        ]
        first += count
        images = sequence(
            _REFERENCED_IMAGES, items(named, delimited=delimited), implicit=implicit, delimited=delimited
        )
        found.append(images + _of_series(number, implicit=implicit))
    return (
        element(0x00400250, "DA", b"20261122", implicit=implicit)
        + element(0x00400251, "TM", b"095800", implicit=implicit)
        + element(_STATUS, "CS", status.encode(), implicit=implicit)
        + sequence(_SERIES, items(found, delimited=delimited), implicit=implicit, delimited=delimited)
    )


def _of_series(number: int, *, implicit: bool) -> bytes:
    values = (
        (0x00080054, "AE", b""),
        (0x0008103E, "LO", b"T1"),
        (0x00081050, "PN", b""),
        (0x00081070, "PN", b""),
        (0x00181030, "LO", b"T1 MPRAGE"),
        (0x0020000E, "UI", f"2.25.{number + 1}".encode()),
        (0x00400220, "SQ", b""),
    )
    return b"".join(element(tag, vr, value, implicit=implicit) for tag, vr, value in values)
