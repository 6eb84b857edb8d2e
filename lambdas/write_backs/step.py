"""Writes the result of one performed step to REDCap, for every item it is linked to.

What is unfinished stands in the table, so this may run twice, too early, or die half-way: it reads the REDCap
row, writes only what differs, reads again, and ends the write-back only when REDCap shows what it should. A
project is asked by one at a time: the lease is the one the source's sync takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final, Literal

from lambdas.redcap.refusals import BAN_SECONDS, Banned, ValuesRefused
from lambdas.redcap.row import RedcapRow
from lambdas.store.sources import SourceStore
from lambdas.store.steps import StepStore
from lambdas.store.unfinished_write_backs import PendingWriteBack
from lambdas.sync.connect import Outside
from lambdas.write_backs.row import row_of, update_of, values_of, wants
from lambdas.write_backs.telling import FormLocked, tell
from lambdas.write_backs.turns import FIRST_PAUSE_SECONDS, TURN_SECONDS, NotYet, Turns
from shared.errors import Forbidden, MwlError, Unavailable
from shared.steps.procedure_step import Step
from shared.worklist_item import WorklistItem

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject

Outcome = Literal["nothing", "done", "later", "parked"]

LONGEST_PAUSE_SECONDS: Final = 3600
FORBIDDEN_PAUSE_SECONDS: Final = 900
PATIENCE: Final = 8
"""Tries in vain, over an hour in all, before it is believed that a row is gone, or a value not kept; or, over
two hours, that a right is gone."""

Written = dict[str, tuple[Step, ...]]
"""Item id -> the steps that were written to REDCap."""


class Doubtful(Unavailable):
    """REDCap says what may right itself, and is believed after `PATIENCE` tries."""


class RowGone(Doubtful):
    """REDCap has no such row: it was deleted, or has another name now, which the next sync finds out."""


class StepWriteBack:
    """Writes steps back, one call a step."""

    def __init__(self, steps: StepStore, sources: SourceStore, outside: Outside) -> None:
        self._steps, self._sources = steps, sources
        self._connect, self._now = outside.connect, outside.now
        self._turns = Turns(sources, outside)

    def run(self, sop_instance_uid: str) -> tuple[Outcome, str]:
        """Do the write-back that is due for a step; return the outcome, and the reason if it is not done.

        ``nothing``: nothing was due. ``later``: REDCap could not; it is tried again by the schedule.
        ``parked``: REDCap refuses for good; a person has to look.
        """
        pending = self._steps.pending(sop_instance_uid)
        if pending is None:
            return "nothing", ""
        written: Written = {}
        errors: list[MwlError] = []
        for source_id in sorted({item.source for item in pending.items if item.source}):
            try:
                errors += self._write_source(sop_instance_uid, source_id, written)
            except MwlError as error:
                errors.append(error)
        if errors:
            return self._put_off(sop_instance_uid, pending, errors)
        return self._end(sop_instance_uid, pending, written)

    def _write_source(self, uid: str, source_id: str, written: Written) -> list[MwlError]:
        """Tell a source's rows; return what was wrong with some: the others are told all the same."""
        definition = self._sources.get(source_id)
        config = definition.write_back
        if config is None or not wants(config, uid):
            return []
        self._turns.check_open(definition)
        with self._turns.turn(source_id) as owner:
            # Read in our turn: whoever had it before may have told some of it, or newer news.
            pending = self._steps.pending(uid)
            if pending is None:
                return []
            items = [item for item in pending.items if item.source == source_id]
            written |= {item.id: pending.performed[item.id] for item in items}
            values = {
                item.id: values_of(
                    config, written[item.id], item, definition.zone(), pending.completed_by[item.id]
                )
                for item in items
            }
            with closing(self._connect(definition)) as redcap:
                return [
                    error for item in items for error in self._tried(redcap, item, values[item.id], owner)
                ]

    def _tried(
        self,
        redcap: RedcapProject,
        item: WorklistItem,
        values: dict[str, str],
        owner: str,
    ) -> Sequence[MwlError]:
        try:
            return self._write(redcap, values, item, owner)
        except Banned:
            raise  # no other row can be told either
        except RowGone as gone:
            state = self._sources.state(item.source)
            look = {"ids_checked_at": 0.0, "unchecked": True}
            self._sources.save_state(item.source, owner, state.model_copy(update=look))
            return [gone]
        except MwlError as error:
            return [error]

    def _write(
        self, redcap: RedcapProject, values: dict[str, str], item: WorklistItem, owner: str
    ) -> Sequence[MwlError]:
        """Write a row's values; return why some of them could not be written."""
        if not values:
            return ()
        try:
            row = self._row(redcap, item, values)
        except ValuesRefused as refused:  # fields that the project has no more
            left = {name: text for name, text in values.items() if name not in refused.fields}
            if len(left) == len(values):
                raise
            return [refused, *self._write(redcap, left, item, owner)]
        update = update_of(row, values)
        if update is None:
            return ()

        def renew() -> None:
            # If the turn is another's by now, what we are about to write may be old.
            self._sources.renew(item.source, owner, now=self._now(), seconds=TURN_SECONDS)

        told = tell(redcap, update, renew)
        if told.values and (lost := update_of(self._row(redcap, item, told.values), told.values)):
            raise Doubtful(
                f"REDCap accepted the values, but does not return them for {', '.join(sorted(lost.values))}",
                where=f"source {item.source}",
                hint="does the project calculate, change or protect these fields?",
            )
        return told.errors

    def _row(self, redcap: RedcapProject, item: WorklistItem, fields: Iterable[str]) -> RedcapRow:
        row = row_of(item, redcap.rows_of(item.source_record, list(fields)))
        if row is None:
            # An import would create it: a participant or a visit that nobody entered.
            raise RowGone("the row the item was made from is not in REDCap", where=f"source {item.source}")
        return row

    def _end(self, uid: str, pending: PendingWriteBack, written: Written) -> tuple[Outcome, str]:
        """End the write-back, unless what REDCap was told is out of date: then it is due again, at once."""
        last = self._steps.pending(uid)
        if last is None and not written:
            return "nothing", ""
        if last is None or any(last.performed.get(item_id) != steps for item_id, steps in written.items()):
            self._steps.retry_write_back(uid)
            return "later", "the item moved on meanwhile"
        if not self._steps.write_back_done(uid, pending.version):
            return "later", "the step moved on meanwhile"
        return "done", ""

    def _put_off(
        self, uid: str, pending: PendingWriteBack, errors: Sequence[MwlError]
    ) -> tuple[Outcome, str]:
        note = "; ".join(dict.fromkeys(map(str, errors)))
        if all(_is_final(error, pending.attempts) for error in errors):
            self._steps.write_back_parked(uid, pending.version, note=note)
            return "parked", note
        pause = max(_pause(error, pending.attempts) for error in errors)
        counted = not all(isinstance(error, NotYet) for error in errors)
        self._steps.write_back_later(uid, pending.version, at=self._now() + pause, note=note, counted=counted)
        return "later", note


def _is_final(error: MwlError, attempts: int) -> bool:
    """Tell whether asking again is of no use, as far as can be seen."""
    if isinstance(error, Doubtful | Forbidden):
        return attempts >= PATIENCE
    return not error.retryable


def _pause(error: MwlError, attempts: int) -> float:
    if isinstance(error, Banned):
        return BAN_SECONDS
    if isinstance(error, NotYet):
        return error.seconds
    pause: float = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(attempts, 12))
    # Rights do not come back by asking, and a form does not unlock itself, but a person may see to it.
    slow = isinstance(error, Forbidden | FormLocked)
    return max(pause, FORBIDDEN_PAUSE_SECONDS) if slow else pause
