"""What can be kept and sent as JSON in UTF-8: no lone surrogates, nested no deeper than can be read back.

JSON can name half a character (``"\\ud800"``), which no encoding has; and whoever reads JSON gives up at some
depth (pydantic at some 200 levels). Either would be taken in, and fail wherever it is written or read again.

Pure.
"""

from __future__ import annotations

from typing import Final

from shared.errors import Rejected

MOST_LEVELS: Final = 150
"""Of lists and objects within each other: 50 sequences of DICOM's, each within the one before."""


def storable(value: object) -> object:
    """Return a decoded JSON value; raise `Rejected` if it could not be kept."""
    waiting = [(value, 1)]
    while waiting:
        each, level = waiting.pop()
        if isinstance(each, str):
            if not each.isascii() and not _encodable(each):
                raise Rejected("has text with half a character, which cannot be encoded")
        elif isinstance(each, dict | list | tuple):
            if level > MOST_LEVELS:
                raise Rejected(f"is nested deeper than {MOST_LEVELS} levels")
            inner = [*each, *each.values()] if isinstance(each, dict) else each
            waiting += [(one, level + 1) for one in inner if isinstance(one, str | dict | list | tuple)]
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
