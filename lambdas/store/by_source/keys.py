"""What finds an item by its record, and which touched items their start does not find. Pure."""

from __future__ import annotations

from typing import Final

from lambdas.store.ownership import StoredItem

SLOT: Final = frozenset({"scheduled_start_date", "scheduled_start_time"})
"""When an exam begins."""

APART: Final = "APART#"
"""Sort key of the row that says of an item: its start, as its source has it, does not find it. With no id
behind it: whatever is apart at this site has such a row, and all items are found by their record."""


def record_key(source_id: str, record: str) -> str:
    """Return what the items of a record are found by. A source's id has no such sign in it."""
    return f"{source_id}#{record}"


def apart_key(item_id: str) -> str:
    """Return the sort key of the row that says that an item is apart."""
    return f"{APART}{item_id}"


def is_apart(stored: StoredItem | None) -> bool:
    """Tell whether a person has removed an item of a source, or has set when it begins.

    What is removed has no place among the exams of a day; what was set another time has one of its own.
    """
    if stored is None or not stored.item.source:
        return False
    removed = stored.gone and stored.status_owner == "person"
    return removed or not SLOT.isdisjoint(stored.edited)


def is_touched(stored: StoredItem) -> bool:
    """Tell whether a scanner or a person has touched an item; one that a person has removed is touched."""
    touched = stored.status_owner != "source" or bool(stored.edited)
    return touched and (not stored.gone or stored.status_owner == "person")
