"""The rows of long lists as they were read, for as long as the file is the same; not read again until then.

A list is known by its statement and values, the connection that read it, and what SQLite says of the file in
that connection (``PRAGMA data_version``): another number after any commit of another connection. All lists
together have a bound; a list beyond it takes the place of all others, or is not kept. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

MOST_ROWS: Final = 16_384
"""Of all lists together: with what `edge_relay.worklist.remembered.written` keeps of them, some 16 MB."""

Chunk = list[tuple[Any, ...]]
Asked = tuple[str, tuple[str, ...]]
"""A statement and its values."""


class Seen(NamedTuple):
    """The file as a connection sees it: equal to another one only if nothing was committed in between."""

    connection: object
    data_version: int


class LongLists:
    """The lists that one reader keeps; for one thread."""

    def __init__(self, most_rows: int = MOST_ROWS) -> None:
        self._most: Final = most_rows
        self._rows = 0
        self._kept: Final[dict[Asked, tuple[Seen, Sequence[Chunk]]]] = {}

    def has(self, asked: Asked) -> bool:
        """Tell whether a list is kept, be it that it is no longer true."""
        return asked in self._kept

    def of(self, asked: Asked, seen: Seen) -> Sequence[Chunk] | None:
        """Return a list's rows if they were read from the file as it is now, else None."""
        kept = self._kept.get(asked)
        if kept is None:
            return None
        if kept[0] == seen:
            return kept[1]
        if kept[0].connection is seen.connection:  # another connection may have the file as it was
            self._forget(asked)
        return None

    def keep(self, asked: Asked, seen: Seen, chunks: Sequence[Chunk]) -> None:
        """Keep a list that was read to its end."""
        size = sum(map(len, chunks))
        if size > self._most:
            return
        self._forget(asked)
        if self._rows + size > self._most:
            self.forget()
        self._kept[asked] = seen, chunks
        self._rows += size

    def forget(self) -> None:
        """Forget all lists."""
        self._kept.clear()
        self._rows = 0

    def _forget(self, asked: Asked) -> None:
        if (kept := self._kept.pop(asked, None)) is not None:
            self._rows -= sum(map(len, kept[1]))
