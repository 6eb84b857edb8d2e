"""What an A-ASSOCIATE-RQ says that the relay needs; all else is passed over (PS3.8 9.3.1 and D.2). Pure.

A receiver ignores items it does not know. Nor does one association fail for an implementation's name, for a
negotiation the relay takes no part in, or for one presentation context among good ones that nobody can read.
What is left are the items that pynetdicom's classes know, each with a length that fits.

    variable items        application context 10, presentation contexts 20, user information 50
    in a context          abstract syntax 30, transfer syntaxes 40
    user information      maximum length 51, implementation class 52, role selection 54
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from edge_relay.upper_layer.pdu import BadPdu

FIXED_FIELDS: Final = 74
"""Bytes of an A-ASSOCIATE-RQ before its items, PS3.8 Table 9-11."""

_ITEM: Final = Struct(">BxH")  # type, reserved, length of what follows
_LENGTH: Final = Struct(">L")
_APPLICATION, _CONTEXT, _ABSTRACT, _TRANSFER, _USER = 0x10, 0x20, 0x30, 0x40, 0x50
_MAXIMUM, _CLASS, _ROLE = 0x51, 0x52, 0x54
_CONTEXT_FIELDS: Final = 4  # id and reserved bytes before its sub-items


def needed(raw: bytes) -> bytes:
    """Return an A-ASSOCIATE-RQ with only what the relay needs of it; of the same meaning to the relay."""
    items = b"".join(_kept(kind, value) for kind, value in _items(raw[FIXED_FIELDS:]))
    head = raw[:2] + _LENGTH.pack(FIXED_FIELDS - 6 + len(items)) + raw[6:FIXED_FIELDS]
    return head + items


def _kept(kind: int, value: bytes) -> bytes:
    if kind == _APPLICATION:
        return _item(kind, value)
    if kind == _CONTEXT and _is_context(value):
        found = _items(value[_CONTEXT_FIELDS:])
        known = b"".join(_item(each, uid) for each, uid in found if each in {_ABSTRACT, _TRANSFER})
        return _item(kind, value[:_CONTEXT_FIELDS] + known)
    if kind == _USER:
        said = b"".join(_item(each, body) for each, body in _items(value) if _is_needed(each, body))
        return _item(kind, said)
    return b""


def _is_context(value: bytes) -> bool:
    """Tell whether a context can be answered: an odd id, one abstract syntax, and a transfer syntax."""
    try:
        found = list(_items(value[_CONTEXT_FIELDS:]))
    except BadPdu:
        return False
    abstract = [uid for kind, uid in found if kind == _ABSTRACT]
    transfer = [uid for kind, uid in found if kind == _TRANSFER]
    return (
        len(value) >= _CONTEXT_FIELDS
        and value[0] % 2 == 1
        and len(abstract) == 1
        and bool(transfer)
        and all(map(_is_uid, (*abstract, *transfer)))
    )


def _is_needed(kind: int, value: bytes) -> bool:
    if kind == _MAXIMUM:
        return len(value) == _LENGTH.size
    if kind == _CLASS:
        return _is_uid(value)
    fits = len(value) > 4 and len(value) == 4 + int.from_bytes(value[:2])
    return kind == _ROLE and fits and _is_uid(value[2:-2])


def _is_uid(value: bytes) -> bool:
    text = value.rstrip(b"\0 ")
    return 0 < len(text) <= 64 and text.replace(b".", b"0").isdigit()


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield items as type and value; raise `BadPdu` if one is cut off."""
    at = 0
    while at + _ITEM.size <= len(data):
        kind, length = _ITEM.unpack_from(data, at)
        at += _ITEM.size
        if at + length > len(data):
            raise BadPdu("an A-ASSOCIATE-RQ with an item that is cut off")
        yield kind, data[at : at + length]
        at += length


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM.pack(kind, len(value)) + value
