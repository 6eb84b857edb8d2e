"""Items that are to be withdrawn, by site, each with its record; so many records at a time. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from shared.batches import batches

Items = dict[str, dict[str, str]]
"""Site -> item id -> record."""

ASKED_AGAIN: Final = 2000
"""Records that are asked for again at once before their items are withdrawn; of more, so many at a time, so
that a run that is ended has done some of it."""


@dataclass
class Sweep:
    """What a look at all items of the source showed.

    :param barred: site -> items to withdraw in any case, each with its record.
    :param vanished: site -> items that no row stands for, each with its record.
    :param gone: records that REDCap does not list any more.
    :param total: items that a sync may withdraw at all.
    """

    barred: Items = field(default_factory=lambda: defaultdict(dict))
    vanished: Items = field(default_factory=lambda: defaultdict(dict))
    gone: set[str] = field(default_factory=set)
    total: int = 0

    def vanished_ids(self) -> list[str]:
        """Return the ids of the vanished items, of all sites."""
        return [item_id for ids in self.vanished.values() for item_id in ids]


def portions_of(items: Items) -> Iterator[Items]:
    """Yield items in portions of so many records that can be asked for again at once."""
    of_record: dict[str, list[tuple[str, str]]] = {}
    for site, of_site in items.items():
        for item_id, record in of_site.items():
            of_record.setdefault(record, []).append((site, item_id))
    for records in batches(sorted(of_record), ASKED_AGAIN):
        portion: Items = defaultdict(dict)
        for record in records:
            for site, item_id in of_record[record]:
                portion[site][item_id] = record
        yield portion


def left_of(items: Items, holds: Callable[[str, str, str], bool]) -> Items:
    """Return those of which something holds, given site, item id and record."""
    return {
        site: {item_id: record for item_id, record in of_site.items() if holds(site, item_id, record)}
        for site, of_site in items.items()
    }


def records_of(items: Items) -> set[str]:
    """Return the records of items."""
    return {record for of_site in items.values() for record in of_site.values()}
