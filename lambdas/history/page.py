"""Writes questions and tables of docs/history.md anew: ``python -m lambdas.history.page docs/history.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from lambdas.history.questions import questions
from lambdas.history.schema import TABLES

BEGIN: Final = "<!-- made by python -m lambdas.history.page docs/history.md -->"
QUESTIONS: Final = "<!-- questions made by python -m lambdas.history.page docs/history.md -->"
END: Final = "<!-- end -->"


def written(page: str) -> str:
    """Return the text of the page with the questions and tables as they are now.

    :raises ValueError: it lacks a line after which they stand, or one before which they end.
    """
    return _part(_part(page, BEGIN, markdown()), QUESTIONS, _questions())


def _part(page: str, mark: str, lines: Iterable[str]) -> str:
    before, begin, rest = page.partition(mark)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page lacks the line {mark} or {END}")
    return "\n".join([before + mark, "", *lines, END]) + after


def _questions() -> Iterator[str]:
    yield "| name | what it asks |"
    yield "|---|---|"
    for each in questions().values():
        yield f"| `{each.name}` | {' '.join(filter(None, (each.asks, each.note)))} |"
    yield ""


def markdown() -> Iterator[str]:
    """Yield the lines of docs/history.md that tell all tables."""
    for table in TABLES.values():
        yield f"### `{table.name}`"
        yield ""
        yield f"One row: {table.row}. Key: {', '.join(f'`{name}`' for name in table.key)}."
        yield ""
        yield "| column | type | what it says | how it is derived |"
        yield "|---|---|---|---|"
        for column in table.columns:
            yield f"| `{column.name}` | {column.type} | {column.meaning} | {column.derived} |"
        yield ""


def main(file: Path) -> None:
    """Write them into a page."""
    file.write_text(written(file.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
