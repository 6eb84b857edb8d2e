"""The predecessor's SQLite files, opened for reading only: its worklist and its users.

Columns are read by name, so that files of 0.2 and of 0.4, which has two more, read alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from urllib.parse import quote

from infra.pylantir.databases.old_rows import OldItem, OldUser
from shared.errors import Rejected, Unavailable


def read_worklist(file: Path) -> list[OldItem]:
    """Return every row of a worklist file, in order; raise `Rejected` if it is none."""
    names = [each.name for each in fields(OldItem)]
    rows = _rows(file, "worklist_items", names)
    return [OldItem(int(number), *rest) for number, *rest in rows]


def read_users(file: Path) -> list[OldUser]:
    """Return every account of a users file, in order; raise `Rejected` if it is none."""
    rows = _rows(file, "users", ["id", "username", "hashed_password", "role", "is_active"])
    return [OldUser(name, hashed, role, active not in {"", "0"}) for _, name, hashed, role, active in rows]


def _rows(file: Path, table: str, names: list[str]) -> list[list[str]]:
    with _opened(file) as database:
        known = {name.decode() for _, name, *_ in database.execute(f"PRAGMA table_info({table})")}
        missing = [name for name in names if name not in known]
        if missing:
            raise Rejected(f"is no file of pylantir's: {table} has no {missing[0]}", where=str(file))
        columns = ", ".join(names)
        found = database.execute(f"SELECT {columns} FROM {table} ORDER BY id")  # noqa: S608 - our own names
        return [_texts(file, names, row) for row in found]


def _texts(file: Path, names: list[str], row: tuple[object, ...]) -> list[str]:
    """Return a row's values as text; what is null is empty."""
    texts = []
    for name, value in zip(names, row, strict=True):
        try:
            text = value.decode() if isinstance(value, bytes) else "" if value is None else str(value)
        except UnicodeDecodeError:
            said = f"row {_shown(row[0])}: {name} is not text that can be read (UTF-8)"
            raise Rejected(said, where=str(file), hint="correct it with sqlite3, in a copy") from None
        texts.append(text.strip())
    return texts


def _shown(number: object) -> str:
    return number.decode("ascii", "replace") if isinstance(number, bytes) else str(number)


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    if file.is_dir():
        raise Rejected("is a folder; name the file in it", where=str(file))
    if not file.is_file():
        raise Rejected("there is no such file", where=str(file))
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as database:
            database.text_factory = bytes  # what is no UTF-8 would stop the reading without saying where
            yield database
    except sqlite3.OperationalError as error:
        raise Unavailable(f"cannot be read: {error}", where=str(file), hint="is pylantir stopped?") from None
    except sqlite3.DatabaseError as error:
        raise Rejected(_what_is_wrong(error), where=str(file), hint=_RECOVER) from None


_RECOVER = "take a copy from a backup, or recover what can be read: sqlite3 FILE .recover"


def _what_is_wrong(error: sqlite3.DatabaseError) -> str:
    if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
        return "is no SQLite database"
    return f"is damaged, and cannot be read as a whole ({error})"
