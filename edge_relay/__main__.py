"""The command ``mwl-relay``, also as ``python -m edge_relay``. It loads even if packages are missing."""

from __future__ import annotations

import gc
import os

from shared.missing_extra import needs_extra


def main() -> None:
    """Run the command; if its packages are missing, say in one line which extra to install."""
    # A command ends before its garbage is worth looking for; one that serves turns the collector on again.
    gc.disable()
    # pydantic would look for plugins in the metadata of every package that is installed; we use none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with needs_extra("mwl-relay", "edge"):
        from edge_relay.cli import app

        app(prog_name="mwl-relay")


if __name__ == "__main__":
    main()
