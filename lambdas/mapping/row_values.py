"""The values a scan is made from: its own row's, and those joined from the record's other rows. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from lambdas.redcap.row import DATA_ACCESS_GROUP, RedcapRow
from lambdas.sources.scan_rows import Join

_ARM: Final = re.compile(r"_arm_(\d+)[a-z]*$")


class RowValues:
    """REDCap's values for one scan.

    :param row: the scan's own row.
    :param record_rows: all rows of the record.
    :param missing: values that mean "empty".
    """

    def __init__(
        self,
        row: RedcapRow,
        record_rows: Sequence[RedcapRow],
        joins: Sequence[Join],
        missing: Collection[str],
    ) -> None:
        self._row, self._missing = row, frozenset(missing)
        self._joined: dict[str, RedcapRow | None] = {}
        for join in joins:
            self._joined.update(dict.fromkeys(join.fields, joined_row(join, row, record_rows)))
        self.groups = groups_of(record_rows)
        """The data access groups its rows name; REDCap keeps a record in one at most."""
        self._pseudo = {
            "redcap_event_name": row.event,
            "redcap_repeat_instrument": row.instrument,
            "redcap_repeat_instance": str(row.instance or 1),
            DATA_ACCESS_GROUP: next(iter(self.groups)) if len(self.groups) == 1 else "",
        }

    def of(self, name: str) -> str:
        """Return a field's value, stripped; empty if it is empty, absent, or a missing-data code."""
        if name in self._pseudo:
            return self._pseudo[name]
        row = self._joined.get(name, self._row)
        text = row.values.get(name, "").strip() if row else ""
        return "" if text in self._missing else text


def groups_of(record_rows: Sequence[RedcapRow]) -> frozenset[str]:
    """Return the data access groups (unique names) the rows name."""
    return frozenset(row.values.get(DATA_ACCESS_GROUP, "").strip() for row in record_rows) - {""}


def joined_row(join: Join, scan: RedcapRow, record_rows: Sequence[RedcapRow]) -> RedcapRow | None:
    """Return the row that a join of a scan means; None if the record does not have it."""
    matching = [
        row
        for row in record_rows
        if row.instrument == join.instrument and (not join.events or row.event in join.events)
    ]
    if join.pick == "same":
        visit = [row for row in matching if row.event == scan.event]
        return next((row for row in visit if row.instance in {None, scan.instance or 1}), None)
    order = {event: position for position, event in enumerate(join.events)}
    arm = _arm(scan.event)
    sign = -1 if join.pick == "last" else 1

    def rank(row: RedcapRow) -> tuple[bool, int, int]:
        return _arm(row.event) != arm, order.get(row.event, 0), sign * (row.instance or 0)

    return min(matching, key=rank, default=None)


def _arm(event: str) -> str:
    """Return the number of an event's arm, with which REDCap ends its unique name; empty if it has none."""
    match = _ARM.search(event)
    return match[1] if match else ""
