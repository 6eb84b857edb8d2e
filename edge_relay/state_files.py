"""What the files in a relay's state folder are called."""

from __future__ import annotations

from typing import Final

CACHE_FILE: Final = "cache.db"
JOURNAL_FILE: Final = "journal.db"
HEALTH_FILE: Final = "health.json"
