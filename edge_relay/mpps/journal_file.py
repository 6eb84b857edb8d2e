"""The file journal.db: its schema and migrations, opening it, saying what is wrong with it, copying it.

    events    in order of acceptance; pending -> delivered, or pending -> parked -> (by hand) pending
    steps     the folded state of each performed procedure step, which decides the next event's answer
    links     which items each step is of
    items     what all steps of an item amount to
    overlay   statuses the cache does not show yet, laid over it for C-FIND
    discarded parked events that a person discarded, whole, with the reason

Nothing here ever deletes, renames or overwrites a journal. One that is damaged, of a newer format or without
its ``-wal`` stays exactly as it is, until a person has looked.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from edge_relay.mpps.journal_tables import reference_lists
from edge_relay.storage.seals import seal
from edge_relay.storage.sqlite_file import connect, connect_read_only, transaction
from shared.errors import AlreadyExists, Unavailable

WHERE: Final = "journal.db"
_PROBE_BYTES: Final = 64 << 10
_REPAIR: Final = (
    "stop the relay, copy journal.db and journal.db-wal elsewhere, then put in their place a copy made with "
    "mwl-relay backup, or what sqlite3's .recover makes of them"
)

MIGRATIONS: Final[dict[int, tuple[str, ...]]] = {  # what makes each version out of the one before
    1: (
        """CREATE TABLE events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            event_id TEXT NOT NULL UNIQUE,
            sop_instance_uid TEXT NOT NULL,
            kind TEXT NOT NULL,
            received_at TEXT NOT NULL,
            body TEXT NOT NULL,
            state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'parked')),
            attempts INTEGER NOT NULL DEFAULT 0,
            reason TEXT NOT NULL DEFAULT '')""",
        "CREATE INDEX events_open ON events (sop_instance_uid, seq) WHERE state <> 'delivered'",
        "CREATE TABLE steps (sop_instance_uid TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
        """CREATE TABLE overlay (
            item_id TEXT PRIMARY KEY,
            status TEXT NOT NULL,
            event_id TEXT NOT NULL,
            confirmed_seq INTEGER) WITHOUT ROWID""",
    ),
    2: (
        "CREATE INDEX events_by_step ON events (sop_instance_uid, seq)",
        """CREATE TABLE links (
            item_id TEXT NOT NULL,
            sop_instance_uid TEXT NOT NULL,
            PRIMARY KEY (item_id, sop_instance_uid)) WITHOUT ROWID""",
        "CREATE TABLE items (item_id TEXT PRIMARY KEY, progress TEXT NOT NULL) WITHOUT ROWID",
        """INSERT INTO links SELECT DISTINCT linked.value, steps.sop_instance_uid
            FROM steps, json_each(steps.body, '$.item_ids') AS linked""",
        "ALTER TABLE events ADD COLUMN warned INTEGER NOT NULL DEFAULT 0",
        "UPDATE events SET warned = coalesce(json_array_length(body, '$.warnings'), 0) > 0",
        "CREATE INDEX events_warned ON events (seq) WHERE warned",
    ),
    3: (
        "ALTER TABLE events ADD COLUMN checksum TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE events ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE events ADD COLUMN boot TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE events ADD COLUMN uptime REAL NOT NULL DEFAULT 0",
        "ALTER TABLE events ADD COLUMN timed INTEGER NOT NULL DEFAULT 1",
        "CREATE INDEX events_untimed ON events (seq) WHERE NOT timed",
        "ALTER TABLE steps ADD COLUMN checksum TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE items ADD COLUMN checksum TEXT NOT NULL DEFAULT ''",
        "UPDATE events SET checksum = seal(CAST(event_id AS BLOB), "
        "CAST(sop_instance_uid AS BLOB), CAST(kind AS BLOB), CAST(received_at AS BLOB), CAST(body AS BLOB))",
        "UPDATE steps SET checksum = seal(CAST(sop_instance_uid AS BLOB), CAST(body AS BLOB))",
        "UPDATE items SET checksum = seal(CAST(item_id AS BLOB), CAST(progress AS BLOB))",
        "CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "INSERT INTO about VALUES ('id', lower(hex(randomblob(16))))",
        "CREATE TABLE missing (seq INTEGER PRIMARY KEY, noted TEXT NOT NULL)",
    ),
    4: reference_lists.SCHEMA,
    5: (
        """CREATE TABLE discarded (
            seq INTEGER PRIMARY KEY,
            event_id TEXT NOT NULL,
            sop_instance_uid TEXT NOT NULL,
            kind TEXT NOT NULL,
            received_at TEXT NOT NULL,
            body TEXT NOT NULL,
            refused_because TEXT NOT NULL,
            discarded_at TEXT NOT NULL,
            discarded_by TEXT NOT NULL,
            because TEXT NOT NULL)""",
    ),
    6: ("ALTER TABLE discarded ADD COLUMN told INTEGER NOT NULL DEFAULT 0",),
}
VERSION: Final = max(MIGRATIONS)
SEALED_SINCE: Final = 3
"""Rows have checksums, and the journal has a mark."""

log = logging.getLogger(__name__)

_FAULTS: Final = {  # SQLite's primary result codes: what it means, what to do
    sqlite3.SQLITE_CORRUPT: ("it is damaged", _REPAIR),
    sqlite3.SQLITE_NOTADB: ("it is not a database", _REPAIR),
    sqlite3.SQLITE_FULL: ("the disk is full", "make room; nothing else is needed"),
    sqlite3.SQLITE_READONLY: ("it is read-only", "check the mount and the owner of the state folder"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "check the owner and the mode of the state folder"),
    sqlite3.SQLITE_PERM: ("it may not be opened", "check the owner and the mode of the state folder"),
    sqlite3.SQLITE_IOERR: ("the disk fails", "check the disk, and make a copy with mwl-relay backup"),
}
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def open_journal(path: Path) -> sqlite3.Connection:
    """Open a journal for its owner: sound, of this program's format, written through to the disk.

    An index that is damaged is made anew from the rows; they stay as they are.

    :raises Unavailable: it is of a newer format, damaged, or parted from its ``-wal``; it is untouched then.
    :raises OSError, sqlite3.Error: it cannot be opened; see `fault`.
    """
    if path.exists():
        _check(path)
    elif path.with_name(path.name + "-wal").exists():
        # SQLite would take the new file for the newer one and delete the -wal, with all that is in it.
        raise Unavailable(
            "it is gone, but journal.db-wal is there and may hold events",
            where=WHERE,
            hint="put journal.db back, or move journal.db-wal to where it went",
        )
    db = connect(path, synchronous="FULL")
    try:
        db.text_factory = _text
        db.create_function("seal", -1, _sealed, deterministic=True)
        _migrate(db)
        _mend_indexes(db)
    except BaseException:
        db.close()
        raise
    return db


def look_into(path: Path) -> sqlite3.Connection:
    """Open a journal for reading, next to the relay that owns it; also one whose text is damaged.

    :raises sqlite3.Error: it cannot be opened.
    """
    db = connect_read_only(path)
    db.text_factory = _text
    return db


def probe(db: sqlite3.Connection) -> None:
    """Find out whether the file can be written; raise `sqlite3.Error` if not."""
    db.execute("DROP TABLE IF EXISTS probe")
    db.execute(f"CREATE TABLE probe AS SELECT zeroblob({_PROBE_BYTES})")
    db.execute("DROP TABLE probe")


def fault(error: Exception, verb: str) -> Unavailable:
    """Return what a failure of the file means, and what to do about it.

    :param verb: what was tried: ``opened``, ``read`` or ``written``.
    """
    known = _FAULTS.get(_primary(error))
    if known is None:
        # SQLite's own words may quote a row; the name of its code does not.
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        said = error.strerror if isinstance(error, OSError) else name
        return Unavailable(f"could not be {verb}: {said}", where=WHERE)
    why, hint = known
    return Unavailable(f"could not be {verb}: {why}", where=WHERE, hint=hint)


@contextmanager
def reading(verb: str) -> Iterator[None]:
    """Turn what fails while looking into a journal into `Unavailable`."""
    try:
        yield
    except sqlite3.Error as error:
        raise fault(error, verb) from error


def is_damage(error: Exception) -> bool:
    """Tell whether the file itself is broken, so that it should not be written any further."""
    return _primary(error) in _DAMAGED


def backup(source: Path, target: Path) -> None:
    """Copy a journal while the relay runs, and check the copy.

    :raises AlreadyExists: if there is such a file already.
    :raises Unavailable: if the journal cannot be read, the copy cannot be written, or is not sound.
    """
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        raise AlreadyExists("exists already", where=str(target)) from None
    except OSError as error:
        raise Unavailable(f"cannot be written: {error.strerror}", where=str(target)) from error
    try:
        with closing(connect_read_only(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")  # one file, complete by itself
            found = new.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        target.unlink()
        why = fault(error, "read").what
        raise Unavailable(f"could not be made: {why}", where=str(target)) from error
    if found != "ok":
        target.unlink()
        raise Unavailable(f"is not sound, the journal itself may be damaged: {found}", where=str(target))


def _check(path: Path) -> None:
    with closing(connect_read_only(path)) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise Unavailable(
                f"it is of format {version}, this program reads up to format {VERSION}",
                where=WHERE,
                hint="run the version of mwl-relay that wrote it",
            )
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise Unavailable("it is damaged", where=WHERE, hint=_REPAIR)


def _mend_indexes(db: sqlite3.Connection) -> None:
    """Make the indexes anew if one does not lead to every row: an event it leaves out would never be sent.

    :raises Unavailable: that is not all that is wrong.
    """
    if _is_whole(db):
        return
    try:
        with transaction(db):
            db.execute("REINDEX")
    except sqlite3.IntegrityError:  # two rows that must not be alike: more than an index is wrong
        raise Unavailable("it is damaged", where=WHERE, hint=_REPAIR) from None
    if not _is_whole(db):
        raise Unavailable("it is damaged", where=WHERE, hint=_REPAIR)
    log.warning("an index of journal.db was damaged; it has been made anew from the rows")


def _is_whole(db: sqlite3.Connection) -> bool:
    return bool(db.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")


def _migrate(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    with transaction(db):
        for number in range(version + 1, VERSION + 1):
            for statement in MIGRATIONS[number]:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")


def _text(stored: bytes) -> str:
    """Return a text as it can be read: damage is found out by the row's checksum, not by an exception."""
    return stored.decode("utf-8", "replace")


def _sealed(*stored: bytes) -> str:
    return seal(*map(_text, stored))


def _primary(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
