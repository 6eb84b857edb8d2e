"""Tells the rows of a source whether their scans are on the worklist, and if not, why (`[feedback]`).

Which records are to be told stands in the source's state, put there by its sync, until they have been. Rows
and items are read anew, only what differs is written, and what is written is never read for the worklist: so
a message is no change of the scan, and nothing goes round in circles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from lambdas.mapping.record import scan_from_row
from lambdas.redcap.refusals import Banned
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import SourceState
from lambdas.sources.unshown_rows import HeldRow
from lambdas.store.followed_items import item_meant
from lambdas.store.ownership import StoredItem
from lambdas.store.sources import SourceStore
from lambdas.store.worklist import WorklistStore
from lambdas.sync.connect import Outside
from lambdas.sync.record_intake import by_record
from lambdas.write_backs.message import message_of
from lambdas.write_backs.row import update_of
from lambdas.write_backs.telling import tell
from lambdas.write_backs.turns import FIRST_PAUSE_SECONDS, TURN_SECONDS, NotYet, Turns
from shared.errors import MwlError, Rejected

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject

Outcome = Literal["nothing", "done", "later", "parked"]

AT_ONCE: Final = 100
"""Records told in one turn."""

LONGEST_PAUSE_SECONDS: Final = 3600
PATIENCE: Final = 8
"""Tries in vain before those records are left alone until they change, or until the next full read."""


class SourceFeedback:
    """Tells a source's rows, one call a source."""

    def __init__(self, sources: SourceStore, worklist: WorklistStore, outside: Outside) -> None:
        self._sources, self._worklist = sources, worklist
        self._connect, self._now = outside.connect, outside.now
        self._turns = Turns(sources, outside)

    def run(self, source_id: str) -> tuple[Outcome, str]:
        """Tell the records that are due; return the outcome, and the reason if some were not told.

        ``later``: they are tried again by the schedule. ``parked``: they are not, until they change.
        """
        definition = self._sources.get(source_id)
        try:
            self._turns.check_open(definition)
            with self._turns.turn(source_id) as owner:
                return self._told(definition, owner)
        except NotYet as error:
            return "later", str(error)

    def _told(self, definition: SourceDefinition, owner: str) -> tuple[Outcome, str]:
        state = self._sources.state(definition.id)
        due, rest = state.feedback_due[:AT_ONCE], state.feedback_due[AT_ONCE:]
        if definition.feedback is None or not due:
            self._remember(definition, owner, state, (), 0)
            return "nothing", ""
        failed: dict[str, MwlError] = {}
        try:
            with closing(self._connect(definition)) as redcap:
                failed = self._tell(redcap, definition, state, due, owner)
        except Banned:
            raise
        except MwlError as error:
            failed = dict.fromkeys(due, error)
        return self._end(definition, owner, state, failed, rest)

    def _end(
        self,
        definition: SourceDefinition,
        owner: str,
        state: SourceState,
        failed: dict[str, MwlError],
        rest: tuple[str, ...],
    ) -> tuple[Outcome, str]:
        note = "; ".join(dict.fromkeys(map(str, failed.values())))
        again = [record for record, error in failed.items() if error.retryable]
        tries = state.feedback_tries + 1 if again else 0
        if tries > PATIENCE:
            again, tries = [], 0
        self._remember(definition, owner, state, (*rest, *again), tries)
        if not failed:
            return "done", ""
        return ("later" if again else "parked"), note

    def _remember(
        self,
        definition: SourceDefinition,
        owner: str,
        state: SourceState,
        due: tuple[str, ...],
        tries: int,
    ) -> None:
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**tries) if tries else 0
        update = {"feedback_due": due, "feedback_tries": tries, "feedback_at": self._now() + pause}
        self._sources.save_state(definition.id, owner, state.model_copy(update=update))

    def _tell(
        self,
        redcap: RedcapProject,
        definition: SourceDefinition,
        state: SourceState,
        due: Sequence[str],
        owner: str,
    ) -> dict[str, MwlError]:
        """Tell records; return why some could not be told."""
        updates = list(self._updates(redcap, definition, state, due))

        def renew() -> None:
            self._sources.renew(definition.id, owner, now=self._now(), seconds=TURN_SECONDS)

        renew()
        try:
            redcap.import_status(updates)
        except Rejected:  # one of them, and REDCap imports all or nothing
            told = [(row.record, tell(redcap, row, renew)) for row in updates]
            return {record: error for record, each in told for error in each.errors}
        return {}

    def _updates(
        self, redcap: RedcapProject, definition: SourceDefinition, state: SourceState, due: Sequence[str]
    ) -> Iterator[RedcapRow]:
        """Yield the rows that have to say something else."""
        field = definition.written_feedback()
        there = redcap.existing(due)
        rows = [
            row for batch in redcap.rows(there, [*definition.read_fields(), field], set()) for row in batch
        ]
        items = self._items(definition, state, rows)
        for _, own in by_record(rows):
            for row in own:
                if field in row.values:
                    stored = items.get(row.key(definition.id).item_id())
                    text = self._message(definition, state, row, own, stored)
                    if update := update_of(row, {field: text}):
                        yield update

    def _items(
        self, definition: SourceDefinition, state: SourceState, rows: Sequence[RedcapRow]
    ) -> dict[str, StoredItem]:
        """Return what is stored of rows, by the ids their names give."""
        sites = sorted({*state.sites, *definition.sites()})
        names = self._worklist.followed.names(sites)
        meant = {row.key(definition.id).item_id(): "" for row in rows}
        meant = {row_id: item_meant(names, row_id) for row_id in meant}
        found: dict[str, StoredItem] = {}
        for site in sites:
            for item_id, stored in self._worklist.writer.read(site, sorted({*meant.values()})).items():
                if item_id not in found or found[item_id].gone:
                    found[item_id] = stored
        return {row_id: found[item_id] for row_id, item_id in meant.items() if item_id in found}

    def _message(
        self,
        definition: SourceDefinition,
        state: SourceState,
        row: RedcapRow,
        own: Sequence[RedcapRow],
        stored: StoredItem | None,
    ) -> str:
        outcome = scan_from_row(definition, row, own, state.missing_data_codes)
        finished = state.report.finished_at if state.report else datetime.fromtimestamp(self._now(), UTC)
        since = f"{definition.local(finished):%Y-%m-%d %H:%M}"
        before = row.values.get(definition.written_feedback(), "")
        return message_of(outcome, stored, _held(state, row), before, since)


def _held(state: SourceState, row: RedcapRow) -> HeldRow | None:
    where = (row.record, row.event, row.instrument, row.instance or 1)
    here = (each for each in state.held if (each.record, each.event, each.instrument, each.instance) == where)
    return next(here, None)
