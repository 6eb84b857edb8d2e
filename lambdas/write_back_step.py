"""Telling REDCap what a scanner did: one step, every item it is linked to.

What is owed stands in the table, so this may run twice, too early, or die half-way: it reads the REDCap row
first and writes only what differs, and strikes the debt only when REDCap has confirmed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Final, Literal

from lambdas.connect import Connect
from lambdas.redcap import BAN_SECONDS, Banned
from lambdas.store.sources import SourceStore
from lambdas.store.steps import PendingWriteBack, StepStore
from lambdas.write_back_row import row_of, update_of, values_of
from shared.errors import Forbidden, MwlError, NotFound, Unavailable
from shared.procedure_step import Step
from shared.worklist_item import WorklistItem

Outcome = Literal["nothing", "done", "later", "parked"]

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 15, 3600
FORBIDDEN_PAUSE_SECONDS: Final = 900
PATIENCE: Final = 8
"""Tries, over an hour in all, before a row that is not in REDCap is believed to be gone."""


class StepWriteBack:
    """Writes steps back, one call a step.

    :param connect: opens a definition's REDCap project.
    :param now: seconds since 1970.
    """

    def __init__(
        self, steps: StepStore, sources: SourceStore, connect: Connect, *, now: Callable[[], float]
    ) -> None:
        self._steps, self._sources, self._connect, self._now = steps, sources, connect, now

    def run(self, sop_instance_uid: str) -> tuple[Outcome, str]:
        """Tell REDCap what is owed for a step; return what came of it, and why if it is not done.

        ``nothing``: nothing was owed. ``later``: REDCap could not; it is tried again by the schedule.
        ``parked``: REDCap refuses for good; a person has to look.
        """
        pending = self._steps.pending(sop_instance_uid)
        if pending is None:
            return "nothing", ""
        try:
            for item in pending.items:
                self._tell(pending.step, item, pending.attempts)
        except MwlError as error:
            return self._put_off(sop_instance_uid, pending, error)
        if not self._steps.write_back_done(sop_instance_uid, pending.version):
            return "later", "the step moved on meanwhile"
        return "done", ""

    def _tell(self, step: Step, item: WorklistItem, attempts: int) -> None:
        if not item.source:
            return  # made by hand: there is no row
        definition = self._sources.get(item.source)
        if definition.write_back is None:
            return
        values = values_of(definition.write_back, step, item)
        if not values:
            return
        with closing(self._connect(definition)) as redcap:
            row = row_of(item, redcap.rows_of(item.source_record, list(values)))
            if row is None:
                # An import would create it: a participant or a visit that nobody entered.
                lost = NotFound if attempts >= PATIENCE else Unavailable
                raise lost("the row the item was made from is not in REDCap", where=f"source {item.source}")
            update = update_of(row, values)
            if update is not None:
                redcap.import_status([update])

    def _put_off(
        self, sop_instance_uid: str, pending: PendingWriteBack, error: MwlError
    ) -> tuple[Outcome, str]:
        note = str(error)
        if not error.retryable and not isinstance(error, Forbidden):
            self._steps.write_back_parked(sop_instance_uid, pending.version, note=note)
            return "parked", note
        at = self._now() + _pause(error, pending.attempts)
        self._steps.write_back_later(sop_instance_uid, pending.version, at=at, note=note)
        return "later", note


def _pause(error: MwlError, attempts: int) -> float:
    if isinstance(error, Banned):
        return BAN_SECONDS
    pause: float = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(attempts, 12))
    # A token's rights do not come back by asking, but a person may give them back.
    return max(pause, FORBIDDEN_PAUSE_SECONDS) if isinstance(error, Forbidden) else pause
