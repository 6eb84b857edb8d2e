"""The command ``mwl-cloud``, also as ``python -m infra``. It loads even if packages are missing."""

from __future__ import annotations

import sys

import lambdas  # noqa: F401 - first of all: it makes Python's collector wait for more objects
from shared.missing_extra import needs_extra


def main() -> None:
    """Run the command; if its packages are missing, say in one line which extra to install."""
    # Only the local stack needs what plays AWS and REDCap.
    with needs_extra("mwl-cloud", "local" if sys.argv[1:2] == ["local"] else "cloud"):
        from infra.cli import app

        app(prog_name="mwl-cloud")


if __name__ == "__main__":
    main()
