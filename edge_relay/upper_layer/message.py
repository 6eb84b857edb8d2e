"""DIMSE messages: presentation data values put together into requests, and bounded (PS3.8 Annex E). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from edge_relay.upper_layer import command
from edge_relay.upper_layer.command import Command, CommandField
from edge_relay.upper_layer.pdu import AbortReason, BadPdu, Pdv

MAY_BE_LARGE: Final = frozenset({CommandField.N_CREATE, CommandField.N_SET})
"""Requests that may name hundreds of thousands of images."""


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


MOST_LARGE_MESSAGES: Final = 2


class LargeMessages:
    """The places for large messages, shared by all connections, so that memory stays bounded.

    A place is held from when a message grows large until it has been answered. Who finds none is read no
    further until there is one. Not for several threads at once.
    """

    def __init__(self, most: int = MOST_LARGE_MESSAGES) -> None:
        self._most: Final = most
        self._holders: Final[set[object]] = set()

    def take(self, holder: object) -> bool:
        """Take a place, or keep the one that is held; tell whether there is one."""
        if holder not in self._holders and len(self._holders) >= self._most:
            return False
        self._holders.add(holder)
        return True

    def give_back(self, holder: object) -> None:
        """Give a place back; nothing happens if none is held."""
        self._holders.discard(holder)


MOST_LARGE_ANSWER_BYTES: Final = 64 << 20


class LargeAnswers:
    """The room for the large answers of all connections together, so that memory stays bounded.

    Room is held from when an answer was made until the peer has taken it. One answer alone always has room.
    Not for several threads at once.

    :param most: bytes of all of them.
    """

    def __init__(self, most: int = MOST_LARGE_ANSWER_BYTES) -> None:
        self._most: Final = most
        self._held: Final[dict[object, int]] = {}

    def take(self, holder: object, size: int) -> bool:
        """Take room for an answer of so many bytes; tell whether there was room."""
        others = sum(held for each, held in self._held.items() if each is not holder)
        if others and others + size > self._most:
            return False
        self._held[holder] = size
        return True

    def give_back(self, holder: object) -> None:
        """Give the room back; nothing happens if none is held."""
        self._held.pop(holder, None)


class Place:
    """The place of one connection for its large messages: one of them at a time."""

    def __init__(self, large: LargeMessages) -> None:
        self._large: Final = large
        self._arriving = False
        self._message_id: int | None = None  # of the request that has arrived, and has not been answered
        self.is_awaited = False

    def take(self) -> bool:
        """Take the place for the message that is arriving, or keep it; tell whether there is one."""
        if not self._arriving:
            self._arriving = self._message_id is None and self._large.take(self)
            self.is_awaited = not self._arriving
        return self._arriving

    def arrived(self, message_id: int) -> None:
        """Note that a message is complete: the place is kept until it has been answered."""
        if self._arriving:
            self._arriving, self._message_id = False, message_id

    def answered(self, message_id: int) -> None:
        """Give the place back if it was this request's."""
        if message_id == self._message_id:
            self.give_back()

    def give_back(self) -> None:
        """Give the place back, whatever it was for."""
        self._arriving = self.is_awaited = False
        self._message_id = None
        self._large.give_back(self)


class Assembler:
    """Puts one association's presentation data values together.

    :param longest: most bytes one message may have, command set and data set together.
    :param longest_step: most bytes of an N-CREATE or N-SET.
    """

    def __init__(
        self, contexts: Mapping[int, Context], calling_ae_title: str, longest: int, longest_step: int = 0
    ) -> None:
        self._contexts: Final = contexts
        self._calling: Final = calling_ae_title
        self._longest: Final = longest
        self._longest_step: Final = max(longest, longest_step)
        self._context_id = 0
        self._command: Command | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._context_id != 0

    @property
    def size(self) -> int:
        """Bytes of the message that has begun and not ended."""
        return self._size

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
        if self._size > self._longest and self._size > self._most:
            raise BadPdu(f"a message of more than {self._most} bytes")
        if pdv.data:  # an empty one costs the peer six bytes and would cost us eight
            self._pieces.append(pdv.data)
        return self._ended() if pdv.is_last else None

    @property
    def _most(self) -> int:
        is_step = self._command is not None and self._command.field in MAY_BE_LARGE
        return self._longest_step if is_step else self._longest

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
