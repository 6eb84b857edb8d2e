"""One SQLite file: opened the same way everywhere, written by one owner inside ``BEGIN IMMEDIATE``."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Final, Literal

_BUSY_SECONDS = 5.0
_TEXT: Final = partial(str, encoding="utf-8", errors="replace")
"""How text is read: a row's checksum finds damaged letters out, not an exception that quotes them."""
_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_PERM: "it may not be opened",
    sqlite3.SQLITE_IOERR: "the disk fails",
    sqlite3.SQLITE_BUSY: "another process is writing it",
}
_UNWRITABLE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}


def connect(path: Path, synchronous: Literal["FULL", "NORMAL"]) -> sqlite3.Connection:
    """Open a file for reading and writing in WAL mode; created readable by its owner only.

    The connection may be used from any thread, by one at a time: its owner holds a lock.

    :raises OSError: if it does not exist and cannot be made.
    :raises sqlite3.Error: if it cannot be opened, or is no database.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.text_factory = _TEXT
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {synchronous}")
        # The kernel caches the file already; SQLite's own cache would be 2 MB a connection more.
        db.execute("PRAGMA cache_size = -256")
    except sqlite3.Error:
        db.close()
        raise
    return db


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open an existing file for reading, next to the process that owns it; also on a disk that is read-only.

    There, SQLite opens a file in WAL mode only if its ``-shm`` is there. Without, nobody can be writing it:
    what is in the file is all there is, unless a ``-wal`` holds more; then both are copied to memory, and
    put together.
    """
    try:
        return _reading(path, "mode=ro")
    except sqlite3.OperationalError as error:
        if not is_unwritable(error) or not path.exists():
            raise
    wal = path.with_name(path.name + "-wal")
    if not wal.exists() or not wal.stat().st_size:
        return _reading(path, "mode=ro&immutable=1")
    return _copied(path, wal)


def is_unwritable(error: sqlite3.Error) -> bool:
    """Tell whether an error means that the disk cannot be written, and not that the file is damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNWRITABLE


def why(error: sqlite3.Error) -> str:
    """Say what an error means; never in SQLite's own words, which may quote a row."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return _WORDS.get(code, getattr(error, "sqlite_errorname", type(error).__name__))


def _reading(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    db = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.text_factory = _TEXT
    try:
        db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error:
        db.close()
        raise
    return db


def _copied(path: Path, wal: Path) -> sqlite3.Connection:
    shared_memory = Path("/dev/shm")  # noqa: S108  (a folder of our own is made in it)
    where = str(shared_memory) if os.access(shared_memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(wal, copy.with_name(wal.name))
        db = connect(copy, "NORMAL")
        db.execute("PRAGMA journal_mode = DELETE")
        db.close()
        return _reading(copy, "mode=ro&immutable=1")  # it stays readable once its name is gone


@contextmanager
def transaction(
    db: sqlite3.Connection,
    while_committing: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Iterator[sqlite3.Connection]:
    """Run a block as one write transaction: all of it is on the file, or nothing.

    :param while_committing: what is entered once the block has ended, for as long as it is being committed.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        with while_committing():
            db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # some errors (disk full) have rolled back by themselves
            db.execute("ROLLBACK")
        raise


@contextmanager
def unhurried(db: sqlite3.Connection) -> Iterator[None]:
    """Let what is committed within the block reach the disk with the next commit that waits for it.

    The file stays sound; a power cut before that undoes it. For a connection with ``synchronous = FULL``.
    """
    db.execute("PRAGMA synchronous = NORMAL")
    try:
        yield
    finally:
        db.execute("PRAGMA synchronous = FULL")


@contextmanager
def savepoint(db: sqlite3.Connection) -> Iterator[None]:
    """Run a block within a transaction so that its failure undoes only the block."""
    db.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK TO part")
            db.execute("RELEASE part")
        raise
    db.execute("RELEASE part")
