"""A number and its noun, so that no message says "1 items"."""

from __future__ import annotations


def quantity(count: int, one: str, many: str = "") -> str:
    """Return "1 exam is", "2 exams are": the number and the words for it.

    :param one: the words for one.
    :param many: for none or several; left out: `one` with an "s".
    """
    return f"{count} {one if count == 1 else many or f'{one}s'}"
