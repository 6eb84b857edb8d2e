"""Limits log lines that strangers can cause: the first is logged, then a count every few minutes."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_AGAIN_AFTER_SECONDS: Final = 300.0
_MOST_KEYS: Final = 256


class RareLog:
    """Says the same thing no more than once in five minutes. Used by one thread.

    :param clock: seconds, only ever forward.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._log: Final = log
        self._clock: Final = clock
        self._said: Final[OrderedDict[tuple[object, ...], tuple[float, int]]] = OrderedDict()

    def warning(self, message: str, *details: object) -> None:
        """Log a warning, unless the same with the same details was logged a moment ago."""
        key = (message, *details)
        now = self._clock()
        said_at, unsaid = self._said.get(key, (None, 0))
        if said_at is not None and now - said_at < _AGAIN_AFTER_SECONDS:
            self._said[key] = said_at, unsaid + 1
            return
        again = f" ({unsaid} more times since)" if unsaid else ""
        self._log.warning(message + again, *details)
        self._said[key] = now, 0
        self._said.move_to_end(key)
        if len(self._said) > _MOST_KEYS:
            self._said.popitem(last=False)
