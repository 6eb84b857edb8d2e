"""Long lists of references to images, as bytes: how many there are, and which are odd. Pure.

A performed step may name hundreds of thousands of images. Taken apart like everything else, each would be six
Python objects; here each costs a microsecond or two and no memory. Nearly all are *plain*: an item with a
Referenced SOP Class UID and a Referenced SOP Instance UID that are legal, and nothing else (PS3.3 Table
10-11). Any other is read in full, by the same reader as the rest of the data set, and the first few are kept
for whoever judges the message.

Both lengths of items and sequences are known here, the defined and the undefined (PS3.5 7.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct
from struct import error as StructError  # noqa: N812  (it is a class)
from typing import Final, NamedTuple

from edge_relay.dicom.elements import Element, Elements, Span, read_item
from edge_relay.dicom.encoding import item_header
from shared.errors import Rejected

_MOST_ODD: Final = 20

_ITEM, _ITEM_END, _SEQUENCE_END = 0xE000FFFE, 0xE00DFFFE, 0xE0DDFFFE  # as 32 bits, little endian
_CLASS, _INSTANCE = 0x11500008, 0x11550008
_UNDEFINED: Final = 0xFFFFFFFF
_UI: Final = 0x4955
_HEADER: Final = Struct("<II")
_EXPLICIT: Final = Struct("<IHH")
_UID: Final = re.compile(rb"(?:0|[1-9][0-9]*+)(?:\.(?:0|[1-9][0-9]*+))*+\0?")
_LONGEST_UID: Final = 64


class ReferenceList(NamedTuple):
    """One list of references.

    :param size: how many there are.
    :param items: the items as sent, without the sequence's own header and delimiter.
    :param implicit: how they are encoded.
    :param odd: the first items that are not plain.
    """

    size: int
    items: bytes
    implicit: bool
    odd: tuple[Elements, ...] = ()


class ReferenceLists:
    """Takes lists of references out of a data set while it is read; see `edge_relay.dicom.elements.read`.

    The list of an element it made is `of` it.
    """

    def __init__(self) -> None:
        self._lists: Final[dict[int, tuple[Element, ReferenceList]]] = {}

    @property
    def count(self) -> int:
        """How many references all lists have."""
        return sum(each.size for _, each in self._lists.values())

    @property
    def length(self) -> int:
        """How many bytes all lists have."""
        return sum(len(each.items) for _, each in self._lists.values())

    def of(self, element: Element) -> ReferenceList | None:
        """Return the list an element has; None if it was not made here."""
        held = self._lists.get(id(element))
        return held[1] if held is not None and held[0] is element else None

    def take(self, span: Span) -> tuple[Element, int]:
        """Take one list."""
        count, at, items_end = 0, span.at, span.at
        odd: list[Elements] = []
        for item in _items(span):
            count += 1
            at = items_end = item.end
            if item.elements is not None and len(odd) < _MOST_ODD:
                odd.append(item.elements)
        if span.delimited:
            at += _HEADER.size
        items = span.data[span.at : items_end]
        element = Element("SQ", b"", ())
        self._lists[id(element)] = element, ReferenceList(count, items, span.implicit, tuple(odd))
        return element, at


class _Item(NamedTuple):
    """One item.

    :param at: where its content begins.
    :param end: where what follows it begins.
    :param elements: what it holds; None if it is plain.
    """

    at: int
    end: int
    elements: Elements | None


def taken_apart(listed: ReferenceList) -> tuple[Elements, ...]:
    """Return the items of a list; for short ones."""
    return tuple(
        _read(listed, each.at, each.end) if each.elements is None else each.elements
        for each in _items(_whole(listed))
    )


def encoded_items(listed: ReferenceList, *, implicit: bool) -> Iterator[bytes | Elements]:
    """Yield what a list's items are in a transfer syntax: bytes; the elements of what is not plain."""
    if implicit is listed.implicit:
        yield listed.items
        return
    data = listed.items
    for each in _items(_whole(listed)):
        if each.elements is not None:
            yield each.elements
            continue
        yield _plain_item(data, each.at, from_implicit=listed.implicit)


def _whole(listed: ReferenceList) -> Span:
    return Span(listed.items, 0, len(listed.items), listed.implicit, delimited=False)


def _items(span: Span) -> Iterator[_Item]:
    """Yield the items of a list; raise `Rejected` if it is malformed."""
    data, at, end, implicit, delimited = span
    plain_end = _plain_end_implicit if implicit else _plain_end_explicit
    classes: set[bytes] = set()
    while at < end:
        if end - at < _HEADER.size:
            raise Rejected("it ends in the middle of a sequence")
        tag, length = _HEADER.unpack_from(data, at)
        if tag == _SEQUENCE_END and delimited:
            return
        if tag != _ITEM:
            raise Rejected("a sequence contains something that is not an item")
        at += _HEADER.size
        open_ended = length == _UNDEFINED
        if not open_ended and length > end - at:
            raise Rejected("an item reaches beyond its sequence")
        ends = plain_end(data, at, end, classes)
        if ends == at + length and not open_ended:
            elements: Elements | None = None
        elif ends and open_ended and data[ends : ends + 8] == b"\xfe\xff\x0d\xe0\0\0\0\0":
            elements, ends = None, ends + 8
        else:
            limit = end if open_ended else at + length
            elements, ends = read_item(data, at, limit, implicit=implicit, delimited=open_ended)
        yield _Item(at, ends, elements)
        at = ends
    if delimited:
        raise Rejected("a sequence has no end")


def _plain_end_implicit(data: bytes, at: int, end: int, classes: set[bytes]) -> int:
    """Return where a plain item's content ends; 0 if it is not plain."""
    try:
        first, size = _HEADER.unpack_from(data, at)
        begins, ends = at + 8, at + 8 + size
        second, length = _HEADER.unpack_from(data, ends)
    except StructError:
        return 0
    if first != _CLASS or second != _INSTANCE:
        return 0
    return _checked(data, begins, ends, ends + 8, ends + 8 + length, end, classes)


def _plain_end_explicit(data: bytes, at: int, end: int, classes: set[bytes]) -> int:
    try:
        first, vr, size = _EXPLICIT.unpack_from(data, at)
        begins, ends = at + 8, at + 8 + size
        second, other_vr, length = _EXPLICIT.unpack_from(data, ends)
    except StructError:
        return 0
    if first != _CLASS or second != _INSTANCE or vr != _UI or other_vr != _UI:
        return 0
    return _checked(data, begins, ends, ends + 8, ends + 8 + length, end, classes)


def _checked(
    data: bytes, class_at: int, class_end: int, uid_at: int, uid_end: int, end: int, classes: set[bytes]
) -> int:
    if uid_end > end or not _is_uid(data, uid_at, uid_end):
        return 0
    sop_class = data[class_at:class_end]
    if sop_class not in classes:
        if not _is_uid(data, class_at, class_end):
            return 0
        if len(classes) < _MOST_ODD:
            classes.add(sop_class)
    return uid_end


def _is_uid(data: bytes, at: int, end: int) -> bool:
    length = end - at
    if not 0 < length <= _LONGEST_UID + 1 or _UID.fullmatch(data, at, end) is None:
        return False
    return length <= _LONGEST_UID or data[end - 1] == 0


def _read(listed: ReferenceList, at: int, end: int) -> Elements:
    delimited = listed.items[end - 8 : end - 4] == b"\xfe\xff\x0d\xe0"
    return read_item(listed.items, at, end, implicit=listed.implicit, delimited=delimited)[0]


def _plain_item(data: bytes, at: int, *, from_implicit: bool) -> bytes:
    """Return a plain item in the other transfer syntax, its length defined."""
    parts = []
    for tag in (_CLASS, _INSTANCE):
        if from_implicit:
            length = _HEADER.unpack_from(data, at)[1]
            parts.append(_EXPLICIT.pack(tag, _UI, length))
        else:
            length = _EXPLICIT.unpack_from(data, at)[2]
            parts.append(_HEADER.pack(tag, length))
        parts.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    content = b"".join(parts)
    return item_header(len(content)) + content
