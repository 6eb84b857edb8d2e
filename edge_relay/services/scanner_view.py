"""What a scanner would be shown if it asked for everything now, for people who ask on its behalf."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

from edge_relay.config import RelaySettings, Settings
from edge_relay.mpps.journal_file import look_into
from edge_relay.mpps.journal_rows import stored_overlay
from edge_relay.services.profiles import Profiles
from edge_relay.storage.state_files import JOURNAL_FILE
from edge_relay.worklist.cache import Cache
from edge_relay.worklist.finding import check_profile, visible, withheld
from edge_relay.worklist.overlay import Overlay
from edge_relay.worklist.reader import WorklistReader
from shared.errors import NotFound, Unavailable
from shared.scanners.scanner_profile import ScannerProfile
from shared.worklist_item import WorklistItem


def scanner_view(
    profile: ScannerProfile, relay: RelaySettings, today: date, cache: Path, overlay: Mapping[str, Overlay]
) -> Iterator[WorklistItem]:
    """Yield the items a scanner would be shown; from any thread, next to the relay at work.

    :param today: the scanners' date.
    :param cache: where cache.db is; a connection of its own is opened for each call.
    :param overlay: the statuses the journal knows better than the cache.
    :raises Unavailable: if the cache cannot be read; also `sqlite3.Error`.
    """
    with closing(WorklistReader(cache)) as worklist:
        yield from visible(profile, profile.charset or relay.charset, today, worklist, overlay)


def withheld_from(
    profiles: Iterable[ScannerProfile],
    relay: RelaySettings,
    today: date,
    cache: Path,
    overlay: Mapping[str, Overlay],
) -> dict[str, int]:
    """Return how many of its own exams each scanner is not shown for its character set; no zeros.

    :raises Unavailable: if the cache cannot be read; also `sqlite3.Error`.
    """
    with closing(WorklistReader(cache)) as worklist:
        counts = {
            each.ae_title: withheld(each, each.charset or relay.charset, today, worklist, overlay)
            for each in profiles
        }
    return {title: count for title, count in counts.items() if count}


class Withheld:
    """How many exams each scanner is not shown for its character set; counted anew if something changed.

    :param path: of the cache.
    """

    def __init__(self, cache: Cache, path: Path) -> None:
        self._cache, self._path = cache, path
        self._seen: tuple[Any, ...] = ()
        self._counts: dict[str, int] = {}

    def counts(
        self,
        profiles: tuple[ScannerProfile, ...],
        relay: RelaySettings,
        today: date,
        overlay: Callable[[], Mapping[str, Overlay]],
    ) -> dict[str, int]:
        """Return the counts as `withheld_from` does; none if nothing can be read, and the status says why."""
        try:
            seen = self._cache.bookmark(), profiles, relay, today
            if self._seen != seen:
                self._counts = withheld_from(profiles, relay, today, self._path, overlay())
                self._seen = seen
        except (Unavailable, sqlite3.Error):
            return {}
        return self._counts


def scanner_view_from_files(ae_title: str, settings: Settings, cache: Path) -> list[WorklistItem]:
    """Return the same for a scanner by its AE title, from the files of a relay that may be running or not.

    :raises NotFound: if neither relay.toml nor the cloud has a profile for it.
    """
    profile = Profiles(settings, cache.parent, check_profile).get(ae_title)
    if profile is None:
        raise NotFound("is no scanner of this relay", where=ae_title, hint="see [[scanners]] in relay.toml")
    try:
        overlay = _overlay(cache.with_name(JOURNAL_FILE))
        # This machine's clock: what a running relay has learned of the cloud's is not known here.
        today = datetime.now(settings.relay.zone).date()
        return list(scanner_view(profile, settings.relay, today, cache, overlay))
    except sqlite3.Error as error:
        raise Unavailable(f"cannot be read ({type(error).__name__})", where=str(cache)) from None


def _overlay(journal: Path) -> Mapping[str, Overlay]:
    if not journal.exists():
        return {}
    with closing(look_into(journal)) as db:
        return stored_overlay(db)
