"""cache.db as another process reads it. It loads nothing of DICOM, so that ``status`` starts quickly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_relay.storage.sqlite_file import connect_read_only
from edge_relay.worklist.cached_item import BY_START, COMPLETE, COUNT, CachedItem, parsed


class CacheReader:
    """The cache as another process sees it, for ``status`` and ``list``."""

    def __init__(self, path: Path) -> None:
        self._db = connect_read_only(path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def select(self) -> Iterator[CachedItem]:
        """Yield all items, by start date, time and id."""
        sql = f"SELECT feed_seq, body FROM items WHERE body IS NOT NULL ORDER BY {BY_START}"  # noqa: S608  (ours)
        return parsed(self._db.execute(sql).fetchall())

    def count(self) -> int:
        """Return the number of items held."""
        return int(self._db.execute(COUNT).fetchone()[0])

    def is_complete(self) -> bool:
        """Tell whether a whole worklist was ever received; without one, scanners' queries are refused."""
        return self._db.execute(COMPLETE).fetchone() is not None

    def unreadable_count(self) -> int:
        """Return how many items were skipped because this relay cannot read them."""
        return int(self._db.execute("SELECT count(*) FROM unreadable").fetchone()[0])
