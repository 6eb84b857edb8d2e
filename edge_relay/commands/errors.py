"""How the command talks to people: errors as one line and an exit code, results as tables."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from edge_relay.commands.cards import cards, fits
from shared.errors import ExitCode, MwlError, NotFound, outcome_of, unusable_file


@contextmanager
def reported(refusals: tuple[type[MwlError], ...] = (), *, program: str = "mwl-relay") -> Iterator[None]:
    """Turn a deliberate error, or a file that cannot be used, into one line on stderr and an exit code.

    :param refusals: errors that are the answer no, whatever they come to elsewhere.
    :param program: the command's name, which the line begins with.
    """
    try:
        yield
    except MwlError as error:
        raise _ended(program, error, refusals) from None
    except OSError as error:
        raise _ended(program, unusable_file(error), refusals) from None


def _ended(program: str, error: MwlError, refusals: tuple[type[MwlError], ...]) -> typer.Exit:
    typer.echo(f"{program}: {error}", err=True)
    return typer.Exit(ExitCode.NO if isinstance(error, refusals) else outcome_of(error).exit_code)


def existing(path: Path) -> Path:
    """Return a file that must be there already; raise `NotFound` if it is not."""
    if not path.exists():
        raise NotFound("does not exist", where=str(path), hint="has the relay run yet? see --state-dir")
    return path


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, headed: bool = False) -> None:
    """Print rows as a table on a terminal, or below each other where it is too narrow.

    Elsewhere, for programs, as lines with tabs between the columns.

    :param headed: whether such lines begin with one of the columns' names.
    """
    rows = list(rows)
    if not sys.stdout.isatty():
        for row in ([columns] if headed and any(columns) else []) + rows:
            typer.echo("\t".join(row))
        return
    width = shutil.get_terminal_size().columns
    if any(columns) and not fits(columns, rows, width):
        for line in (*([title, ""] if title else []), *cards(columns, rows, width)):
            typer.echo(line)
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
