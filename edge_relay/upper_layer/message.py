"""DIMSE messages: presentation data values put together into requests, and bounded (PS3.8 Annex E). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from edge_relay.upper_layer import command
from edge_relay.upper_layer.command import Command, CommandField
from edge_relay.upper_layer.pdu import AbortReason, BadPdu, Pdv


class Context(NamedTuple):
    """An accepted presentation context."""

    context_id: int
    abstract_syntax: str
    implicit: bool


@dataclass(frozen=True, slots=True)
class Request:
    """What a peer asked: its command set and its data set, still encoded.

    :param data: None if the request has no data set.
    :param calling_ae_title: the peer's name for itself, as it was let in.
    """

    command: Command
    context: Context
    data: bytes | None
    calling_ae_title: str


class Assembler:
    """Puts one association's presentation data values together.

    :param longest: most bytes one message may have, command set and data set together.
    """

    def __init__(self, contexts: Mapping[int, Context], calling_ae_title: str, longest: int) -> None:
        self._contexts: Final = contexts
        self._calling: Final = calling_ae_title
        self._longest: Final = longest
        self._context_id = 0
        self._command: Command | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._context_id != 0

    def take(self, pdv: Pdv) -> Request | None:
        """Return the request that a PDV completes, None if more is to come.

        :raises BadPdu: if it cannot be part of a request in this association, or makes one too long.
        """
        if pdv.context_id not in self._contexts:
            raise BadPdu("a PDV of a context that was not accepted", AbortReason.UNEXPECTED_PARAMETER)
        if self._context_id not in {0, pdv.context_id}:
            raise BadPdu("a message in two contexts", AbortReason.UNEXPECTED_PARAMETER)
        if pdv.is_command != (self._command is None):
            raise BadPdu("command set and data set out of turn", AbortReason.UNEXPECTED_PARAMETER)
        self._context_id = pdv.context_id
        self._size += len(pdv.data)
        if self._size > self._longest:
            raise BadPdu(f"a message of more than {self._longest} bytes")
        if pdv.data:  # an empty one costs the peer six bytes and would cost us eight
            self._pieces.append(pdv.data)
        return self._ended() if pdv.is_last else None

    def _ended(self) -> Request | None:
        whole = b"".join(self._pieces)
        self._pieces = []
        if self._command is None:
            read = command.read(whole)
            if read.has_data_set and read.field is not CommandField.C_CANCEL:
                self._command = read
                return None
            return self._request(read, None)
        return self._request(self._command, whole)

    def _request(self, read: Command, data: bytes | None) -> Request:
        request = Request(read, self._contexts[self._context_id], data, self._calling)
        self._context_id, self._command, self._size = 0, None, 0
        return request
