"""The load client's DICOM as bytes: what it sends, made before the clock starts, and what comes back.

A client that is to measure a server of 0.1 ms a query cannot afford a DICOM library. It knows one
presentation context (Explicit VR Little Endian, as findscu and most servers agree on) and the few messages a
scanner sends. PS3.8 section 9.3 (PDUs) and Annex E (PDVs), PS3.7 section 9.3, 10.3 and Annex E (commands).

`messages` gives findscu's write pattern: DCMTK writes the header of each PDV and its content by themselves,
so a request of a command and a data set is four writes, and Nagle's algorithm holds back the last three.
"""

from __future__ import annotations

from io import BytesIO
from struct import Struct, pack
from typing import Final, NamedTuple

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
EXPLICIT_LITTLE_ENDIAN: Final = "1.2.840.10008.1.2.1"
WORKLIST: Final = "1.2.840.10008.5.1.4.31"
PERFORMED_STEP: Final = "1.2.840.10008.3.1.2.3.3"
CONTEXT: Final = 1
LONGEST_PDU: Final = 16_384  # findscu's
IMPLEMENTATION: Final = "2.25.330771894230311417421733412178563414"

ACCEPTED: Final = 0x02
RELEASE_RQ: Final = bytes.fromhex("05 00 00000004 00000000")
RELEASE_RP: Final = 0x06
NO_DATA_SET: Final = 0x0101
PENDING: Final = frozenset({0xFF00, 0xFF01})

_P_DATA: Final = 0x04
_PDU: Final = Struct(">BxI")
_PDV: Final = Struct(">IBB")
_ELEMENT: Final = Struct("<HHI")
_SHORT: Final = Struct("<H")
_COMMAND, _LAST = 0x01, 0x02
_FINAL: Final = pack("<HHIH", 0x0000, 0x0800, 2, NO_DATA_SET)
_SMALL: Final = 4096
_TAIL: Final = 1024  # a last response with an Error Comment (LO 64) and all its other elements is shorter

Writes = tuple[bytes, ...]
"""One message, as the pieces that are written one by one."""


class Answer(NamedTuple):
    """What a request came to.

    :param status: of the last response.
    :param pending: how many responses came before it.
    """

    status: int
    pending: int


class WireError(Exception):
    """The server did not do as DICOM says, or refused."""


def associate(called: str, calling: str, sop_class: str) -> bytes:
    """Return an A-ASSOCIATE-RQ for one SOP class (PS3.8 Table 9-11)."""
    syntaxes = _item(0x30, sop_class.encode()) + _item(0x40, EXPLICIT_LITTLE_ENDIAN.encode())
    user = _item(0x51, pack(">I", LONGEST_PDU)) + _item(0x52, IMPLEMENTATION.encode())
    body = (
        pack(">Hxx16s16s32x", 1, called.ljust(16).encode(), calling.ljust(16).encode())
        + _item(0x10, APPLICATION_CONTEXT.encode())
        + _item(0x20, pack("BBBB", CONTEXT, 0, 0, 0) + syntaxes)
        + _item(0x50, user)
    )
    return _PDU.pack(0x01, len(body)) + body


def accepted(received: bytes) -> bool:
    """Tell whether a whole A-ASSOCIATE-AC with our context accepted is there; False: more must come.

    :raises WireError: it is a rejection, or the context was not accepted.
    """
    if len(received) < 6:
        return False
    kind, length = _PDU.unpack_from(received)
    if len(received) < 6 + length:
        return False
    if kind != ACCEPTED:
        raise WireError(f"refused the association (PDU type {kind:02X}: {received[6:10].hex()})")
    at = 6 + 68
    while at < 6 + length:
        item, size = received[at], int.from_bytes(received[at + 2 : at + 4], "big")
        if item == 0x21 and received[at + 4] == CONTEXT and received[at + 6] == 0:
            return True
        at += 4 + size
    raise WireError("did not accept the presentation context")


def find(identifier: bytes) -> Writes:
    """Return a C-FIND-RQ (PS3.7 Table 9.3-3)."""
    return messages(_command((0x0002, WORKLIST), (0x0100, 0x0020), (0x0110, 1), (0x0700, 0)), identifier)


def create(sop_instance_uid: str, attributes: bytes) -> Writes:
    """Return an N-CREATE-RQ (PS3.7 Table 10.3-9)."""
    fields = ((0x0002, PERFORMED_STEP), (0x0100, 0x0140), (0x0110, 1))
    return messages(_command(*fields, last=(0x1000, sop_instance_uid)), attributes)


def change(sop_instance_uid: str, modifications: bytes) -> Writes:
    """Return an N-SET-RQ (PS3.7 Table 10.3-5)."""
    fields = ((0x0003, PERFORMED_STEP), (0x0100, 0x0120), (0x0110, 1))
    return messages(_command(*fields, last=(0x1001, sop_instance_uid)), modifications)


def messages(command: bytes, data: bytes) -> Writes:
    """Return the four writes of a command and its data set, each in a P-DATA-TF PDU of its own."""
    return (_header(command, _COMMAND | _LAST), command, _header(data, _LAST), data)


def encoded(dataset: Dataset) -> bytes:
    """Return a data set in Explicit VR Little Endian."""
    with DicomBytesIO() as file:
        file.is_little_endian, file.is_implicit_VR = True, False
        write_dataset(file, dataset)  # type: ignore[no-untyped-call, unused-ignore]
        return file.getvalue()


class Answers:
    """What comes back on one association, piece by piece.

    Of a long list of answers nothing is looked at before the last response seems to be there (each but the
    last one says that a data set follows); then all are counted. So a caller that takes the time of its last
    read has not measured this class.
    """

    def __init__(self) -> None:
        self._received = bytearray()
        self._at = self._pending = 0
        self._command = BytesIO()
        self._status, self._data_follows = 0, False

    def feed(self, data: bytes) -> Answer | None:
        """Take what was read; return the answer once its last response is whole.

        :raises WireError: what came is no response.
        """
        self._received += data
        if len(self._received) > _SMALL and _FINAL not in self._received[-_TAIL:]:
            return None
        return self._parsed()

    def _parsed(self) -> Answer | None:
        received = self._received
        while len(received) >= self._at + 6:
            kind, length = _PDU.unpack_from(received, self._at)
            end = self._at + 6 + length
            if len(received) < end:
                return None
            if kind != _P_DATA:
                raise WireError(f"answered a request with a PDU of type {kind:02X}")
            over = self._pdvs(self._at + 6, end)
            self._at = end
            if over:
                return self._answer()
        return None

    def _pdvs(self, at: int, end: int) -> bool:
        """Take the PDVs of one PDU; tell whether the last response is whole."""
        over = False
        while at < end:
            length, _, control = _PDV.unpack_from(self._received, at)
            if control & _COMMAND:
                self._command.write(self._received[at + 6 : at + 4 + length])
                if control & _LAST:
                    self._status, self._data_follows = _status(self._command.getvalue())
                    self._command = BytesIO()
                    self._pending += self._status in PENDING
                    over = self._status not in PENDING and not self._data_follows
            elif control & _LAST:
                over = self._status not in PENDING
            at += 4 + length
        return over

    def _answer(self) -> Answer:
        answer = Answer(self._status, self._pending)
        del self._received[: self._at]
        self._at = self._pending = 0
        return answer


def _status(command: bytes) -> tuple[int, bool]:
    """Return a response's Status (0000,0900), and whether a data set follows (0000,0800)."""
    at, status, follows = 0, None, False
    while at + 8 <= len(command):
        _, element, length = _ELEMENT.unpack_from(command, at)
        if element == 0x0900:
            (status,) = _SHORT.unpack_from(command, at + 8)
        elif element == 0x0800:
            follows = _SHORT.unpack_from(command, at + 8)[0] != NO_DATA_SET
        at += 8 + length
    if status is None:
        raise WireError("answered without a status")
    return status, follows


def _command(*fields: tuple[int, str | int], last: tuple[int, str] | None = None) -> bytes:
    """Return a command set with a data set to follow, in Implicit VR Little Endian (PS3.7 section 6.3)."""
    elements = b"".join(_element(*field) for field in (*fields, (0x0800, 1), *([last] if last else [])))
    return _ELEMENT.pack(0, 0, 4) + pack("<I", len(elements)) + elements


def _element(element: int, value: str | int) -> bytes:
    if isinstance(value, int):
        return _ELEMENT.pack(0, element, 2) + _SHORT.pack(value)
    text = value.encode()
    text += b"\0" * (len(text) % 2)
    return _ELEMENT.pack(0, element, len(text)) + text


def _header(content: bytes, control: int) -> bytes:
    return _PDU.pack(_P_DATA, len(content) + 6) + _PDV.pack(len(content) + 2, CONTEXT, control)


def _item(kind: int, content: bytes) -> bytes:
    return pack(">BxH", kind, len(content)) + content
