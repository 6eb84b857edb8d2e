"""Of which exams an archive told images under another Patient ID (`DoubtedImageStore`).

DOUBTED_IMAGES#<site>  <item_id>

A row says only where to look: the exam itself tells whether its images are still doubted
(`lambdas.store.ownership.doubted`). So a row too many does no harm, and it goes by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from lambdas.store.faults import translated
from lambdas.store.models import Tables

_KIND: Final = "DOUBTED_IMAGES#"
KEPT: Final = timedelta(days=70)
"""Longer than a relay asks about an exam (60 days at most), and than people are asked."""


class DoubtedImageStore:
    """Where to look. Every method raises `Unavailable` if DynamoDB does not answer.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, *, now: Callable[[], float]) -> None:
        self._row, self._now = tables.account, now

    def note(self, site: str, item_id: str) -> None:
        """Note an exam; noting it again keeps it for longer."""
        row = self._row(f"{_KIND}{site}", item_id, body="{}", version=1)
        row.expires_at = datetime.fromtimestamp(self._now(), UTC) + KEPT
        with translated("noting an exam with images of another Patient ID"):
            row.save()

    def item_ids(self, site: str) -> list[str]:
        """Return the exams that were noted at a site and did not go yet."""
        with translated("reading exams with images of another Patient ID"):
            return [str(row.sk) for row in self._row.query(f"{_KIND}{site}", consistent_read=True)]
