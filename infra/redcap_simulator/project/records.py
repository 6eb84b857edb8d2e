"""The records of a project: rows by event, instrument and instance, found by record id.

Invariants: a record without rows does not exist; empty values are not stored; `modified` tells when the
record was last written to, and is what `dateRangeBegin` looks at, so a rename leaves it alone. Seeded
records are built when first looked at: a project of 100,000 starts at once, and a question about ten of
them builds ten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

#: Seeded records count as written long before any test's clock.
SEEDED_AT = datetime(2024, 1, 1, tzinfo=UTC)


class RowKey(NamedTuple):
    """Where a row stands.

    Base row: instrument "" and instance 0. Repeating event: instrument "" and an instance from 1.
    """

    event: str
    instrument: str = ""
    instance: int = 0


Row = dict[str, str]


@dataclass
class Record:
    """Everything known about one participant."""

    rows: dict[RowKey, Row]
    dag: str = ""
    modified: datetime = SEEDED_AT

    def next_instance(self, event: str, instrument: str) -> int:
        """The number a new repeat gets."""
        taken = (key.instance for key in self.rows if key[:2] == (event, instrument))
        return max(taken, default=0) + 1

    def copy(self) -> Record:
        """A copy to change without touching this one, so that an import can be all or nothing."""
        return Record({key: dict(row) for key, row in self.rows.items()}, self.dag, self.modified)


Build = Callable[[int], Record]


@dataclass
class RecordStore:
    """Records by id, in the order they were made; `build(position)` makes a seeded one when needed."""

    seeded: Sequence[str] = ()
    build: Build | None = None
    _slots: dict[str, Record | int] = field(init=False)
    _touched: dict[str, datetime] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._slots = {record_id: position for position, record_id in enumerate(self.seeded)}

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._slots

    def ids(self) -> list[str]:
        """Every record id."""
        return list(self._slots)

    def get(self, record_id: str) -> Record | None:
        """The record, or None."""
        slot = self._slots.get(record_id)
        if not isinstance(slot, int):
            return slot
        if self.build is None:
            raise LookupError(record_id)
        record = self._slots[record_id] = self.build(slot)
        return record

    def put(self, record_id: str, record: Record, at: datetime) -> None:
        """Write a record as of `at`; one that lost its last row is gone."""
        record.modified = at
        if record.rows:
            self._slots[record_id] = record
            self._touched[record_id] = at
        else:
            self.drop(record_id)

    def drop(self, record_id: str) -> None:
        """Delete a record. Nothing remains that a date range could find."""
        del self._slots[record_id]
        self._touched.pop(record_id, None)

    def rename(self, old: str, new: str, id_field: str) -> None:
        """Give a record another id, at its old place, its modification time unchanged."""
        record = self.get(old)
        if record is None or new in self._slots:
            raise KeyError(old if record is None else new)
        for row in record.rows.values():
            if id_field in row:
                row[id_field] = new
        self._slots = {new if key == old else key: value for key, value in self._slots.items()}
        if old in self._touched:
            self._touched[new] = self._touched.pop(old)

    def clear(self) -> None:
        """Erase all data."""
        self._slots.clear()
        self._touched.clear()

    def modified(self, record_id: str) -> datetime:
        """When the record was last written to, without building it."""
        return self._touched.get(record_id, SEEDED_AT)

    def items(self, record_ids: Sequence[str]) -> Iterator[tuple[str, Record]]:
        """The named records that exist, in the order named."""
        for record_id in record_ids:
            record = self.get(record_id)
            if record is not None:
                yield record_id, record
