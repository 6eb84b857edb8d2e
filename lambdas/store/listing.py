"""People's lists: items by status and day, page by page, and a site's days. Never used for the feed."""

from __future__ import annotations

import base64
import binascii
import heapq
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from lambdas.store.commit import stored_item
from lambdas.store.faults import translated
from lambdas.store.models import ITEM, ItemRow, Tables, site_key
from lambdas.store.ownership import StoredItem
from lambdas.store.plans.keys import cancelled_group
from lambdas.store.plans.timing import Timing
from shared.errors import Rejected
from shared.worklist_item import Status

DEFAULT_STATUSES = (Status.SCHEDULED, Status.IN_PROGRESS)
_PAGE = 200
_LOWEST, _HIGHEST = "", "~"


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

    def admits(self, row: ItemRow) -> bool:
        """Tell whether a row of the right status and day meets the rest of the query."""
        if self.site is not None and row.pk != site_key(self.site):
            return False
        if self.sites and row.pk not in {site_key(site) for site in self.sites}:
            return False
        body = row.body or ""
        # Most rows are somebody else's: a glance into the text spares reading them.
        if self.patient_id and _in_json(self.patient_id).casefold() not in body.casefold():
            return False
        if self.modality is not None and f'"modality":"{self.modality}"' not in body:
            return False
        item = stored_item(row).item
        is_theirs = not self.patient_id or self.patient_id.casefold() in item.patient_id.casefold()
        return is_theirs and self.modality in (None, item.modality)


@dataclass(frozen=True)
class ItemPage:
    """Items in order of their start, and where the next page begins; None after the last."""

    items: list[StoredItem]
    next: str | None


def list_items(
    tables: Tables, query: ItemQuery, *, limit: int, start: str | None = None, offset: int = 0
) -> ItemPage:
    """Return one page of items in order of their scheduled start.

    :param start: ``next`` of the page before.
    :param offset: how many items to pass over first; reading them costs as much as showing them.
    :raises Rejected: ``start`` is not one of ours.
    """
    floor = _decode(start) if start else None
    by_status = [_rows(tables, status.value, query, floor) for status in dict.fromkeys(query.statuses)]
    merged = heapq.merge(*by_status, key=lambda row: str(row.starts_at))
    admitted = (row for row in merged if query.admits(row))
    for _ in range(offset):
        next(admitted, None)
    rows = [row for _, row in zip(range(limit + 1), admitted, strict=False)]
    more = len(rows) > limit
    rows = rows[:limit]
    after = _encode(str(rows[-1].starts_at)) if more and rows else None
    return ItemPage([stored_item(row) for row in rows], after)


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
            site_key(site), model.starts_at.between(first, last + _HIGHEST), page_size=_PAGE * 5
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


def _rows(tables: Tables, status: str, query: ItemQuery, floor: str | None) -> Iterator[ItemRow]:
    # A trailing space sorts before any further character: strictly after the floor.
    low = max(query.date_from or _LOWEST, f"{floor} " if floor else _LOWEST) or "0"
    high = (query.date_to or "") + _HIGHEST
    if low > high:
        return
    with translated("listing items"):
        yield from tables.item.by_status.query(
            status, tables.item.starts_at.between(low, high), page_size=_PAGE
        )


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _encode(starts_at: str) -> str:
    return base64.urlsafe_b64encode(starts_at.encode()).decode().rstrip("=")


def _decode(start: str) -> str:
    try:
        return base64.b64decode(start + "=" * (-len(start) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Rejected("not a cursor this server gave out", where="cursor", hint="leave it out") from None
