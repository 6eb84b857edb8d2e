"""Answers that were written before: a console asks for the same list again and again, and little has changed.

What is kept of an item is the row it was written from, whole, and its answer. So an answer is used again only
for the very same bytes, and a row that is the same as one found sound is sound. All plans share one room;
when it is full, everything is forgotten, and written again as it is asked for. Pure.
"""

from __future__ import annotations

from typing import Any, Final, Generic, Protocol, TypeVar
from weakref import WeakSet

MOST_BYTES: Final = 32 << 20
_AROUND: Final = 512  # what Python needs for the objects of one entry, besides their bytes

Row = tuple[object, ...]
"""What the cache returned: item id, change number, status, ASCII or not, blob, checksum."""


class Sized(Protocol):
    """An answer."""

    @property
    def identifier(self) -> bytes:
        """Its bytes."""


A = TypeVar("A", bound=Sized)


class Room:
    """How much may be kept in all, in bytes."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most: Final = most
        self._used = 0
        self._holders: Final[WeakSet[Written[Any]]] = WeakSet()

    def enter(self, holder: Written[Any]) -> None:
        """Let somebody keep something here."""
        self._holders.add(holder)

    def take(self, size: int) -> None:
        """Count what is kept from now on; when the room is full, everybody forgets what they keep."""
        self._used += size
        if self._used > self._most:
            self._used = size
            for holder in self._holders:  # those too that nobody asks any more
                holder.forget()


class Written(Generic[A]):
    """The answers written by one plan, by item."""

    def __init__(self, room: Room) -> None:
        self._room: Final = room
        self._kept: Final[dict[object, tuple[Row, A]]] = {}
        room.enter(self)

    def of(self, row: Row) -> A | None:
        """Return the answer that was written from these very values; None if there is none."""
        known = self._kept.get(row[0])
        return known[1] if known is not None and known[0] == row else None

    def keep(self, row: Row, answer: A) -> None:
        """Keep what was written from a row that was found sound."""
        blob = row[4]
        self._room.take(len(answer.identifier) + _AROUND + (len(blob) if isinstance(blob, bytes) else 0))
        self._kept[row[0]] = row, answer

    def forget(self) -> None:
        """Forget everything."""
        self._kept.clear()
