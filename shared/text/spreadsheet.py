"""Cells that no spreadsheet takes for a formula. Pure."""

from __future__ import annotations

from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: object) -> str:
    """Return a value as the text of a cell: what a spreadsheet would calculate begins with an apostrophe."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
