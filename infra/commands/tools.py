"""What all commands of ``mwl-cloud`` share: how they end, and how they read files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from shared.errors import MwlError, Rejected

EXIT_NO, EXIT_WRONG, EXIT_UNREACHABLE = 1, 2, 3


@contextmanager
def reported() -> Iterator[None]:
    """End with one line and an exit code where something of ours fails."""
    try:
        yield
    except MwlError as error:
        typer.echo(f"mwl-cloud: {error}", err=True)
        wrong = EXIT_WRONG if isinstance(error, Rejected) else EXIT_NO
        raise typer.Exit(EXIT_UNREACHABLE if error.retryable else wrong) from None


def text_of(file: Path) -> str:
    """Return what a file says; raise `Rejected` if it cannot be read."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(f"cannot be read: {error}", where=str(file)) from None
