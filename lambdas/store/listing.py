"""People's lists: items by status and day, page by page, and a site's days. Never used for the feed."""

from __future__ import annotations

import base64
import binascii
import heapq
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import chain, islice
from operator import and_
from typing import Any, Final, NamedTuple

from pynamodb.expressions.condition import Condition

from lambdas.store.faults import translated
from lambdas.store.item_rows import READ, stored_item
from lambdas.store.models import ITEM, ItemRow, Tables, site_key
from lambdas.store.ownership import StoredItem
from lambdas.store.plans.keys import cancelled_group
from lambdas.store.plans.timing import Timing
from shared.errors import Rejected
from shared.worklist_item import Status

DEFAULT_STATUSES = (Status.SCHEDULED, Status.IN_PROGRESS)
_PAGE = 200
_LOWEST, _FIRST, _HIGHEST = "", "0", "~"
_BATCH_GET: Final = 100
_FEW_DAYS: Final = 8
_LEAST: Final = 100
"""Rows of a site that are looked at in one query, at least."""
_SETTLED: Final = timedelta(days=30)
"""Exams so long past are done, but for a few: those of all sites are sooner read than all of one's."""
_MOST_SITES: Final = 100
"""Of an account: of more, what it may not see is left out afterwards."""


@dataclass(frozen=True)
class ItemQuery:
    """What to list; every condition given must hold. Dates are ``YYYYMMDD``, both ends included.

    :param patient_id: a part of it, in capitals or small letters.
    :param sites: only of these; none: of all.
    """

    statuses: tuple[Status, ...] = DEFAULT_STATUSES
    site: str | None = None
    sites: frozenset[str] = frozenset()
    patient_id: str | None = None
    modality: str | None = None
    date_from: str | None = None
    date_to: str | None = None

    def admits(self, stored: StoredItem) -> bool:
        """Tell whether an item meets the query, but for the days."""
        item = stored.item
        is_theirs = not self.patient_id or self.patient_id.casefold() in item.patient_id.casefold()
        return (
            not stored.gone
            and is_theirs
            and item.performed_procedure_step_status in self.statuses
            and self.modality in (None, item.modality)
            and (self.site in (None, item.site))
            and (not self.sites or item.site in self.sites)
        )

    def only_site(self) -> str | None:
        """Return the one site it can find items of; None if there may be several."""
        return self.site or (next(iter(self.sites)) if len(self.sites) == 1 else None)

    def first_of_site(self, now: float) -> str | None:
        """Return from which start on the rows of its site are read, and of no other site; None: not at all.

        What comes before is read of all sites, by status: open exams of long ago are few everywhere, while
        the site has had many since.

        :param now: seconds since 1970.
        """
        if self.only_site() is None:
            return None
        if self.is_of_few_days() or not set(self.statuses) <= set(DEFAULT_STATUSES):
            return _FIRST
        return f"{datetime.fromtimestamp(now, UTC) - _SETTLED:%Y%m%d}"

    def is_of_few_days(self) -> bool:
        """Tell whether it asks for some days: then what they hold is read of a site, and no other site."""
        if not (self.date_from and self.date_to):
            return False
        try:
            first, last = (datetime.strptime(day, "%Y%m%d") for day in (self.date_from, self.date_to))  # noqa: DTZ007
        except ValueError:  # not a day of the calendar: the listing goes by the text
            return False
        return (last - first).days < _FEW_DAYS

    def is_certain(self, row: ItemRow) -> bool:
        """Tell whether the listing has all that says if a row meets the query; an earlier build's may not."""
        lacks = (self.patient_id and row.patient_key is None) or (self.modality and row.modality is None)
        return not lacks

    def filter(self, model: type[ItemRow]) -> Condition | None:
        """Return what DynamoDB can leave out of the listing by itself."""
        conditions = self._of_exams(model)
        if self.site is not None:
            conditions.append(model.pk == site_key(self.site))
        if 0 < len(self.sites) <= _MOST_SITES:
            conditions.append(model.pk.is_in(*map(site_key, sorted(self.sites))))
        return reduce(and_, conditions) if conditions else None

    def filter_of_days(self, model: type[ItemRow]) -> Condition:
        """Return what DynamoDB can leave out of a site's days by itself."""
        statuses = model.status.is_in(*(status.value for status in self.statuses))
        return reduce(and_, self._of_exams(model), statuses)

    def _of_exams(self, model: type[ItemRow]) -> list[Condition]:
        conditions: list[Condition] = []
        if self.modality is not None:
            conditions.append(model.modality.does_not_exist() | (model.modality == self.modality))
        if self.patient_id:
            named = model.patient_key.contains(self.patient_id.casefold())
            conditions.append(model.patient_key.does_not_exist() | named)
        return conditions


@dataclass(frozen=True)
class ItemPage:
    """Items in order of their start, and where the next page begins; None after the last."""

    items: list[StoredItem]
    next: str | None


def list_items(
    tables: Tables, query: ItemQuery, *, limit: int, now: float, start: str | None = None, offset: int = 0
) -> ItemPage:
    """Return one page of items in order of their scheduled start.

    :param now: seconds since 1970.
    :param start: ``next`` of the page before.
    :param offset: how many items to pass over first; of several sites, by their narrow rows alone.
    :raises Rejected: ``start`` is not one of ours.
    """
    floor = _decode(start) if start else None
    found: Iterator[tuple[ItemRow, StoredItem]]
    first = query.first_of_site(now)
    if first is None:
        found = _of_all_sites(tables, query, floor, _HIGHEST, offset, limit + 1)
    else:
        most = offset + limit + 1
        before = _of_all_sites(tables, query, floor, first, 0, most)
        found = islice(chain(before, _of_site(tables, query, floor, first, most)), offset, None)
    rows = [pair for _, pair in zip(range(limit + 1), found, strict=False)]
    after = _encode(str(rows[limit - 1][0].starts_at)) if len(rows) > limit else None
    return ItemPage([stored for _, stored in rows[:limit]], after)


def _of_all_sites(
    tables: Tables, query: ItemQuery, floor: str | None, until: str, offset: int, most: int
) -> Iterator[tuple[ItemRow, StoredItem]]:
    """Yield the items that meet a query and start before ``until``, by the narrow rows of their statuses."""
    by_status = [_rows(tables, status, query, floor, until, most) for status in dict.fromkeys(query.statuses)]
    merged = heapq.merge(*by_status, key=lambda row: str(row.starts_at))
    return _admitted(tables, query, merged, offset, most)


def _of_site(
    tables: Tables, query: ItemQuery, floor: str | None, first: str, most: int
) -> Iterator[tuple[ItemRow, StoredItem]]:
    """Yield the items of a query's one site that meet it and start at ``first`` or later."""
    low = max(query.date_from or _LOWEST, f"{floor} " if floor else _LOWEST, first)
    high = (query.date_to or "") + _HIGHEST
    if low > high or not query.statuses:
        return
    model = tables.item
    # Where only the status chooses, most rows are wanted: no more are taken apart than the page may need.
    are_few = query.is_of_few_days() or query.modality or query.patient_id
    with translated("listing items"):
        rows = model.by_start.query(
            site_key(query.only_site() or ""),
            model.starts_at.between(low, high),
            filter_condition=query.filter_of_days(model),
            page_size=None if are_few else max(most, _LEAST),
            attributes_to_get=["starts_at", *READ],
        )
        for row in rows:
            stored = stored_item(row)
            if query.admits(stored):
                yield row, stored


def _admitted(
    tables: Tables, query: ItemQuery, merged: Iterator[ItemRow], offset: int, most: int
) -> Iterator[tuple[ItemRow, StoredItem]]:
    """Yield the rows of the listing that meet a query, each with its item as it is now, but for the first.

    :param most: how many are wanted: no more items are read at once than that takes, if all of them do.
    """
    all_do = True
    while some := list(islice(merged, min(_BATCH_GET, max(offset, most)) if all_do else _BATCH_GET)):
        if offset >= len(some) and all(map(query.is_certain, some)):
            offset -= len(some)  # passed over without a look at the items themselves
            continue
        keys = [(row.pk, row.sk) for row in some]
        with translated("listing items"):
            there = {(row.pk, row.sk): row for row in tables.item.batch_get(keys)}
        for row in some:
            full = there.get((row.pk, row.sk))
            stored = stored_item(full) if full is not None else None
            if stored is None or not query.admits(stored):
                all_do = False
                continue
            if offset > 0:
                offset -= 1
            else:
                most -= 1
                yield row, stored
                if not most:
                    return


def items_of_days(
    tables: Tables,
    site: str,
    first: str,
    last: str,
    admits: Callable[[Mapping[str, Any]], bool] | None = None,
) -> Iterator[StoredItem]:
    """Yield a site's items of some days in order of their start, whatever their status, except those gone.

    :param first: ``YYYYMMDD``, as ``last``; both ends are included.
    :param admits: looks at an item's fields before it is read in full, which takes longer; None: all.
    """
    model = tables.item
    with translated("listing a site's days"):
        rows = model.by_start.query(
            site_key(site),
            model.starts_at.between(first, last + _HIGHEST),
            page_size=_PAGE * 5,
            attributes_to_get=list(READ),
        )
        for row in rows:
            if admits is None or admits(json.loads(row.body or "{}")):
                yield stored_item(row)


def items_of_site(tables: Tables, site: str) -> Iterator[StoredItem]:
    """Yield all items of a site, those gone too; reads its whole partition."""
    model = tables.item
    with translated("listing a site's items"):
        for row in model.query(site_key(site), model.sk.startswith(ITEM), consistent_read=True):
            yield stored_item(row)


class BookedRow(NamedTuple):
    """An item as a report reads it: not checked field by field, which takes much longer.

    :param item: its fields as they are stored.
    :param steps: SOP Instance UIDs of its performed steps.
    :param gone: it was taken off the list before a scan.
    """

    item: Mapping[str, Any]
    steps: tuple[str, ...]
    timing: Timing
    gone: bool


def booked_rows(tables: Tables, site: str, first: str, last: str) -> Iterator[BookedRow]:
    """Yield what was planned at a site for some days, also what was taken off the list since.

    Two queries by site and day, whatever else the table holds.

    :param first: ``YYYYMMDD``, as ``last``; both ends are included.
    """
    model, until = tables.item, last + _HIGHEST
    there = model.by_start.query(site_key(site), model.starts_at.between(first, until), page_size=_PAGE * 5)
    gone = model.cancelled.query(
        cancelled_group(site), model.group_at.between(first, until), page_size=_PAGE * 5
    )
    with translated("listing what was planned"):
        for row in chain(there, gone):
            yield _booked(row)


def _booked(row: ItemRow) -> BookedRow:
    own = [each["sop_instance_uid"] for each in row.performed or ()]
    counted = (row.progress or {}).get("steps", ())
    return BookedRow(
        json.loads(row.body or "{}"),
        tuple(dict.fromkeys([*own, *counted])),
        Timing.model_validate(row.timing or {}),
        bool(row.gone),
    )


def _rows(
    tables: Tables, status: Status, query: ItemQuery, floor: str | None, until: str, most: int
) -> Iterator[ItemRow]:
    # A trailing space sorts before any further character: strictly after the floor.
    low = max(query.date_from or _LOWEST, f"{floor} " if floor else _LOWEST) or _FIRST
    high = min((query.date_to or "") + _HIGHEST, until)  # every start is longer than the name of a day
    if low >= high:
        return
    model, chosen = tables.item, query.filter(tables.item)
    page = most if chosen is None else None  # what is filtered comes by the megabyte
    with translated("listing items"):
        yield from model.listing.query(
            status.value, model.starts_at.between(low, high), filter_condition=chosen, page_size=page
        )


def _encode(starts_at: str) -> str:
    return base64.urlsafe_b64encode(starts_at.encode()).decode().rstrip("=")


def _decode(start: str) -> str:
    try:
        return base64.b64decode(start + "=" * (-len(start) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Rejected("not a cursor this server gave out", where="cursor", hint="leave it out") from None
