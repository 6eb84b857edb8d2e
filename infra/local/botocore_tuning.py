"""Where botocore costs the local stack more than it must.

Each table's model has a botocore session of its own, and each session reads AWS's descriptions of DynamoDB
and of all endpoints anew: 13 MB a session, in one process with all functions.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader


def read_descriptions_once() -> None:
    """Let all sessions share what they read; nobody changes it. Called again, it does nothing."""
    if getattr(JSONFileLoader.load_file, "shared", False):
        return
    read = cache(JSONFileLoader().load_file)

    def load_file(_: JSONFileLoader, file_path: str) -> Any:
        return read(file_path)

    load_file.shared = True  # type: ignore[attr-defined]
    setattr(JSONFileLoader, "load_file", load_file)  # noqa: B010 - so that no type forbids it
