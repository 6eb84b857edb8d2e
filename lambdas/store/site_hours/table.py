"""The opening hours of all sites, in one row: written every hour, read by whoever answers relays.

    HOURS   STATE   packed JSON: until when it holds, and each site's spans    KeptRow

A process reads it again after some minutes. Where it is missing or too old, nobody knows the hours: relays
then ask as often as they are set to.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic_core import from_json, to_json
from pynamodb.exceptions import DoesNotExist

from lambdas.sources.definition import SourceDefinition
from lambdas.store.faults import translated
from lambdas.store.models import HOURS, STATE, Tables
from lambdas.store.site_hours.spans import Booking, Span, hours_of
from shared.worklist_item import Status

KNOWN_AHEAD_SECONDS: Final = 48 * 3600.0
GOOD_SECONDS: Final = 3 * 3600.0
"""How long it holds: when the hourly work stands still, a booking or a changed window may be missing."""
READ_AGAIN_SECONDS: Final = 300.0


class SiteHours:
    """When each site is open, as far as it is known; one a process."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._spans: dict[str, tuple[Span, ...]] = {}
        self._good_until = 0.0
        self._read_at = 0.0

    def of_site(self, site: str, now: float) -> tuple[Span, ...] | None:
        """Return when a site is open; None if nobody knows.

        :param now: seconds since 1970.
        """
        if not self._read_at <= now < self._read_at + READ_AGAIN_SECONDS:
            self._read()
            self._read_at = now
        return self._spans.get(site) if now < self._good_until else None

    def note(self, definitions: Iterable[SourceDefinition], now: float) -> None:
        """Work out the hours and write them down.

        :raises Unavailable: DynamoDB did not answer.
        """
        hours = hours_of(definitions, self._bookings(now), now, KNOWN_AHEAD_SECONDS)
        body = zlib.compress(to_json({"until": now + GOOD_SECONDS, "sites": dict(hours)}), 9)
        with translated("noting the opening hours"):
            self._tables.kept(HOURS, STATE, state=body).save()

    def _read(self) -> None:
        with translated("reading the opening hours"):
            try:
                row = self._tables.kept.get(HOURS, STATE)
            except DoesNotExist:
                self._spans, self._good_until = {}, 0.0
                return
        found: dict[str, Any] = from_json(zlib.decompress(bytes(row.state)))
        self._good_until = float(found["until"])
        self._spans = {site: tuple(map(_span, spans)) for site, spans in found["sites"].items()}

    def _bookings(self, now: float) -> Iterator[Booking]:
        """Yield the exams still to be done of the days around, whatever the site's zone."""
        today = datetime.fromtimestamp(now, UTC).date()
        low, high = (f"{today + timedelta(days):%Y%m%d}" for days in (-1, 4))
        listing = self._tables.item.listing
        with translated("listing the bookings of the days around"):
            for row in listing.query(Status.SCHEDULED.value, self._tables.item.starts_at.between(low, high)):
                start = _start(str(row.starts_at))
                if start is not None:
                    yield Booking(row.pk.partition("#")[2], start)


def _span(pair: list[float]) -> Span:
    return float(pair[0]), float(pair[1])


def _start(starts_at: str) -> datetime | None:
    """Return the moment that an item's place in the listing begins with; None if it names no hour."""
    text = starts_at.partition("#")[0]
    form = {14: "%Y%m%d%H%M%S", 12: "%Y%m%d%H%M"}.get(len(text))
    return datetime.strptime(text, form) if form else None  # noqa: DTZ007  by the site's clock
