"""What an A-ASSOCIATE-RQ says that the relay needs; all else is passed over (PS3.8 9.3.1 and D.2). Pure.

A receiver ignores items it does not know. Nor does one association fail for an implementation's name, for a
negotiation the relay takes no part in, for reserved bytes, for the number of its items, or for presentation
contexts that nobody can read. What is left is a request of the same meaning that pynetdicom's classes read,
and read at once: at most 128 contexts of two transfer syntaxes, and as many role selections.

    variable items        application context 10, presentation contexts 20, user information 50
    in a context          abstract syntax 30, transfer syntaxes 40
    user information      maximum length 51, implementation class 52, role selection 54

A context that cannot be read, but has an id, is to be answered like one of a service nobody offers: what
stands in its place proposes `UNREADABLE`. One without an odd id cannot be answered at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from struct import Struct
from typing import Final, NamedTuple

from edge_relay.upper_layer.pdu import BadPdu, PduType

FIXED_FIELDS: Final = 74
"""Bytes of an A-ASSOCIATE-RQ before its items, PS3.8 Table 9-11."""

UNREADABLE: Final = "2.25.0"
"""Stands for an abstract syntax that cannot be read."""

_ITEM: Final = Struct(">BxH")  # type, reserved, length of what follows
_LENGTH: Final = Struct(">L")
_APPLICATION, _CONTEXT, _ABSTRACT, _TRANSFER, _USER = 0x10, 0x20, 0x30, 0x40, 0x50
_MAXIMUM, _CLASS, _ROLE = 0x51, 0x52, 0x54
_CONTEXT_FIELDS: Final = 4  # id and reserved bytes before its sub-items
_MOST_ROLES: Final = 128
_VERSION, _RESERVED, _CALLED, _CALLING = slice(6, 8), slice(8, 10), slice(10, 26), slice(26, 42)
_TITLE: Final = re.compile(rb"[ -\[\]-~]*[!-\[\]-~][ -\[\]-~]*")
_NO_TITLE: Final = b"?".ljust(16)


class Caller(NamedTuple):
    """Who calls whom by which protocol, as far as it can be read.

    :param version: Protocol-version: a bit for each the peer has; 0 if it did not come so far.
    """

    calling: str
    called: str
    version: int


def caller(raw: bytes) -> Caller:
    """Return who sends what begins like this; nobody if it does not begin like an A-ASSOCIATE-RQ.

    What is cut off is read only if its reserved bytes are 0, as PS3.8 Table 9-11 sends them: whatever else
    came in may be a participant's name, and this is logged.
    """
    is_cut_off = len(raw) < FIXED_FIELDS
    if raw[:1] != bytes((PduType.A_ASSOCIATE_RQ,)) or (is_cut_off and any(raw[_RESERVED])):
        return Caller("", "", 0)
    return Caller(_text(raw[_CALLING]), _text(raw[_CALLED]), int.from_bytes(raw[_VERSION]))


def needed(raw: bytes, transfer_syntaxes: Collection[str]) -> bytes:
    """Return an A-ASSOCIATE-RQ with only what the relay needs of it.

    AE titles that pynetdicom could not read are replaced, and the version is 1: `caller` tells what was sent.

    :param transfer_syntaxes: those that could be accepted; of others, one is enough to refuse.
    :raises BadPdu: it is cut off.
    """
    if len(raw) < FIXED_FIELDS:
        raise BadPdu("an A-ASSOCIATE-RQ that is cut off")
    kept = _Kept({each.encode() for each in transfer_syntaxes})
    for kind, value in _items(raw[FIXED_FIELDS:]):
        kept.take(kind, value)
    items = kept.items()
    titles = _title(raw[_CALLED]) + _title(raw[_CALLING])
    head = bytes((PduType.A_ASSOCIATE_RQ, 0)) + _LENGTH.pack(FIXED_FIELDS - 6 + len(items)) + b"\0\1\0\0"
    return head + titles + bytes(32) + items


class _Kept:
    """What is kept of a request's items."""

    def __init__(self, syntaxes: Collection[bytes]) -> None:
        self._syntaxes = syntaxes
        self._application = b""
        self._contexts: dict[int, bytes] = {}
        self._about_peer: dict[int, bytes] = {}
        self._roles: dict[bytes, bytes] = {}

    def take(self, kind: int, value: bytes) -> None:
        """Keep an item if it is needed: the first of those that may be there once."""
        if kind == _APPLICATION and not self._application and _is_uid(value):
            self._application = _item(kind, value)
        elif kind == _CONTEXT and value[:1] and value[0] % 2 and value[0] not in self._contexts:
            self._contexts[value[0]] = _item(kind, bytes((value[0], 0, 0, 0)) + self._proposed(value))
        elif kind == _USER:
            self._take_user_information(value)

    def items(self) -> bytes:
        """Return what is kept, as items."""
        about = b"".join((*self._about_peer.values(), *self._roles.values()))
        return self._application + b"".join(self._contexts.values()) + _item(_USER, about)

    def _proposed(self, value: bytes) -> bytes:
        """Return the syntaxes of a context, its one abstract syntax first."""
        try:
            found = list(_items(value[_CONTEXT_FIELDS:]))
        except BadPdu:
            found = []
        abstract = [uid for kind, uid in found if kind == _ABSTRACT]
        transfer = [uid for kind, uid in found if kind == _TRANSFER and _is_uid(uid)]
        if len(abstract) != 1 or not _is_uid(abstract[0]) or not transfer:
            abstract, transfer = [UNREADABLE.encode()], transfer or [b"1.2.840.10008.1.2"]
        acceptable = [uid for uid in dict.fromkeys(map(_stripped, transfer)) if uid in self._syntaxes]
        syntaxes = acceptable or [_stripped(transfer[0])]
        return _item(_ABSTRACT, abstract[0]) + b"".join(_item(_TRANSFER, uid) for uid in syntaxes)

    def _take_user_information(self, value: bytes) -> None:
        for kind, body in _items(value):
            if kind == _ROLE and _is_role(body) and len(self._roles) < _MOST_ROLES:
                self._roles.setdefault(_stripped(body[2:-2]), _item(kind, body))
            elif (kind == _MAXIMUM and len(body) == _LENGTH.size) or (kind == _CLASS and _is_uid(body)):
                self._about_peer.setdefault(kind, _item(kind, body))


def _is_role(value: bytes) -> bool:
    fits = len(value) > 4 and len(value) == 4 + int.from_bytes(value[:2])
    return fits and _is_uid(value[2:-2]) and set(value[-2:]) <= {0, 1}


def _is_uid(value: bytes) -> bool:
    text = _stripped(value)
    return 0 < len(text) <= 64 and text.replace(b".", b"0").isdigit()


def _stripped(value: bytes) -> bytes:
    return value.rstrip(b"\0 ")


def _title(field: bytes) -> bytes:
    # Some pad their AE titles with NUL, where PS3.8 Table 9-11 wants spaces.
    spaced = field.replace(b"\0", b" ")
    return spaced if _TITLE.fullmatch(spaced) else _NO_TITLE


def _text(field: bytes) -> str:
    return field.replace(b"\0", b" ").decode("ascii", "replace").strip()


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
