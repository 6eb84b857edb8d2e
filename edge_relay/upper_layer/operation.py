"""The answers to one request: what an operation yields, and how that is written. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from edge_relay.upper_layer import command
from edge_relay.upper_layer.message import Request
from edge_relay.upper_layer.pdu import data_header, data_pdus, room_of
from shared.dicom.dimse_status import RESOURCE_LIMITATION

if TYPE_CHECKING:  # a name only: nothing here starts or waits for anything
    from concurrent.futures import Future

CANCELLED: Final = 0xFE00  # matching terminated due to a C-CANCEL, PS3.4 Table C.4-1
PENDING: Final = frozenset({0xFF00, 0xFF01})


class Response(NamedTuple):
    """One answer to a request; see `edge_relay.upper_layer.command.write`.

    :param data: the data set, encoded; empty is as good as None.
    """

    status: int
    data: bytes | None = None
    comment: str = ""
    error_id: int | None = None
    sop_instance_uid: str = ""


TOO_MANY_LARGE: Final = Response(
    RESOURCE_LIMITATION, comment="others fetch very long lists at the moment, ask again"
)
"""The answer in place of a large one that there is no room for, PS3.7 10.1.2.1.9."""


class Answered(NamedTuple):
    """How a request was answered.

    :param status: the final one.
    :param seconds: from when it was asked to the final response.
    :param answers: the pending responses before it.
    """

    request: Request
    status: int
    seconds: float
    answers: int


Operation: TypeAlias = "Iterator[Response | None] | Future[Response]"
"""Answers to come. An iterator yields None to say that it has worked for a while and found nothing yet."""


class ResponseWriter:
    """Writes the responses to one request. Pure.

    :param longest: the peer's maximum length: most bytes of a PDU after its header.
    """

    def __init__(self, request: Request, longest: int) -> None:
        self.request: Final = request
        self._context_id: Final = request.context.context_id
        self._longest: Final = longest
        self._room: Final = room_of(longest)
        self._heads: dict[int, bytes] = {}

    def write(self, response: Response) -> bytes:
        """Return the PDUs of a response: command set and data set each in their own."""
        context_id, data = self._context_id, response.data
        head = self._heads.get(response.status)
        if head is None:
            head = data_pdus(context_id, self._head(response), self._longest, is_command=True)
            if response.status in PENDING:  # their command sets are the same
                self._heads[response.status] = head
        if not data:
            return head
        if len(data) <= self._room:
            return b"".join((head, data_header(context_id, len(data)), data))
        return head + data_pdus(context_id, data, self._longest, is_command=False)

    def _head(self, response: Response) -> bytes:
        return command.write(
            self.request.command,
            response.status,
            has_data_set=bool(response.data),  # one without elements is none: nothing would travel
            comment=response.comment,
            error_id=response.error_id,
            sop_instance_uid=response.sop_instance_uid,
        )
