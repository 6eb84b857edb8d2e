"""The terminal, and tables on it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from edge_relay.commands.cards import cards, fits

if TYPE_CHECKING:
    from rich.console import Console


@cache
def console() -> Console:
    """Return the terminal; its library is loaded when something is to be shown."""
    from rich.console import Console

    return Console(markup=False, emoji=False)  # "[x]" and ":o:" in what others wrote are text


def show_table(
    title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], screen: Console | None = None
) -> None:
    """Print a table, or its rows below each other where the terminal is too narrow."""
    on = screen or console()
    if not fits(headings, rows, on.width):
        for line in (title, "", *cards(headings, rows, on.width), ""):
            on.print(line, soft_wrap=True, highlight=False)
        return
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    on.print(table)
