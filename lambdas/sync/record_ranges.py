"""All record ids, cut into ranges: which of them have been read, and which have changed since. Pure.

What is remembered of a range is its last id and a digest of its ids: a record created, renamed, deleted or
moved to another group shows in the digest, and the range is read again. A range costs fifty bytes: a hundred
thousand records take twenty kilobytes. What the digest cannot see: records that trade their ids between two
looks. The next full read sees it.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from lambdas.sources.state import ReadRange

RANGE_SIZE: Final = 300
"""Records in a range: so many batches of requests, none of them half empty."""


@dataclass(frozen=True)
class RecordRange:
    """A run of record ids in order.

    :param mark: what to remember of it when it has been read.
    :param known: it was read before; ``done``: and is still the same.
    """

    ids: tuple[str, ...]
    mark: ReadRange
    known: bool
    done: bool

    def forgotten(self) -> ReadRange:
        """Return what to remember of the range if it was not read again though it should have been."""
        return self.mark.model_copy(update={"digest": ""})


def ranges(groups: Mapping[str, str], read: Sequence[ReadRange]) -> Iterator[RecordRange]:
    """Yield all ranges in order: those read before as they are now, and those beyond.

    :param groups: all records, each with its data access group.
    :param read: what was dealt with, in order.
    """
    ids = sorted(groups)
    start = 0
    for before in read:
        end = bisect_right(ids, before.last)
        some = ids[start:end]
        mark = _mark(some, before.last, groups)
        yield RecordRange(tuple(some), mark, known=True, done=mark == before)
        start = end
    for first in range(start, len(ids), RANGE_SIZE):
        some = ids[first : first + RANGE_SIZE]
        yield RecordRange(tuple(some), _mark(some, some[-1], groups), known=False, done=False)


def _mark(ids: Sequence[str], last: str, groups: Mapping[str, str]) -> ReadRange:
    return ReadRange(last=last, digest=digest([[record, groups[record]] for record in ids])[:16])


def digest(content: object) -> str:
    """Return a digest of JSON data."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
