"""The predecessor's SQLite files, opened for reading only: its worklist and its users.

Columns are read by name, so that files of 0.2 and of 0.4, which has two more, can both be read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from urllib.parse import quote

from infra.pylantir.old_rows import OldItem, OldUser
from shared.errors import Rejected, Unavailable


def read_worklist(file: Path) -> list[OldItem]:
    """Return every row of a worklist file, in order; raise `Rejected` if it is none."""
    names = [each.name for each in fields(OldItem)]
    rows = _rows(file, "worklist_items", names)
    return [OldItem(int(str(number)), *(_text(value) for value in rest)) for number, *rest in rows]


def read_users(file: Path) -> list[OldUser]:
    """Return every account of a users file, in order; raise `Rejected` if it is none."""
    rows = _rows(file, "users", ["username", "hashed_password", "role", "is_active"])
    return [
        OldUser(_text(name), _text(hashed), _text(role), bool(active)) for name, hashed, role, active in rows
    ]


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _rows(file: Path, table: str, names: list[str]) -> list[tuple[object, ...]]:
    with _opened(file) as database:
        known = {name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")}
        missing = [name for name in names if name not in known]
        if missing:
            raise Rejected(f"is no file of pylantir's: {table} has no {missing[0]}", where=str(file))
        columns = ", ".join(names)
        return list(database.execute(f"SELECT {columns} FROM {table} ORDER BY id"))  # noqa: S608 - our own names


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    if not file.is_file():
        raise Rejected("there is no such file", where=str(file))
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as database:
            yield database
    except sqlite3.OperationalError as error:
        raise Unavailable(f"cannot be read: {error}", where=str(file), hint="is pylantir stopped?") from None
    except sqlite3.DatabaseError:
        raise Rejected("is no SQLite database", where=str(file)) from None
