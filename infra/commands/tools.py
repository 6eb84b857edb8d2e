"""What all commands of ``mwl-cloud`` share: how they end, and how they read files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from edge_relay.commands import errors
from shared.errors import Rejected

reported: Final = partial(errors.reported, program="mwl-cloud")
"""Ends with one line and an exit code where something of ours fails."""


def text_of(file: Path) -> str:
    """Return what a file says; raise `Rejected` if it cannot be read."""
    try:
        return file.read_text("utf-8")
    except OSError as error:
        raise Rejected(f"cannot be read: {error.strerror or error}", where=str(file)) from None
    except UnicodeDecodeError as error:
        raise Rejected(f"is not UTF-8 text: {error}", where=str(file)) from None
