"""Events being appended in one transaction: folded by the state machine, stamped in order, noted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from edge_relay.dicom.reference_lists import ReferenceList
from edge_relay.mpps import journal_rows
from edge_relay.mpps.event_times import Stamp, in_order
from edge_relay.mpps.journal_mark.high_water import Noted
from edge_relay.mpps.journal_tables import reference_lists
from edge_relay.storage.sqlite_file import savepoint
from edge_relay.worklist.overlay import Overlay
from shared.steps.procedure_step import DataSetJson, ProcedureStepEvent, Refusal, Step, StepStatus
from shared.steps.step_dataset import fold

Judge = Callable[[ProcedureStepEvent, Step], ProcedureStepEvent | Refusal]
"""Returns an event as it is to be kept, or what its scanner is refused with; given how it leaves its step."""


def _as_it_is(event: ProcedureStepEvent, _: Step) -> ProcedureStepEvent:
    return event


class Batch:
    """Events being appended in one transaction. Nothing of it counts before `Journal.batch` has ended.

    ``superseded`` are the steps that do not count for their items any more because of these events.
    """

    def __init__(self, db: sqlite3.Connection, stamp: Callable[[], Stamp] | None = None) -> None:
        self._db: Final = db
        self._stamp: Final = stamp
        self._steps: Final[dict[str, Step | None]] = {}  # as this transaction has them
        self._last: datetime | None = None
        self.overlay: Final[dict[str, Overlay]] = {}
        self.appended: Final[list[Noted]] = []
        self.superseded: Final[set[str]] = set()

    def step(self, sop_instance_uid: str) -> Step | None:
        """Return a step's folded state, this batch's events included; None if it is unknown."""
        if sop_instance_uid not in self._steps:
            self._steps[sop_instance_uid] = journal_rows.stored_step(self._db, sop_instance_uid)
        return self._steps[sop_instance_uid]

    def attributes(self, sop_instance_uid: str) -> DataSetJson | None:
        """Return a step's attributes, this batch's events included; None if it is unknown or pruned."""
        return journal_rows.stored_attributes(self._db, sop_instance_uid)

    def append(
        self,
        event: ProcedureStepEvent,
        item_ids: Sequence[str] = (),
        lists: Sequence[ReferenceList] = (),
        judge: Judge = _as_it_is,
    ) -> Step | Refusal:
        """Record an event if the state machine allows it; a failure undoes this event only.

        :param item_ids: the items an N-CREATE is linked to; an N-SET keeps its step's.
        :param lists: the references that the event counts.
        :param judge: what else is to be said of the event, once it is known how it leaves its step.
        :return: the step's new state, or the refusal the scanner must be given.
        """
        stamp = self._next_stamp()
        if stamp is not None:
            event = event.model_copy(update={"received_at": stamp.at})
        step = fold(self.step(event.sop_instance_uid), event)
        if isinstance(step, Refusal):
            return step
        judged = judge(event, step)
        if isinstance(judged, Refusal):
            return judged
        return self._insert(judged, step, tuple(item_ids), lists, stamp)

    def _insert(
        self,
        event: ProcedureStepEvent,
        step: Step,
        item_ids: tuple[str, ...],
        lists: Sequence[ReferenceList],
        stamp: Stamp | None,
    ) -> Step:
        step = step.model_copy(update={"item_ids": step.item_ids or item_ids})
        if step.item_ids:
            linked = {"item_id": step.item_ids[0], "item_ids": step.item_ids}
            event = event.model_copy(update=linked)
        with savepoint(self._db):
            inserted = journal_rows.insert(self._db, event, step, stamp)
            reference_lists.insert(self._db, event.event_id, lists)
        self._steps[event.sop_instance_uid] = step
        if step.status is not StepStatus.IN_PROGRESS:  # only one that has ended supersedes others
            self.superseded.update(inserted.moved.superseded())
        self.overlay.update(inserted.overlay)
        self.appended.append(inserted.noted)
        self._last = event.received_at
        return step

    def _next_stamp(self) -> Stamp | None:
        if self._stamp is None:
            return None
        return in_order(self._stamp(), self._last or journal_rows.last_received(self._db))
