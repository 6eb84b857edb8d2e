"""Test participants in cache.db: a table of their own, which no search of a scanner reads.

They are only shown to who asks under the relay's own AE title for the Patient ID of one of them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from edge_relay.worklist.cache_schema import row_of, upsert
from edge_relay.worklist.cached_item import SELF_TESTS, parsed
from shared.feed import FeedItem, Tombstone
from shared.steps.self_test import FeedSelfTest
from shared.worklist_item import WorklistItem

_HELD: Final = f"SELECT expires_at, feed_seq, body FROM {SELF_TESTS} WHERE body IS NOT NULL"  # noqa: S608  (ours)
_THERE: Final = "SELECT 1 FROM sqlite_master WHERE name = ?"


class HeldSelfTest(NamedTuple):
    """A test participant as the cloud last said it is, and when it is to be gone."""

    item: WorklistItem
    expires_at: datetime


def apply(db: sqlite3.Connection, tests: Sequence[FeedSelfTest], gone: Iterable[Tombstone]) -> None:
    """Take over what a page says: a new one takes the place of the others."""
    for test in tests:
        item_id = test.item.id
        db.execute(f"DELETE FROM {SELF_TESTS} WHERE item_id <> ?", (item_id,))  # noqa: S608  (ours)
        db.execute(upsert(SELF_TESTS), row_of(FeedItem(feed_seq=test.feed_seq, item=test.item)))
        expires = (test.expires_at.timestamp(), item_id)
        db.execute(f"UPDATE {SELF_TESTS} SET expires_at = ? WHERE item_id = ?", expires)  # noqa: S608  (ours)
    forget(db, [stone.id for stone in gone])


def forget(db: sqlite3.Connection, item_ids: Iterable[str]) -> None:
    """Remove test participants."""
    db.executemany(f"DELETE FROM {SELF_TESTS} WHERE item_id = ?", [(each,) for each in item_ids])  # noqa: S608


def held(db: sqlite3.Connection) -> list[HeldSelfTest]:
    """Return those held; none from a file of an earlier build that cannot be written."""
    if db.execute(_THERE, (SELF_TESTS,)).fetchone() is None:
        return []
    rows = db.execute(_HELD).fetchall()
    items = parsed((feed_seq, body) for _, feed_seq, body in rows)
    return [
        HeldSelfTest(cached.item, datetime.fromtimestamp(expires_at, UTC))
        for (expires_at, _, _), cached in zip(rows, items, strict=True)
    ]
