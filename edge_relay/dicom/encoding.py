"""Encoding of single data elements in both little endian syntaxes (PS3.5 section 7.1). Pure.

Only what a worklist answer holds: text and numbers, all far below 64 KiB, and sequences.
"""

from __future__ import annotations

import struct
from typing import Final

_IMPLICIT: Final = struct.Struct("<HHI")
_EXPLICIT: Final = struct.Struct("<HH2sH")
_LONG: Final = struct.Struct("<HH2sHI")
_ITEM: Final = struct.Struct("<HHI")


class Headers(dict[int, bytes]):
    """The header of one attribute by the length of its value, each made once.

    :param implicit: the VR is not written.
    """

    __slots__ = ("_implicit", "_tag", "_vr")

    def __init__(self, tag: int, vr: str, *, implicit: bool) -> None:
        self._tag = tag
        self._vr = vr.encode()
        self._implicit = implicit

    def __missing__(self, length: int) -> bytes:
        header = self[length] = self._header(length)
        return header

    def _header(self, length: int) -> bytes:
        group, number = self._tag >> 16, self._tag & 0xFFFF
        if self._implicit:
            return _IMPLICIT.pack(group, number, length)
        if self._vr == b"UC":  # Long Code Value: the only one with the long form of header
            return _LONG.pack(group, number, self._vr, 0, length)
        return _EXPLICIT.pack(group, number, self._vr, length)


class SequenceHeaders(dict[int, bytes]):
    """The headers of a sequence and its only item, by the length of the item's content."""

    __slots__ = ("_implicit", "_tag")

    def __init__(self, tag: int, *, implicit: bool) -> None:
        self._tag = tag
        self._implicit = implicit

    def __missing__(self, length: int) -> bytes:
        item = _ITEM.pack(0xFFFE, 0xE000, length)
        header = self[length] = empty_sequence(self._tag, implicit=self._implicit, length=length + 8) + item
        return header


def padded(value: bytes, vr: str) -> bytes:
    """Return a value of even length (PS3.5 6.2): NUL after a UID, else space."""
    if len(value) % 2 == 0:
        return value
    return value + (b"\0" if vr == "UI" else b" ")


def element(tag: int, vr: str, value: bytes, *, implicit: bool) -> bytes:
    """Return a whole element."""
    value = padded(value, vr)
    return Headers(tag, vr, implicit=implicit)[len(value)] + value


def empty_sequence(tag: int, *, implicit: bool, length: int = 0) -> bytes:
    """Return a sequence without items, or the header of one of ``length`` bytes."""
    group, number = tag >> 16, tag & 0xFFFF
    if implicit:
        return _IMPLICIT.pack(group, number, length)
    return _LONG.pack(group, number, b"SQ", 0, length)
