"""The tables of cache.db, the row an item becomes, and how a file of another version becomes one of ours.

    items, staged   one row an item: fields to select by, `edge_relay.worklist.row`'s blob, the item as JSON,
                    and checksums of all that (NULL for a tombstone)
    self_tests      the test participant, if there is one: `edge_relay.worklist.self_tests.table`
    unreadable      items this relay cannot read
    state           cursor, etag, epoch; ``complete`` once a whole worklist was received; ``elements``, the
                    fingerprint of the blobs; ``unverified`` from a snapshot until the cloud was asked whether
                    it has all MPPS

An older file, or one whose blobs were made by another version of the program, is brought forward from the
items in it: a relay updated while the internet is down keeps its worklist.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from pydantic import ValidationError

from edge_relay.storage.sqlite_file import transaction
from edge_relay.worklist.cached_item import BY_START, SELF_TESTS
from edge_relay.worklist.row import FINGERPRINT, blob_of, seal_of, whole_of
from shared.feed import FeedItem
from shared.worklist_item import WorklistItem

log = logging.getLogger(__name__)

VERSION: Final = 3
FIELDS: Final = (
    "study_instance_uid",
    "accession_number",
    "requested_procedure_id",
    "scheduled_procedure_step_id",
    "patient_id",
    "modality",
    "scheduled_station_aetitle",
    "station_name",
    "scheduled_start_date",
    "scheduled_start_time",
)
"""Fields of an item to select by; NULL where the item has none."""


_STARTING: Final = ("patient_id", "modality", "scheduled_station_aetitle", "station_name")
_UNIQUE: Final = (
    "study_instance_uid",
    "accession_number",
    "requested_procedure_id",
    "scheduled_procedure_step_id",
)
INDEXES: Final = {
    "items_by_start": f"({BY_START}) WHERE scheduled_start_date IS NOT NULL",
    # One field, then the order of the answers: a list by station or modality needs no sorting.
    **{f"items_by_{name}": f"({name}, {BY_START}) WHERE {name} IS NOT NULL" for name in _STARTING},
    **{f"items_by_{name}": f"({name}) WHERE {name} IS NOT NULL" for name in _UNIQUE},
}
"""The indexes of ``items``; partial, so that tombstones and missing values are in none."""

COLUMNS: Final = ", ".join(
    ("item_id", "feed_seq", *FIELDS, "status", "ascii", "elements", "seal", "whole", "body")
)
_TABLE: Final = (
    "(id INTEGER PRIMARY KEY, item_id TEXT NOT NULL UNIQUE, feed_seq INTEGER NOT NULL, "
    f"{', '.join(f'{name} TEXT' for name in FIELDS)}, status TEXT, ascii INTEGER, elements BLOB, "
    "seal INTEGER, whole INTEGER, body TEXT)"
)
_SELF_TESTS_TABLE: Final = f"{_TABLE[:-1]}, expires_at REAL NOT NULL DEFAULT 0)"
_PLACEHOLDERS: Final = ", ".join("?" * (len(FIELDS) + 8))
_UPDATED: Final = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS.split(", ")[1:])
_BATCH: Final = 500

Row = tuple[object, ...]


class Unreadable(NamedTuple):
    """An item of a page that this relay cannot read, and why, without patient data."""

    item_id: str
    feed_seq: int
    reason: str


def upsert(table: str) -> str:
    """Return the statement that puts a row into a table, unless a newer one is there."""
    return (
        f"INSERT INTO {table} ({COLUMNS}) VALUES ({_PLACEHOLDERS}) "  # noqa: S608  (ours)
        f"ON CONFLICT (item_id) DO UPDATE SET {_UPDATED} WHERE excluded.feed_seq >= {table}.feed_seq"
    )


def row_of(entry: FeedItem) -> Row:
    """Return the row of an item."""
    return _row(entry.item, entry.feed_seq, entry.item.model_dump_json())


def tombstone_row(item_id: str, feed_seq: int) -> Row:
    """Return the row that keeps a resent older item away."""
    return (item_id, feed_seq, *[None] * (len(FIELDS) + 6))


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables of a new file, bring an older one forward; one newer than this program is an error.

    :raises sqlite3.DatabaseError: it cannot be used.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise sqlite3.DatabaseError(f"it is of format {version}, this program reads format {VERSION}")
    if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("it is damaged")
    if version == 0:
        with transaction(db):
            _create(db)
    elif version < VERSION:
        with transaction(db):
            _from_an_earlier_version(db)
    elif _state(db).get("elements") != FINGERPRINT:
        with transaction(db):
            _make_anew(db)
    with transaction(db):
        # Not a new version: an earlier build looks at none but its own tables.
        db.execute(f"CREATE TABLE IF NOT EXISTS {SELF_TESTS} {_SELF_TESTS_TABLE}")


def verify(db: sqlite3.Connection) -> int:
    """Read all of it; set apart the items whose row is not as it was written, and return how many.

    It takes some three seconds for 100,000 items, so it is not done before scanners are answered.

    :raises sqlite3.DatabaseError: the file as a whole is damaged.
    """
    # Not quick_check: it would not notice an index that leads to another row.
    if db.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("it is damaged")
    return _set_damaged_apart(db)


def swap(db: sqlite3.Connection) -> None:
    """Make the staged rows the worklist. What we cannot read keeps its last readable form, as the oldest."""
    db.execute("DELETE FROM unreadable WHERE item_id IN (SELECT item_id FROM staged)")
    for name in INDEXES:  # making them at the end is several times faster
        db.execute(f"DROP INDEX {name}")
    db.execute("DELETE FROM items WHERE item_id NOT IN (SELECT item_id FROM unreadable)")
    db.execute("UPDATE items SET feed_seq = 0")
    db.execute("DELETE FROM items WHERE item_id IN (SELECT item_id FROM staged)")
    # In the order of the answers, so that a list is read from neighbouring pages.
    db.execute(
        f"INSERT INTO items ({COLUMNS}) SELECT {COLUMNS} FROM staged "  # noqa: S608  (ours)
        f"WHERE elements IS NOT NULL ORDER BY {BY_START}"
    )
    _create_indexes(db)
    db.execute("DELETE FROM staged")


def _set_damaged_apart(db: sqlite3.Connection) -> int:
    """Move items whose row is not as it was written to ``unreadable``.

    If there are any, the bookmark is forgotten, so that the next pull brings them again.
    """
    sql = f"SELECT id, item_id, status, ascii, elements, seal, whole, {', '.join(FIELDS)}, body FROM items "  # noqa: S608
    damaged = [
        (number, item_id)
        for number, item_id, status, is_ascii, blob, seal, whole, *values in db.execute(
            f"{sql} WHERE elements IS NOT NULL"
        )
        if seal != seal_of(item_id, status, is_ascii, blob) or whole != whole_of(values)
    ]
    if damaged:
        with transaction(db):
            reason = "its record in cache.db is damaged"
            rows = [(item_id, reason) for _, item_id in damaged]
            db.executemany("INSERT OR REPLACE INTO unreadable VALUES (?, 0, ?)", rows)
            db.executemany("DELETE FROM items WHERE id = ?", [(number,) for number, _ in damaged])
            db.execute("DELETE FROM state WHERE key IN ('cursor', 'etag', 'epoch')")
    return len(damaged)


def _create(db: sqlite3.Connection) -> None:
    db.execute(f"CREATE TABLE items {_TABLE}")
    db.execute(f"CREATE TABLE staged {_TABLE}")
    db.execute(
        "CREATE TABLE IF NOT EXISTS unreadable "
        "(item_id TEXT PRIMARY KEY, feed_seq INTEGER NOT NULL, reason TEXT NOT NULL)"
    )
    db.execute("CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    _create_indexes(db)
    _remember_form(db)
    db.execute(f"PRAGMA user_version = {VERSION}")


def _create_indexes(db: sqlite3.Connection) -> None:
    for name, definition in INDEXES.items():
        db.execute(f"CREATE INDEX {name} ON items {definition}")


def _from_an_earlier_version(db: sqlite3.Connection) -> None:
    """Version 1 had the items as JSON only, in tables without row ids; version 2 had no checksums."""
    for (name,) in db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall():
        db.execute(f'DROP INDEX "{name}"')
    db.execute("ALTER TABLE items RENAME TO items_1")
    db.execute("DROP TABLE staged")
    _create(db)
    last = ""
    while rows := db.execute(
        "SELECT item_id, feed_seq, body FROM items_1 WHERE item_id > ? ORDER BY item_id LIMIT ?",
        (last, _BATCH),
    ).fetchall():
        last = rows[-1][0]
        _put(db, rows)
    db.execute("DROP TABLE items_1")
    if "cursor" in _state(db):
        db.execute("INSERT OR REPLACE INTO state VALUES ('complete', '1')")
    _ask_anew(db)


def _make_anew(db: sqlite3.Connection) -> None:
    """Make all rows' blobs again from the items."""
    db.execute("DELETE FROM staged")  # an unfinished snapshot begins again anyhow
    db.execute(f"DROP TABLE IF EXISTS {SELF_TESTS}")  # it lasts for minutes, and comes again
    last = -1
    while rows := db.execute(
        "SELECT id, item_id, feed_seq, body FROM items WHERE id > ? AND body IS NOT NULL ORDER BY id LIMIT ?",
        (last, _BATCH),
    ).fetchall():
        last = rows[-1][0]
        _put(db, [row[1:] for row in rows])
    _ask_anew(db)
    _remember_form(db)


def _ask_anew(db: sqlite3.Connection) -> None:
    """Let the next pull bring everything: what an older program could not read of the items, it left out."""
    db.execute("DELETE FROM state WHERE key IN ('cursor', 'etag', 'epoch')")


def _put(db: sqlite3.Connection, stored: Iterable[tuple[str, int, str | None]]) -> None:
    rows: list[Row] = []
    for item_id, feed_seq, body in stored:
        if body is None:
            rows.append(tombstone_row(item_id, feed_seq))
            continue
        try:
            rows.append(_row(WorklistItem.model_validate_json(body), feed_seq, body))
        except ValidationError:
            log.warning("item %s cannot be read by this version of the program; left out", item_id)
            reason = "this version of the program cannot read it"
            db.execute("INSERT OR REPLACE INTO unreadable VALUES (?, ?, ?)", (item_id, feed_seq, reason))
            db.execute("DELETE FROM items WHERE item_id = ?", (item_id,))
    db.executemany(upsert("items"), rows)


def _row(item: WorklistItem, feed_seq: int, body: str) -> Row:
    blob, is_ascii = blob_of(item)
    fields = [getattr(item, name) or None for name in FIELDS]
    status = item.performed_procedure_step_status.value
    seal = seal_of(item.id, status, int(is_ascii), blob)
    return (item.id, feed_seq, *fields, status, is_ascii, blob, seal, whole_of([*fields, body]), body)


def _state(db: sqlite3.Connection) -> dict[str, str]:
    return dict(db.execute("SELECT key, value FROM state").fetchall())


def _remember_form(db: sqlite3.Connection) -> None:
    db.execute("INSERT OR REPLACE INTO state VALUES ('elements', ?)", (FINGERPRINT,))
