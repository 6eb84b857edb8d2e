"""Of each exam or step the newest of its versions. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lambdas.history.table import Table


def newest(versions: Iterable[dict[str, Any]], table: Table) -> list[dict[str, Any]]:
    """Return the newest version of each subject, in the order in which the subjects came.

    :param table: whose key ends with the version.
    """
    *subject, version = table.key
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in versions:
        key = tuple(row[name] for name in subject)
        if key not in found or found[key][version] < row[version]:
            found[key] = row
    return list(found.values())
