"""Encoding of single data elements in both little endian syntaxes (PS3.5 section 7.1). Pure."""

from __future__ import annotations

import struct
from typing import Final

_IMPLICIT: Final = struct.Struct("<HHI")
_EXPLICIT: Final = struct.Struct("<HH2sH")
_LONG: Final = struct.Struct("<HH2sHI")
_ITEM: Final = struct.Struct("<HHI")

BINARY_VRS: Final = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
LONG_VRS: Final = BINARY_VRS | {"SQ", "SV", "UC", "UR", "UT", "UV"}
"""Those with 32 bits of length in explicit VR, PS3.5 Table 7.1-1."""

LONGEST_SHORT: Final = 0xFFFE


def element_header(tag: int, vr: str, length: int, *, implicit: bool) -> bytes:
    """Return the header of an element whose value has ``length`` bytes.

    In explicit VR, a value too long for its VR's 16 bits of length is declared UN (PS3.5 6.2.2 note 1).
    """
    group, number = tag >> 16, tag & 0xFFFF
    if implicit:
        return _IMPLICIT.pack(group, number, length)
    if vr not in LONG_VRS and length > LONGEST_SHORT:
        vr = "UN"
    if vr in LONG_VRS:
        return _LONG.pack(group, number, vr.encode(), 0, length)
    return _EXPLICIT.pack(group, number, vr.encode(), length)


def item_header(length: int) -> bytes:
    """Return the header of a sequence's item whose content has ``length`` bytes."""
    return _ITEM.pack(0xFFFE, 0xE000, length)


class Headers(dict[int, bytes]):
    """The header of one attribute by the length of its value, each made once.

    :param implicit: the VR is not written.
    """

    __slots__ = ("_implicit", "_tag", "_vr")

    def __init__(self, tag: int, vr: str, *, implicit: bool) -> None:
        self._tag = tag
        self._vr = vr
        self._implicit = implicit

    def __missing__(self, length: int) -> bytes:
        header = self[length] = self.header(length)
        return header

    def header(self, length: int) -> bytes:
        """Return the header, made anew."""
        return element_header(self._tag, self._vr, length, implicit=self._implicit)


class SequenceHeaders(dict[int, bytes]):
    """The headers of a sequence and its only item, by the length of the item's content."""

    __slots__ = ("_implicit", "_tag")

    def __init__(self, tag: int, *, implicit: bool) -> None:
        self._tag = tag
        self._implicit = implicit

    def __missing__(self, length: int) -> bytes:
        item = item_header(length)
        whole = length + len(item)
        header = self[length] = element_header(self._tag, "SQ", whole, implicit=self._implicit) + item
        return header


def padded(value: bytes, vr: str) -> bytes:
    """Return a value of even length (PS3.5 6.2): NUL after a UID or bytes, else space."""
    if len(value) % 2 == 0:
        return value
    return value + (b"\0" if vr == "UI" or vr in BINARY_VRS else b" ")


def element(tag: int, vr: str, value: bytes, *, implicit: bool) -> bytes:
    """Return a whole element."""
    value = padded(value, vr)
    return element_header(tag, vr, len(value), implicit=implicit) + value
