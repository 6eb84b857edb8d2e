"""Reads an encoded identifier: bytes in, tags with raw values out (PS3.5 section 7). Pure, and strict.

Implicit and explicit VR little endian; sequences and items of defined and undefined length. What a scanner
sent is either understood to its last byte or `Rejected`: no other exception, no unbounded work. Values stay
bytes: what they mean depends on the attribute (`edge_relay.worklist.query`) and the character set
(`shared.dicom.charset`).

Lenient where it does no harm: elements out of order, values of odd length, and UN for an attribute whose VR
is known (PS3.5 6.2.2 note 1 lets whoever passes messages on write that).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from edge_relay.dicom.encoding import LONG_VRS
from shared.errors import Rejected

_SHORT_VRS: Final = frozenset(  # PS3.5 Table 7.1-2
    {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN", "SH", "SL", "SS", "ST"}
    | {"TM", "UI", "UL", "US"}
)
_ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
_UNDEFINED: Final = 0xFFFFFFFF
_DEEPEST: Final = 16
MOST_ELEMENTS: Final = 2000
"""Elements of one identifier, items included. The longest query of a real scanner has some sixty."""

_HEADER: Final = struct.Struct("<HHI")
_EXPLICIT: Final = struct.Struct("<HH2sH")
_VRS: Final = {vr.encode(): vr for vr in (*_SHORT_VRS, *LONG_VRS)}
_TAG: Final = struct.Struct("<HH")
_LONG: Final = struct.Struct("<I")


class Element(NamedTuple):
    """One data element.

    :param vr: as sent, or as the dictionary has it; ``UN`` if neither says.
    :param value: the bytes as sent, padding included; empty for a sequence.
    :param items: a sequence's items; None if it is no sequence, or was not taken apart.
    """

    vr: str
    value: bytes
    items: tuple[Elements, ...] | None = None


Elements = Mapping[int, Element]


class Span(NamedTuple):
    """Where a sequence's items are in a data set: from ``at`` to ``end``, or to the sequence's delimiter."""

    data: bytes
    at: int
    end: int
    implicit: bool
    delimited: bool


TakeWhole = Callable[[Span], tuple[Element, int]]
"""Takes a sequence as a whole: returns its element, and where what follows begins."""


def read(
    data: bytes,
    *,
    implicit: bool,
    most_elements: int = MOST_ELEMENTS,
    whole: Mapping[int, TakeWhole] | None = None,
) -> Elements:
    """Return the elements of an encoded data set, by tag; raise `Rejected` if it is malformed.

    :param implicit: VR are not written (1.2.840.10008.1.2), else they are (1.2.840.10008.1.2.1).
    :param most_elements: more elements and items than this are refused.
    :param whole: what takes the sequences of some tags, in the place of taking them apart here.
    """
    reader = _Reader(data, most_elements, whole or {})
    elements, _ = reader.elements(0, len(data), implicit, depth=0, delimited=False)
    return elements


def read_item(data: bytes, at: int, end: int, *, implicit: bool, delimited: bool) -> tuple[Elements, int]:
    """Return the elements of one item of a sequence, and where it ended: after its delimiter, if any.

    :raises Rejected: if it is malformed.
    """
    return _Reader(data, MOST_ELEMENTS, {}).elements(at, end, implicit, depth=1, delimited=delimited)


class _Reader:
    def __init__(self, data: bytes, most_elements: int, whole: Mapping[int, TakeWhole]) -> None:
        self._data = data
        self._left = most_elements
        self._whole = whole

    def elements(
        self, at: int, end: int, implicit: bool, depth: int, *, delimited: bool
    ) -> tuple[dict[int, Element], int]:
        """Read from ``at`` to ``end``, or to the item's delimiter; return where it ended."""
        found: dict[int, Element] = {}
        while at < end:
            if delimited and self._starts_with(_ITEM_END, at, end):
                return found, at + 8
            tag, element, at = self._element(at, end, implicit, depth)
            if tag in found:
                raise Rejected("an attribute occurs twice", where=_name(tag))
            found[tag] = element
        if delimited:
            raise Rejected("an item has no end")
        return found, at

    def _element(self, at: int, end: int, implicit: bool, depth: int) -> tuple[int, Element, int]:
        tag, vr, length, at = self._header(at, end, implicit)
        if length == _UNDEFINED:
            if vr not in {"SQ", "UN"}:
                raise Rejected("only a sequence may have an undefined length", where=_name(tag))
            if vr == "SQ" and tag in self._whole:
                return (tag, *self._whole[tag](Span(self._data, at, end, implicit, delimited=True)))
            # A sequence of unknown VR has its items written in implicit VR (PS3.5 6.2.2 note 2).
            items, at = self._items(at, end, implicit or vr == "UN", depth, delimited=True)
            return tag, Element("SQ", b"", items), at
        if length > end - at:
            raise Rejected("a value reaches beyond its data set", where=_name(tag))
        if vr == "SQ" and tag in self._whole:
            return (tag, *self._whole[tag](Span(self._data, at, at + length, implicit, delimited=False)))
        if vr == "SQ" or (vr == "UN" and _dictionary_vr(tag) == "SQ"):
            items, at = self._items(at, at + length, implicit or vr == "UN", depth, delimited=False)
            return tag, Element("SQ", b"", items), at
        value = self._data[at : at + length]
        return tag, Element(_dictionary_vr(tag) if vr == "UN" else vr, value), at + length

    def _header(self, at: int, end: int, implicit: bool) -> tuple[int, str, int, int]:
        """Return tag, VR, length, and where the value starts."""
        if end - at < 8:
            raise Rejected("it breaks off within an attribute")
        self._count()
        length: int
        if implicit:
            group, number, length = _HEADER.unpack_from(self._data, at)
            written = b""
        else:
            group, number, written, length = _EXPLICIT.unpack_from(self._data, at)
        tag = group << 16 | number
        if group == 0xFFFE:
            raise Rejected("an item or delimiter is in the place of an attribute")
        if implicit:
            return tag, _dictionary_vr(tag), length, at + 8
        vr = _VRS.get(written)
        if vr is None:
            raise Rejected("it has a VR that does not exist", where=_name(tag))
        if vr in _SHORT_VRS:
            return tag, vr, length, at + 8
        if end - at < 12:
            raise Rejected("it breaks off within an attribute", where=_name(tag))
        return tag, vr, _LONG.unpack_from(self._data, at + 8)[0], at + 12

    def _items(
        self, at: int, end: int, implicit: bool, depth: int, *, delimited: bool
    ) -> tuple[tuple[Elements, ...], int]:
        if depth >= _DEEPEST:
            raise Rejected(f"sequences lie in each other more than {_DEEPEST} deep")
        items: list[Elements] = []
        while at < end:
            if delimited and self._starts_with(_SEQUENCE_END, at, end):
                return tuple(items), at + 8
            item, at = self._item(at, end, implicit, depth)
            items.append(item)
        if delimited:
            raise Rejected("a sequence has no end")
        return tuple(items), at

    def _item(self, at: int, end: int, implicit: bool, depth: int) -> tuple[Elements, int]:
        if not self._starts_with(_ITEM, at, end):
            raise Rejected("a sequence contains something that is not an item")
        self._count()
        length = _LONG.unpack_from(self._data, at + 4)[0]
        at += 8
        if length == _UNDEFINED:
            return self.elements(at, end, implicit, depth + 1, delimited=True)
        if length > end - at:
            raise Rejected("an item reaches beyond its sequence")
        return self.elements(at, at + length, implicit, depth + 1, delimited=False)

    def _starts_with(self, tag: int, at: int, end: int) -> bool:
        if end - at < 8:
            raise Rejected("it ends in the middle of a sequence")
        group, number = _TAG.unpack_from(self._data, at)
        return bool(group << 16 | number == tag)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise Rejected("it has too many attributes")


@lru_cache(maxsize=1024)
def _dictionary_vr(tag: int) -> str:
    if tag >> 16 & 1 or tag & 0xFFFF == 0:  # private; group length
        return "UN"
    from pydicom.datadict import dictionary_VR  # noqa: PLC0415  (large, and commands that read no DICOM need it not)

    try:
        return dictionary_VR(tag)[:2]  # "US or SS": the first does
    except KeyError:
        return "UN"


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
