"""What all commands of ``mwl-cloud`` share: how they end, and how they show things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer
from pydantic import Field
from rich.console import Console
from rich.table import Table

from lambdas.api.services import Services, services_from
from lambdas.api.settings import ApiSettings
from lambdas.settings import load
from shared.errors import MwlError, Rejected, outcome_of

console = Console(markup=False)  # [x] in what others wrote is text


class AdminSettings(ApiSettings):
    """What administration reads from its environment."""

    signing_key_secret_id: str = Field(default="", description="Not used here.")


@contextmanager
def reported() -> Iterator[None]:
    """End with one line and an exit code where something of ours fails."""
    try:
        yield
    except MwlError as error:
        typer.echo(f"mwl-cloud: {error}", err=True)
        raise typer.Exit(outcome_of(error).exit_code) from None


def services() -> Services:
    """Return the deployment's services; raise `Rejected` naming the variables that are not set."""
    return services_from(load(AdminSettings))


def show_table(title: str, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table."""
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def text_of(file: Path) -> str:
    """Return what a file says; raise `Rejected` if it cannot be read."""
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Rejected(f"cannot be read: {error}", where=str(file)) from None
