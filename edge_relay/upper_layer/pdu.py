"""PDUs and PDVs: the frames of the DICOM upper layer (PS3.8 section 9.3). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

_HEADER: Final = Struct(">BxL")  # type, reserved, length of what follows
_PDV_HEADER: Final = Struct(">LBB")  # length of what follows, context id, message control header
_DATA_HEADER: Final = Struct(">BBLLBB")  # both of a P-DATA-TF with one PDV
_HEADER_LENGTH: Final = 6
PDV_OVERHEAD: Final = 6
_MOST_BEGUN: Final = 42  # an A-ASSOCIATE-RQ up to its AE titles
_COMMAND_BIT, _LAST_BIT = 0x01, 0x02  # message control header, PS3.8 E.2

LEAST_PDU_BYTES: Final = 1024
"""Shortest maximum length we take from a peer: shorter ones would split every answer into crumbs."""


class PduType(IntEnum):
    """PDU types, PS3.8 Tables 9-11 to 9-26."""

    A_ASSOCIATE_RQ = 0x01
    A_ASSOCIATE_AC = 0x02
    A_ASSOCIATE_RJ = 0x03
    P_DATA_TF = 0x04
    A_RELEASE_RQ = 0x05
    A_RELEASE_RP = 0x06
    A_ABORT = 0x07


_TYPES: Final = {int(each): each for each in PduType}


class AbortReason(IntEnum):
    """Why the upper layer itself aborts, PS3.8 Table 9-26, source 2."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PARAMETER = 4
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER = 6


class BadPdu(Exception):
    """The peer sent what is no legal PDU here; the association is aborted.

    :param what: for the log; never quotes what was sent.
    """

    def __init__(self, what: str, reason: AbortReason = AbortReason.INVALID_PARAMETER) -> None:
        super().__init__(what)
        self.what = what
        self.reason = reason


class Pdu(NamedTuple):
    """One PDU: its type, and all its bytes, header included."""

    type: PduType
    raw: bytes


class Pdv(NamedTuple):
    """One presentation data value: a piece of a command set or data set."""

    context_id: int
    is_command: bool
    is_last: bool
    data: bytes


class Framer:
    """Cuts the byte stream of one connection into PDUs.

    :param longest: most bytes a PDU may have after its header.
    """

    def __init__(self, longest: int) -> None:
        self._longest: Final = longest
        self._buffer = bytearray()
        self._lost = False
        self._lost_at = b""

    @property
    def partial(self) -> bool:
        """Whether a PDU has begun and not ended."""
        return bool(self._buffer)

    @property
    def begun(self) -> bytes:
        """The first bytes of the PDU that has begun and not ended, or that could not be one."""
        return self._lost_at or bytes(self._buffer[:_MOST_BEGUN])

    def add(self, data: bytes) -> bool:
        """Take bytes that arrived; tell whether a PDU begins with them."""
        begins = not self._buffer
        if not self._lost:
            self._buffer += data
        return begins

    def next(self) -> Pdu | None:
        """Return the next PDU if all of it is there; raise `BadPdu` as soon as a header cannot be right.

        After that nobody knows where a PDU begins, so whatever else comes is ignored.
        """
        buffer = self._buffer
        size = len(buffer)
        if size < _HEADER_LENGTH:
            return None
        code, length = _HEADER.unpack_from(buffer)
        kind = _TYPES.get(code)
        if kind is None or length > self._longest:
            self._lost, self._lost_at = True, self.begun
            buffer.clear()
            if kind is None:
                raise BadPdu("a PDU of unknown type", AbortReason.UNRECOGNIZED_PDU)
            raise BadPdu(f"a PDU of more than {self._longest} bytes")
        end = _HEADER_LENGTH + length
        if size < end:
            return None
        raw = bytes(buffer[:end])
        del buffer[:end]
        return Pdu(kind, raw)

    def feed(self, data: bytes) -> Iterator[Pdu]:
        """Take bytes and yield the PDUs that are complete now; who stops drawing gets the rest later."""
        self.add(data)
        while (pdu := self.next()) is not None:
            yield pdu


def pdvs(raw: bytes) -> list[Pdv]:
    """Return the presentation data values of a P-DATA-TF; raise `BadPdu` if they do not fill it exactly."""
    found = []
    at, end = _HEADER_LENGTH, len(raw)
    while at < end:
        if end - at < PDV_OVERHEAD:
            raise BadPdu("a PDV header is cut off")
        length, context_id, control = _PDV_HEADER.unpack_from(raw, at)
        begin, at = at + PDV_OVERHEAD, at + 4 + length
        if length < 2 or at > end:
            raise BadPdu("a PDV is longer than its PDU")
        found.append(Pdv(context_id, bool(control & _COMMAND_BIT), bool(control & _LAST_BIT), raw[begin:at]))
    if not found:
        raise BadPdu("a P-DATA-TF without a PDV")
    return found


def room_of(longest: int) -> int:
    """Return how many bytes one PDV carries: an even number, as some refuse pieces of odd length (DCMTK).

    :param longest: the peer's maximum length: most bytes of a PDU after its header (PS3.8 D.1).
    """
    return longest - PDV_OVERHEAD & ~1


def data_header(context_id: int, size: int) -> bytes:
    """Return what goes before so many bytes of a data set that one PDV carries, in its P-DATA-TF PDU."""
    return _DATA_HEADER.pack(4, 0, size + 6, size + 2, context_id, _LAST_BIT)


def data_pdus(context_id: int, data: bytes, longest: int, *, is_command: bool) -> bytes:
    """Return the P-DATA-TF PDUs, one PDV each, that carry a command set or a data set.

    :param longest: the peer's maximum length: most bytes of a PDU after its header (PS3.8 D.1).
    """
    kind = _COMMAND_BIT if is_command else 0
    size = len(data)
    room = room_of(longest)
    if size <= room:
        return _DATA_HEADER.pack(4, 0, size + 6, size + 2, context_id, kind | _LAST_BIT) + data
    pieces = []
    for at in range(0, size, room):
        piece = data[at : at + room]
        last = _LAST_BIT if at + room >= size else 0
        pieces.append(_DATA_HEADER.pack(4, 0, len(piece) + 6, len(piece) + 2, context_id, kind | last))
        pieces.append(piece)
    return b"".join(pieces)


RELEASE_RP: Final = bytes((PduType.A_RELEASE_RP, 0, 0, 0, 0, 4, 0, 0, 0, 0))


def abort(reason: AbortReason, *, by_provider: bool = True) -> bytes:
    """Return an A-ABORT PDU (PS3.8 9.3.8), by the upper layer itself or by us, its user."""
    source = 2 if by_provider else 0
    return bytes((PduType.A_ABORT, 0, 0, 0, 0, 4, 0, 0, source, reason if by_provider else 0))


def reject(result: int, source: int, reason: int) -> bytes:
    """Return an A-ASSOCIATE-RJ PDU (PS3.8 Table 9-21)."""
    return bytes((PduType.A_ASSOCIATE_RJ, 0, 0, 0, 0, 4, 0, result, source, reason))
