"""Exams whose day passed without a scan: NO_SHOW, after a grace. Nothing is asked of REDCap.

A scanner's report, a new day or a person undoes it (`lambdas.store.ownership`), and it is written back
where the source wants to be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Final

from lambdas.sources.definition import SourceDefinition
from lambdas.store import ownership
from lambdas.store.commit import BATCH
from lambdas.store.sources import SourceStore
from lambdas.store.worklist import ItemQuery, StoredItem, WorklistStore

DAYS: Final = 2
"""The grace of an item that no source brings; a source has its own (``no_show_days``)."""

_LAST_ZONE: Final = timezone(timedelta(hours=-12))
"""Where a day ends last: of an item without a source nobody knows the zone."""

_FIRST_ZONE: Final = timezone(timedelta(hours=14))


def last_day(definition: SourceDefinition | None, now: float) -> str:
    """Return the last day (``YYYYMMDD``) whose exams are missed.

    :param definition: the source they came from; None: made by hand, or the source is gone.
    :param now: seconds since 1970.
    """
    moment = datetime.fromtimestamp(now, UTC)
    if definition is None:
        return _before(moment.astimezone(_LAST_ZONE), DAYS)
    return _before(definition.local(moment), definition.no_show_days)


def mark_no_shows(worklist: WorklistStore, sources: SourceStore, now: float) -> int:
    """Mark the exams that were missed; return how many. Called again, it goes on where it was stopped.

    :param now: seconds since 1970.
    :raises Conflict, Unavailable: some may not be marked yet.
    """
    definitions = {each.source_id: each.definition for each in sources.all(gently=True)}
    marked = 0
    for page in _waiting(worklist, _before(datetime.fromtimestamp(now, _FIRST_ZONE), 0)):
        missed: dict[str, dict[str, str]] = {}
        for stored in page:
            last = last_day(definitions.get(stored.item.source), now)
            if stored.item.scheduled_start_date <= last:
                missed.setdefault(stored.item.site, {})[stored.item.id] = last
        marked += sum(_mark(worklist, site, days) for site, days in missed.items())
    return marked


def _waiting(worklist: WorklistStore, until: str) -> Iterator[list[StoredItem]]:
    query = ItemQuery(statuses=ownership.WAITING, date_to=until)
    start: str | None = None
    while True:
        page = worklist.list_items(query, limit=BATCH, start=start)
        yield page.items
        start = page.next
        if start is None:
            return


def _mark(worklist: WorklistStore, site: str, days: Mapping[str, str]) -> int:
    changes = {item_id: partial(_missed, last=last) for item_id, last in days.items()}
    return worklist.writer.change(site, changes).written


def _missed(current: StoredItem | None, *, last: str) -> StoredItem | None:
    return None if current is None else ownership.from_clock(current, last)


def _before(local: datetime, days: int) -> str:
    return f"{local.date() - timedelta(days + 1):%Y%m%d}"
