"""What can be kept and sent as JSON in UTF-8: no lone surrogates, nested no deeper than can be read back.

JSON can name half a character (``"\\ud800"``), which no encoding has; and whoever reads JSON gives up at some
depth (pydantic at some 200 levels). Either would be taken in, and fail wherever it is written or read again.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict, field_validator

from shared.errors import Rejected

_LISTS: Final = (list, tuple)  # not ``list | tuple``, which takes twice as long to look at
MOST_LEVELS: Final = 150
"""Of lists and objects within each other: 50 sequences of DICOM's, each within the one before."""


def storable(value: object) -> object:
    """Return a decoded JSON value; raise `Rejected` if it could not be kept."""
    # Level by level, because every report of a scanner comes through here several times.
    level: list[object] = [value]
    for _ in range(MOST_LEVELS):
        _check_texts(level)
        below: list[object] = []
        for each in level:
            if isinstance(each, dict):
                below += each
                below += each.values()
            elif isinstance(each, _LISTS):
                below += each
        if not below:
            return value
        level = below
    _check_texts(level)
    if any(isinstance(each, (dict, *_LISTS)) for each in level):
        raise Rejected(f"is nested deeper than {MOST_LEVELS} levels")
    return value


def _check_texts(values: Iterable[object]) -> None:
    texts = "".join([each for each in values if isinstance(each, str)])
    if not texts.isascii() and not _encodable(texts):
        raise Rejected("has text with half a character, which cannot be encoded")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class StorableModel(BaseModel):
    """Base of what is sent from one side to the other: all of it can be kept, and errors never show values.

    What it does not know is passed over: the other side may be newer.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _can_be_kept(cls, value: object) -> object:
        return storable(value)
