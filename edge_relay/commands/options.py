"""Options that several commands have, and where things are unless said otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", envvar="MWL_RELAY_CONFIG", help="The settings, a TOML file.")
]
StateDir = Annotated[
    Path,
    typer.Option(
        "--state-dir",
        "-s",
        envvar="MWL_RELAY_STATE_DIR",
        help="Folder of the key, the identity, cache.db and journal.db; made if needed, mode 0700.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
DEFAULT_CONFIG: Final = Path("/etc/mwl-relay/relay.toml")
DEFAULT_STATE: Final = Path("/var/lib/mwl-relay")


def version_option(command: str) -> Any:
    """Return the option ``--version`` of a command: it prints the distribution's version and ends."""

    def show(asked: bool) -> None:
        if asked:
            from importlib.metadata import version

            typer.echo(f"{command} {version('mwl-relay')}")
            raise typer.Exit

    return typer.Option("--version", callback=show, is_eager=True, help="Print the version.")
