"""The relay's state folder: what its files are called, and how a private one is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from shared.errors import Rejected

CACHE_FILE: Final = "cache.db"
JOURNAL_FILE: Final = "journal.db"
HEALTH_FILE: Final = "health.json"
SHOWN_FILE: Final = "shown.db"


def make_state_dir(path: Path) -> Path:
    """Return the state folder, made if needed, for its owner only."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Rejected(f"cannot be made: {error.strerror}", where=str(path), hint="see --state-dir") from None
    return path


def write_private(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file readable by its owner only, whole or not at all; on the disk when this returns."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    temporary.replace(path)
