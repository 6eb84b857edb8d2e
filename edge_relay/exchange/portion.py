"""How much to ask for in one call: less after a call that was too much, more again after one that was not.

Pure.
"""

from __future__ import annotations

from typing import Final

_GROWTH: Final = 4


class Portion:
    """A size between one and ``most``; used by one thread.

    It is halved each time the cloud does not manage. If it does not manage even one, the size was not the
    cause: the cloud is away, and gets all of it when it is back.
    """

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self.size = most

    def managed(self, asked: int) -> None:
        """Take note that a call for so many was answered."""
        if asked >= self.size:
            self.size = min(self._most, self.size * _GROWTH)

    def too_much(self, asked: int) -> None:
        """Take note that a call for so many was not managed."""
        smaller = min(self.size, asked) // 2
        self.size = smaller or self._most
