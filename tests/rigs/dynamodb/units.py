"""What a request costs, by AWS's rules for item sizes and capacity units (on-demand "request units").

a read     4 kB a unit; half if it need not be consistent; an item not found costs as one of the least size
a query    the sizes of all rows looked at, added up and then rounded up
a write    1 kB a unit, of the larger of what was there and what is there then; twice in a transaction
an index   1 kB a unit for each entry put, changed or taken out; nothing if no projected attribute changes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

Item = Mapping[str, Mapping[str, Any]]


@dataclass
class Units:
    """Read and write request units."""

    reads: float = 0.0
    writes: float = 0.0

    def __sub__(self, other: Units) -> Units:
        return Units(self.reads - other.reads, self.writes - other.writes)

    def __iadd__(self, other: Units) -> Units:
        self.reads += other.reads
        self.writes += other.writes
        return self


def size_of(item: Item | None) -> int:
    """Return the bytes of a row: its names and values."""
    if item is None:
        return 0
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def read_units(size: int, *, consistent: bool) -> float:
    """Return the units of reading so many bytes."""
    return max(1, ceil(size / 4096)) * (1.0 if consistent else 0.5)


def write_units(size: int) -> int:
    """Return the units of writing so many bytes."""
    return max(1, ceil(size / 1024))


def index_units(before: Item | None, after: Item | None, *, moved: bool) -> int:
    """Return the units of an index's entry that was so and is so; None: it is not in the index.

    :param moved: its key has changed, so that one entry goes and another comes.
    """
    if before is None and after is None:
        return 0
    if before is not None and after is not None and not moved:
        return 0 if before == after else write_units(max(size_of(before), size_of(after)))
    return sum(write_units(size_of(entry)) for entry in (before, after) if entry is not None)


def _value_size(value: Mapping[str, Any]) -> int:
    kind, content = next(iter(value.items()))
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return len(content.lstrip("-").replace(".", "")) // 2 + 2
    if kind == "B":
        return len(content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_size(each) for name, each in content.items())
    if kind == "L":
        return 3 + sum(1 + _value_size(each) for each in content)
    return 1
