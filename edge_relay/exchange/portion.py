"""How much to ask for in one call: less after a call that was too much, more again after some that were not.

Pure.
"""

from __future__ import annotations

from typing import Final

_GROWTH: Final = 4
_PATIENCE: Final = 8
"""Calls of a size that was managed, before a larger one is tried again that was not: a call that is too much
costs its whole time limit."""


class Portion:
    """A size between one and ``most``; used by one thread.

    It is halved each time the cloud does not manage. If it does not manage even one, the size was not the
    cause: the cloud is away, and gets all of it when it is back. If a size is too much that it has just grown
    to, it goes back to the one before, and stays there for a while.
    """

    def __init__(self, most: int) -> None:
        self._most: Final = most
        self._managed_before_growth = 0
        self._calls_until_growth = 0
        self.size = most

    def managed(self, asked: int) -> None:
        """Take note that a call for so many was answered."""
        if asked < self.size:
            return
        if self._calls_until_growth:
            self._calls_until_growth -= 1
            return
        self._managed_before_growth = self.size
        self.size = min(self._most, self.size * _GROWTH)

    def too_much(self, asked: int) -> None:
        """Take note that a call for so many was not managed."""
        before, self._managed_before_growth = self._managed_before_growth, 0
        if 0 < before < min(self.size, asked):
            self.size, self._calls_until_growth = before, _PATIENCE
            return
        smaller = min(self.size, asked) // 2
        if not smaller:
            self._calls_until_growth = 0
        self.size = smaller or self._most
