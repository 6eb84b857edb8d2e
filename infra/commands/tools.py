"""What all commands of ``mwl-cloud`` share: how they end, and how they read files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from shared.errors import MwlError, Rejected, outcome_of, unusable_file


@contextmanager
def reported() -> Iterator[None]:
    """End with one line and an exit code where something of ours fails."""
    try:
        yield
    except MwlError as error:
        raise _ended(error) from None
    except OSError as error:
        raise _ended(unusable_file(error)) from None


def _ended(error: MwlError) -> typer.Exit:
    typer.echo(f"mwl-cloud: {error}", err=True)
    return typer.Exit(outcome_of(error).exit_code)


def text_of(file: Path) -> str:
    """Return what a file says; raise `Rejected` if it cannot be read."""
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise Rejected(f"cannot be read: {error.strerror or error}", where=str(file)) from None
    except UnicodeDecodeError as error:
        raise Rejected(f"is not UTF-8 text: {error}", where=str(file)) from None
