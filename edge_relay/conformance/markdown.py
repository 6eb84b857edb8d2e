"""Markdown, as far as the statements need it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import dedent, indent

NONE = "-"
"""Stands in a cell that has nothing to say."""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; an empty cell is shown as a dash."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(_cell(each) for each in line) + " |" for line in lines)


def text(*blocks: str) -> str:
    """Return blocks with one empty line between them. One that begins on a new line loses its indentation."""
    return "\n\n".join(dedent(each).strip() if each.startswith("\n") else each for each in blocks)


def drawing(lines: str) -> str:
    """Return lines to be shown as they are."""
    return indent(dedent(lines).strip("\n").rstrip(), "    ")


def tag_text(tag: int) -> str:
    """Return a tag as the standard writes it: ``(0010,0020)``."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def yes_no(value: bool) -> str:
    """Return Y or N, as PS3.2 Annex N has it."""
    return "Y" if value else "N"


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ").strip() or NONE
