"""Options that several commands have, and where things are unless said otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

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
