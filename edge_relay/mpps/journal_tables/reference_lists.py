"""The table ``reference_lists``: the long lists of images that events refer to, complete, packed.

An event's own record only counts them. They go with it when it is pruned.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from edge_relay.dicom.reference_lists import ReferenceList
from edge_relay.storage.seals import seal
from shared.errors import Rejected
from shared.steps.image_references import COUNT
from shared.steps.procedure_step import DataSetJson, ProcedureStepEvent

_LEVEL: Final = 1  # UIDs are so alike that more work saves little
SCHEMA: Final = (
    """CREATE TABLE reference_lists (
        event_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        count INTEGER NOT NULL,
        implicit INTEGER NOT NULL,
        packed BLOB NOT NULL,
        checksum TEXT NOT NULL,
        PRIMARY KEY (event_id, number))""",
)
_ROW: Final = "event_id, number, count, implicit, packed, checksum"

HeldLists = Mapping[str, tuple[ReferenceList, ...]]
"""The lists of a data set's attributes, by the tag they lie under."""


def insert(db: sqlite3.Connection, event_id: str, lists: Sequence[ReferenceList]) -> None:
    """Write the lists of an event, in the order of its attributes."""
    for number, each in enumerate(lists):
        packed = zlib.compress(each.items, _LEVEL)
        row = (event_id, number, each.size, each.implicit, packed, _checksum(event_id, number, packed))
        db.execute(f"INSERT INTO reference_lists ({_ROW}) VALUES (?, ?, ?, ?, ?, ?)", row)  # noqa: S608  (ours)


def held(db: sqlite3.Connection, events: Iterable[ProcedureStepEvent], tags: Collection[str]) -> HeldLists:
    """Return the lists of some attributes of a step, as its events leave them.

    A list may have tens of megabytes. What was not asked for, or was replaced later, is not read.

    :param events: of the step, in order.
    :param tags: of which attributes.
    :raises Rejected: the record of one is damaged, or one is missing.
    """
    last = {tag: event for event in events for tag in event.dataset}
    lists: dict[str, tuple[ReferenceList, ...]] = {}
    for event in {event.event_id: event for event in last.values()}.values():
        wanted = {tag for tag in tags if last.get(tag) is event}
        lists |= _of_event(db, event.event_id, event.dataset, wanted)
    return lists


def _of_event(
    db: sqlite3.Connection, event_id: str, dataset: DataSetJson, tags: Collection[str]
) -> dict[str, tuple[ReferenceList, ...]]:
    lists: dict[str, tuple[ReferenceList, ...]] = {}
    first = 0
    for tag in sorted(dataset):
        after = first + _counted(dataset[tag])
        if tag in tags and after > first:
            lists[tag] = _between(db, event_id, first, after)
        first = after
    return lists


def _between(db: sqlite3.Connection, event_id: str, first: int, after: int) -> tuple[ReferenceList, ...]:
    """Return an event's lists from number ``first`` to the one before ``after``."""
    where = "event_id = ? AND number >= ? AND number < ? ORDER BY number"
    rows = db.execute(f"SELECT {_ROW} FROM reference_lists WHERE {where}", (event_id, first, after))  # noqa: S608
    found = tuple(_list(*row) for row in rows)
    if len(found) != after - first:
        raise Rejected("a list of the images that a step refers to is missing", where="journal.db")
    return found


def delete_of(db: sqlite3.Connection, event_id: str) -> None:
    """Delete the lists of one event."""
    db.execute("DELETE FROM reference_lists WHERE event_id = ?", (event_id,))


def delete(db: sqlite3.Connection, sop_instance_uid: str) -> None:
    """Delete the lists of a step's events, which are about to be deleted."""
    events = "SELECT event_id FROM events WHERE sop_instance_uid = ?"
    db.execute(f"DELETE FROM reference_lists WHERE event_id IN ({events})", (sop_instance_uid,))  # noqa: S608


def _counted(element: object) -> int:
    """Return how many lists an attribute counts, in itself and in its items."""
    if not isinstance(element, dict):
        return 0
    if COUNT in element:
        return 1
    if element.get("vr") != "SQ":
        return 0
    items = [item for item in element.get("Value", ()) if isinstance(item, dict)]
    return sum(_counted(each) for item in items for each in item.values())


def _list(
    event_id: str, number: int, count: int, implicit: int, packed: bytes, checksum: str
) -> ReferenceList:
    if checksum != _checksum(event_id, number, packed):
        raise Rejected("the record of a step's images is damaged", where="journal.db")
    return ReferenceList(count, zlib.decompress(packed), bool(implicit))


def _checksum(event_id: str, number: int, packed: bytes) -> str:
    return seal(event_id, str(number), str(zlib.crc32(packed)))
