"""Faults of the sync that only a history shows: each must be seen by the histories alone."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import area

_HISTORIES: Final = area(
    "histories",
    ["tests/integration/test_sync_histories.py"],
    (
        'update |= {"recent": (), "unchecked": True}',
        'update |= {"unchecked": True}',
        "a form put back after a hint stays as it was shown",
    ),
    (
        "self._ask_again(some, but=found.gone)\n            self._withdraw(",
        "self._withdraw(",
        "half an answer takes a scan off the list: its consent seems to be missing",
    ),
    (
        "        started = self._redcap.server_now()\n        if len(changed)",
        "        started = datetime.fromtimestamp(self._now, UTC)\n        if len(changed)",
        "our clock is ahead: what was saved in between is never seen",
    ),
    (
        "self._overlap = timedelta(seconds=definition.overlap_seconds)",
        "self._overlap = timedelta(0)",
        "what was saved while clocks of REDCap's own servers differ is never seen",
    ),
    (
        "return RowKey(source, self.record, self.event, self.instrument, self.instance or 1)",
        "return RowKey(source, self.record, self.event, self.instrument, self.instance or 0)",
        "a row that does not repeat becomes another exam",
    ),
    (
        "for site in sorted({site for each in placings.values() for site in each.leave}):",
        "for site in ():",
        "a participant who moved is shown at two sites",
    ),
    (
        "getattr(current.item, name) for name in current.edited})",
        "getattr(current.item, name) for name in ()})",
        "a full read takes back what a person edited",
    ),
    (
        "self.read |= reported - set(records)",
        "self.read |= set()",
        "a deleted record is reported as rejected for a day",
    ),
    (
        "return min(stated, utc + EARLIEST)",
        "return stated",
        "a zone that the definition does not name, or names wrongly: edits stay unseen until a full read",
    ),
    (
        "return min(stated, utc + known.offset - (timedelta() if agrees else _SUMMER_TIME))",
        "return stated",
        "REDCap's log has shown its clock, and nobody looks: edits stay unseen until a full read",
    ),
    (
        "self._add(bearer for bearer in before if bearer.item_id not in given)",
        "self._add(())",
        "half an answer, or a deleted row, shows somebody else under the Patient ID of a scan that has begun",
    ),
    (
        "            if len(left) == 1:",
        "            if False:",
        "a scan that has begun is offered again under the new name of its record",
    ),
)

AREAS: Final = (_HISTORIES,)
