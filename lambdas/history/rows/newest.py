"""Of each exam or step the newest of its versions, and in which order a file has them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from lambdas.history.schema import ORDER
from lambdas.history.table import Table

_NOT_KNOWN: Final = datetime(1, 1, 1)  # noqa: DTZ001 - times have no zone in the files


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


def in_order(rows: Iterable[dict[str, Any]], table: Table) -> list[dict[str, Any]]:
    """Return rows as a file has them: by scanner and time (those whose time is not known first), then by key.

    :param table: one of `lambdas.history.schema.CURRENT`.
    """
    scanner, time = ORDER[table]

    def place(row: dict[str, Any]) -> tuple[Any, ...]:
        return (row.get(scanner) or "", row.get(time) or _NOT_KNOWN, *(row[name] for name in table.key))

    return sorted(rows, key=place)
