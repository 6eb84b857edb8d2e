"""Writes the tables of docs/history.md anew: ``python -m lambdas.history.page docs/history.md``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from lambdas.history.schema import markdown

BEGIN: Final = "<!-- made by python -m lambdas.history.page docs/history.md -->"
END: Final = "<!-- end -->"


def written(page: str) -> str:
    """Return the text of the page with the tables as they are now.

    :raises ValueError: it lacks the line after which they stand, or the one before which they end.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page lacks the line {BEGIN} or {END}")
    return "\n".join([before + BEGIN, "", *markdown(), END]) + after


def main(file: Path) -> None:
    """Write the tables into a page."""
    file.write_text(written(file.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
