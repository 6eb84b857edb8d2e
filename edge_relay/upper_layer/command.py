"""Command sets: what a peer asks, and the head of what it is answered (PS3.7 section 6.3 and Annex E). Pure.

A command set is always implicit VR little endian; it is read and written here as bytes, because every
answer of a worklist carries one.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import Final

from edge_relay.upper_layer.pdu import BadPdu

_ELEMENT: Final = Struct("<HHL")
_US: Final = Struct("<H")
_US_ELEMENT: Final = Struct("<HHLH")
_TAG: Final = Struct("<HH")
_RESPONSE: Final = Struct("<HHLHHHLHHHLHHHLH")  # the four elements of two bytes that every response has

# PS3.7 Table E.1-1; all of group 0000
_GROUP_LENGTH: Final = 0x0000
_AFFECTED_SOP_CLASS_UID: Final = 0x0002
_REQUESTED_SOP_CLASS_UID: Final = 0x0003
_COMMAND_FIELD: Final = 0x0100
_MESSAGE_ID: Final = 0x0110
_MESSAGE_ID_BEING_RESPONDED_TO: Final = 0x0120
_COMMAND_DATA_SET_TYPE: Final = 0x0800
_STATUS: Final = 0x0900
_ERROR_COMMENT: Final = 0x0902
_ERROR_ID: Final = 0x0903
_AFFECTED_SOP_INSTANCE_UID: Final = 0x1000
_REQUESTED_SOP_INSTANCE_UID: Final = 0x1001
_ATTRIBUTE_IDENTIFIER_LIST: Final = 0x1005

_NO_DATA_SET: Final = 0x0101
_DATA_SET: Final = 0x0001
_RESPONSE_BIT: Final = 0x8000
_LONGEST_COMMENT: Final = 64  # Error Comment is an LO
_NOT_PLAIN: Final = re.compile("[^ -~]")  # what neither the default repertoire nor an LO has
_MOST_ELEMENTS: Final = 64


class CommandField(IntEnum):
    """Requests, PS3.7 Table E.1-1; a response has 8000H added."""

    C_STORE = 0x0001
    C_GET = 0x0010
    C_FIND = 0x0020
    C_MOVE = 0x0021
    C_ECHO = 0x0030
    N_EVENT_REPORT = 0x0100
    N_GET = 0x0110
    N_SET = 0x0120
    N_ACTION = 0x0130
    N_CREATE = 0x0140
    N_DELETE = 0x0150
    C_CANCEL = 0x0FFF


_FIELDS: Final = {int(each): each for each in CommandField}


@dataclass(frozen=True, slots=True)
class Command:
    """A request's command set.

    :param message_id: of the request itself; of the request to cancel, for C-CANCEL.
    :param sop_class_uid: Affected or Requested, whichever the service has.
    :param sop_instance_uid: Affected or Requested; empty if there is none.
    :param tags: Attribute Identifier List of an N-GET; empty: all.
    """

    field: CommandField
    message_id: int
    has_data_set: bool
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    tags: tuple[int, ...] = ()


def read(data: bytes) -> Command:
    """Return the request a command set makes; raise `BadPdu` if it is none, or lacks what every one has."""
    elements = _elements(data)
    number = _us(elements, _COMMAND_FIELD)
    field = _FIELDS.get(number)
    if field is None:
        what = "a response" if number & _RESPONSE_BIT else "an unknown command"
        raise BadPdu(f"{what}, {number:04X}, where a request was expected")
    is_cancel = field is CommandField.C_CANCEL
    message_id = _us(elements, _MESSAGE_ID_BEING_RESPONDED_TO if is_cancel else _MESSAGE_ID)
    sop_class_uid = _uid(elements, _AFFECTED_SOP_CLASS_UID, _REQUESTED_SOP_CLASS_UID)
    if not is_cancel and not sop_class_uid:
        raise BadPdu(f"request {number:04X} without a SOP Class UID")
    return Command(
        field=field,
        message_id=message_id,
        has_data_set=_us(elements, _COMMAND_DATA_SET_TYPE) != _NO_DATA_SET,
        sop_class_uid=sop_class_uid,
        sop_instance_uid=_instance(elements),
        tags=_tags(elements.get(_ATTRIBUTE_IDENTIFIER_LIST, b"")),
    )


def write(
    request: Command,
    status: int,
    *,
    has_data_set: bool = False,
    comment: str = "",
    error_id: int | None = None,
    sop_instance_uid: str = "",
) -> bytes:
    """Return the command set that answers a request (PS3.7 sections 9.3 and 10.3).

    :param comment: Error Comment; cut to 64 characters of ASCII.
    :param sop_instance_uid: Affected SOP Instance UID, if the request's own is not to be repeated.
    """
    parts = [
        _text(_AFFECTED_SOP_CLASS_UID, request.sop_class_uid, b"\0"),
        _RESPONSE.pack(
            *(0, _COMMAND_FIELD, 2, request.field | _RESPONSE_BIT),
            *(0, _MESSAGE_ID_BEING_RESPONDED_TO, 2, request.message_id),
            *(0, _COMMAND_DATA_SET_TYPE, 2, _DATA_SET if has_data_set else _NO_DATA_SET),
            *(0, _STATUS, 2, status),
        ),
    ]
    if comment:
        parts.append(_text(_ERROR_COMMENT, plain(comment), b" "))
    if error_id is not None:
        parts.append(_short(_ERROR_ID, error_id))
    instance = sop_instance_uid or request.sop_instance_uid
    if instance and _is_uid(instance.encode()):
        parts.append(_text(_AFFECTED_SOP_INSTANCE_UID, instance, b"\0"))
    body = b"".join(parts)
    return _ELEMENT.pack(0, _GROUP_LENGTH, 4) + len(body).to_bytes(4, "little") + body


def plain(comment: str) -> str:
    """Return what an Error Comment can hold of a text: one value of 64 characters of ASCII."""
    return _NOT_PLAIN.sub("?", comment.replace("\\", "/"))[:_LONGEST_COMMENT]


def _elements(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        try:
            group, element, length = _ELEMENT.unpack_from(data, at)
        except struct.error:
            raise BadPdu("a command set is cut off") from None
        begin, at = at + 8, at + 8 + length
        if group != 0 or at > len(data) or element in found or len(found) >= _MOST_ELEMENTS:
            raise BadPdu("a command set that is none")
        found[element] = data[begin:at]
    return found


def _us(elements: dict[int, bytes], element: int) -> int:
    value = elements.get(element, b"")
    if len(value) != 2:
        raise BadPdu(f"a command set without a valid (0000,{element:04X})")
    return int(_US.unpack(value)[0])


def _uid(elements: dict[int, bytes], *alternatives: int) -> str:
    raw = next((elements[each] for each in alternatives if each in elements), b"")
    text = raw.rstrip(b"\0 ")
    if text and not _is_uid(text):
        raise BadPdu("a command set with a UID that is none")
    return text.decode("ascii")


def _instance(elements: dict[int, bytes]) -> str:
    """Return the SOP Instance UID, whatever it is: the service refuses a wrong one with 0117."""
    alternatives = (_AFFECTED_SOP_INSTANCE_UID, _REQUESTED_SOP_INSTANCE_UID)
    raw = next((elements[each] for each in alternatives if each in elements), b"")
    return raw.rstrip(b"\0 ").decode("ascii", "replace")


def _is_uid(text: bytes) -> bool:
    return len(text) <= 64 and text.replace(b".", b"0").isdigit()


def _tags(raw: bytes) -> tuple[int, ...]:
    if len(raw) % 4:
        raise BadPdu("an Attribute Identifier List that is none")
    pairs = _TAG.iter_unpack(raw)
    return tuple(group << 16 | element for group, element in pairs)


def _short(element: int, value: int) -> bytes:
    return _US_ELEMENT.pack(0, element, 2, value)


def _text(element: int, value: str, padding: bytes) -> bytes:
    raw = value.encode("ascii")
    raw += padding * (len(raw) % 2)
    return _ELEMENT.pack(0, element, len(raw)) + raw
