"""Performed steps that a scanner began and never ended: after a while nobody waits for them. REDCap is told.

A scanner that was switched off in mid-exam never sends the last N-SET. Its exam must not stay IN_PROGRESS for
good. A later report of the step, a new day or a person undoes it (`lambdas.store.ownership`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from pynamodb.transactions import TransactWrite

from lambdas.store import ownership
from lambdas.store.audit.entry import SYSTEM
from lambdas.store.commit import BATCH
from lambdas.store.faults import ATTEMPTS, races
from lambdas.store.models import StepRow, Tables
from lambdas.store.sources import SourceStore
from lambdas.store.steps import StepStore
from lambdas.store.worklist import ItemQuery, StoredItem, WorklistStore
from lambdas.store.write_backs.rows import stamp, step_of, uid_of
from shared.worklist_item import Status

HOURS: Final = 12
"""The patience with an exam that no source brings; a source has its own (``step_patience_hours``)."""


class StaleSteps:
    """The steps of all sites that are open too long.

    :param now: seconds since 1970.
    """

    def __init__(self, tables: Tables, worklist: WorklistStore, *, now: Callable[[], float]) -> None:
        self._worklist, self._now = worklist, now
        self._steps = StepStore(tables, worklist, now=now)
        self._sources = SourceStore(tables)

    def set_aside(self) -> list[str]:
        """Set steps aside that are open too long; return their SOP Instance UIDs.

        Called again, it goes on where it was stopped.

        :raises Conflict, Unavailable: some may not be set aside yet.
        """
        definitions = {each.source_id: each.definition for each in self._sources.all(gently=True)}
        stale: dict[str, None] = {}
        for stored in list(self._in_progress()):  # first read, then written: marking moves what is listed
            definition = definitions.get(stored.item.source)
            hours = definition.step_patience_hours if definition else HOURS
            heard_before = datetime.fromtimestamp(self._now(), UTC) - timedelta(hours=hours)
            found = races(ATTEMPTS)(self._set_aside, stored.item.site, stored.item.id, heard_before)
            stale.update(dict.fromkeys(found))
        return list(stale)

    def _in_progress(self) -> Iterator[StoredItem]:
        query = ItemQuery(statuses=(Status.IN_PROGRESS,))
        start: str | None = None
        while True:
            page = self._worklist.list_items(query, limit=BATCH, start=start)
            yield from page.items
            start = page.next
            if start is None:
                return

    def _set_aside(self, site: str, item_id: str, heard_before: datetime) -> list[str]:
        current = self._worklist.writer.read(site, [item_id]).get(item_id)
        if current is None:
            return []
        rows = self._steps.step_rows(set(current.progress.running))
        known = {each.sop_instance_uid for each in current.progress.open_steps}
        unknown = [step_of(row) for row in rows if uid_of(row) not in known]
        after = ownership.without_stale(current, unknown, heard_before)
        stale = sorted({*after.progress.stale} - {*current.progress.stale})
        told = [row for row in rows if uid_of(row) in stale]

        def tell(transaction: TransactWrite, _key: str) -> None:
            for row in told:  # the version: a report that comes at this moment wins
                again = row.due_again(stamp(self._now()))
                transaction.update(row, actions=again, condition=StepRow.version == row.version)

        def change(stored: StoredItem | None) -> StoredItem | None:
            return stored and ownership.without_stale(stored, unknown, heard_before)

        if stale:
            self._worklist.writer.change(site, {item_id: change}, also=tell, by=SYSTEM)
        return stale
