"""Records whose exams are to be scanned again, noted with their source: its next sync looks at them.

A sync leaves alone what was scanned, also once its row is gone from REDCap. If the scanner then says that the
wrong entry was selected, or a person brings back what a person removed, nobody has held the exam against its
row meanwhile. So the write that puts it back also notes its record, in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from lambdas.store.faults import translated
from lambdas.store.models import RUNS, RunRow, Tables
from lambdas.store.ownership import SCANNED, StoredItem
from lambdas.store.runs.claims import shard_of

Records = Mapping[str, frozenset[str]]
"""Source id -> records."""


def put_back(before: Mapping[str, StoredItem], after: Mapping[str, StoredItem]) -> Records:
    """Return the records of which an exam is to be scanned again, by a change of these items.

    :param before: the items as they were, by id; one that is new is not among them.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for item_id, each in after.items():
        was = before.get(item_id)
        is_open = not each.gone and each.status_owner not in SCANNED
        if is_open and was is not None and (was.gone or was.status_owner in SCANNED) and each.item.source:
            found[each.item.source].add(each.item.source_record)
    return {source: frozenset(records) for source, records in found.items()}


class PutBackRecords:
    """The notes; a source that was never synced, or is gone, has none."""

    def __init__(self, tables: Tables) -> None:
        self._model = tables.run

    def of_synced(self, records: Records) -> Records:
        """Return those of sources that are there. :raises Unavailable: nobody knows."""
        return {source: some for source, some in records.items() if self._is_there(source)}

    def note(self, transaction: TransactWrite, records: Records) -> None:
        """Note records of sources that are there; the transaction fails if one is not any more."""
        there = self._model.definition.exists()
        for source, some in records.items():
            transaction.update(
                self._row(source), actions=[self._model.put_back.add(set(some))], condition=there
            )

    def _is_there(self, source: str) -> bool:
        row = self._row(source)
        with translated("reading a source's state"):
            try:
                return bool(self._model.get(row.pk, row.sk, consistent_read=True).definition)
            except DoesNotExist:
                return False

    def _row(self, source: str) -> RunRow:
        return self._model(f"{RUNS}{shard_of(source)}", source)
