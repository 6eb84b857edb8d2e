"""``mwl-relay conformance``: print the statements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_relay.commands.errors import reported


def add_commands(app: typer.Typer) -> None:
    """Put this module's command into the application."""
    app.command()(conformance)


def conformance(
    config_file: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="The settings of a relay; without them, the defaults are shown."),
    ] = None,
    ihe: Annotated[bool, typer.Option("--ihe", help="The IHE Integration Statement instead.")] = False,
) -> None:
    """Print the DICOM Conformance Statement (Markdown), of one relay or of all.

    It names the relay's scanners and files, but not its cloud, and nothing secret.
    """
    from edge_relay import config
    from edge_relay.conformance.ihe import integration_statement
    from edge_relay.conformance.statement import statement
    from edge_relay.conformance.subject import Subject

    with reported():
        subject = Subject(settings=config.load(config_file) if config_file else None)
        typer.echo(integration_statement(subject) if ihe else statement(subject), nl=False)
