"""How the command talks to people: errors as one line and an exit code, results as tables."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from shared.errors import ExitCode, MwlError, NotFound, outcome_of


@contextmanager
def reported(refusals: tuple[type[MwlError], ...] = ()) -> Iterator[None]:
    """Turn a deliberate error into one line on stderr and an exit code.

    :param refusals: errors that are the answer no, whatever they come to elsewhere.
    """
    try:
        yield
    except MwlError as error:
        typer.echo(f"mwl-relay: {error}", err=True)
        code = ExitCode.NO if isinstance(error, refusals) else outcome_of(error).exit_code
        raise typer.Exit(code) from None


def existing(path: Path) -> Path:
    """Return a file that must be there already; raise `NotFound` if it is not."""
    if not path.exists():
        raise NotFound("does not exist", where=str(path), hint="has the relay run yet? see --state-dir")
    return path


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows as a table on a terminal; else, for programs, as lines with tabs between the columns."""
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(row))
        return
    from rich.console import Console  # a running relay has no use for it, nor memory to spare
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title or None, show_header=any(columns))
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*map(Text, row))
    Console().print(shown)
