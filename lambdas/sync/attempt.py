"""One run of a sync: what has changed, everything, or a further piece of everything.

what has changed   records changed since the watermark, and now and then a look at all record ids
everything         at first, when the definition has changed, once a day, and after a bulk change: whatever
                   a look at changes cannot see is put right then. It may take several invocations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from lambdas.mapping.record import missing_data_codes
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import check_against
from lambdas.sources.state import RECENT_KEPT, VANISHED_KEPT, FullRead, ReadRange, SourceState
from lambdas.sync.changes import ONE_GO, Changes
from lambdas.sync.record_intake import RecordIntake, by_record
from lambdas.sync.record_ranges import digest, ranges
from lambdas.sync.result import Surroundings, SyncResult
from lambdas.sync.scans.portions import Sweep
from lambdas.sync.scans.saves import Saves
from lambdas.sync.scans.told_records import feedback_due
from shared.errors import MwlError

SLICE: Final = 25_000
"""Records that a full read reads in one invocation: their items' ids have to be remembered meanwhile."""

RESERVE_SECONDS: Final = 60.0
"""For the look at all items, and the writing down. A range is begun only if twice its time is left."""

LONGEST_READ_SECONDS: Final = 7 * 86400
"""A full read that was begun longer ago begins anew."""


@dataclass
class Reading:
    """How far the reading of everything came.

    :param marks: what to remember of the ranges dealt with.
    :param failure: what stopped it, if not the time.
    :param slowest: the seconds that the slowest range took.
    """

    marks: list[ReadRange]
    complete: bool = True
    failure: MwlError | None = None
    slowest: float = 0.0


class SyncAttempt:
    """One sync under way. ``state`` is what to remember, also when it fails."""

    def __init__(self, definition: SourceDefinition, before: SourceState, given: Surroundings) -> None:
        self._definition, self._given = definition, given
        self._redcap, self._now = given.redcap, given.now
        self.state = before
        self._asked = Changes(definition, given.redcap, given.now)
        self._intake = self._new_intake()
        self._groups: dict[str, str] | None = None  # all records, as a full read sees them

    def _new_intake(self, *, thorough: bool = False) -> RecordIntake:
        confirmed = self._given.confirmed or bool(self.state.progress and self.state.progress.confirmed)
        intake = RecordIntake(
            self._definition,
            self._redcap,
            self._given.worklist,
            codes=self.state.missing_data_codes,
            sites=self.state.sites,
            renew=self._given.renew,
            confirmed=confirmed,
            thorough=thorough,
        )
        announced_at = self._given.announced_at
        intake.saves = Saves.of_run(self.state, self._now, announced_at=announced_at, everything=thorough)
        return intake

    def sync(self) -> SyncResult:
        """Do it. :raises MwlError: it failed; ``state`` then says how far it came."""
        state = self.state
        known = state.watermark is not None and state.definition == self._definition.digest()
        if self._given.confirmed and state.withheld and not state.withheld.is_complete:
            return self._everything()  # nothing less finds again what was confirmed
        due = self._now >= state.reconciled_at + self._definition.reconcile_seconds
        if not known:
            return self._everything()
        if due and state.progress is None:
            return self._everything_after_changes()
        # Also in a long read: what people save meanwhile must not wait for its end.
        if self._changes() and state.progress is None:
            return self._result(self._intake, full=False)
        return self._everything()

    # ------------------------------------------------------------- what has changed

    def _changes(self) -> bool:
        """Bring what has changed since the watermark; False if everything has to be read."""
        before, intake = self.state, self._intake
        changed = self._asked.of(before)
        started = self._redcap.server_now()
        if len(changed) > ONE_GO:
            return False
        recent: list[str] = []
        news: set[str] = set()
        intake.ask_again_for(before.left_out)
        intake.look_at(before.put_back)
        for batch in intake.rows(changed - intake.dealt_with):
            # The overlap shows every change many times, our own write-back's among them: most are no news.
            digests = {record: _rows_digest(rows) for record, rows in by_record(batch)}
            recent += digests.values()
            news |= {record for record, each in digests.items() if each not in before.recent}
            intake.take([row for row in batch if row.record in news])
        checked = self._withdraw_vanished()
        if checked is None:
            return False
        if intake.read or checked:
            intake.look_again(before.held)
        self.state = before.model_copy(
            update={
                **checked,
                "watermark": started,
                "put_back": (),
                **self._asked.clock(before, news),
                "recent": tuple(recent) if len(recent) <= RECENT_KEPT else (),
                **before.after_reading(**intake.found()),
                **self._to_tell(intake),
            }
        )
        return True

    def _withdraw_vanished(self) -> dict[str, object] | None:
        """Withdraw what has vanished; return what to remember of it, or None to read everything."""
        before, intake = self.state, self._intake
        if not self._ids_are_due():
            if not intake.read:  # no news: reading the whole partition would be for nothing
                return {}
            intake.withdraw(intake.sweep_changed())
            return {"unchecked": True, "withheld": intake.withheld}
        groups = self._redcap.record_groups()
        intake.note_gone(groups, before)
        now = list(ranges(groups, before.parts))
        # A record renamed, or moved to another group, need not show up among the changed: its range is read.
        unread = {record for each in now if not each.done for record in each.ids} - intake.dealt_with
        if len(unread) > ONE_GO:
            return None
        for batch in intake.rows(unread):
            intake.take(batch)
        if before.unchecked:
            intake.look_for_lost(groups.keys())
        if intake.read or before.unchecked or before.withheld or not all(each.done for each in now):
            self._withdraw_or_wait(groups)
        return {
            "ids_checked_at": self._now,
            "parts": tuple(each.mark for each in now),
            "unchecked": False,
            "withheld": intake.withheld,
        }

    def _ids_are_due(self) -> bool:
        if self.state.withheld and (self._intake.read or self._given.confirmed):
            return True  # without all ids nobody can tell which of the vanished are back
        return self._now >= self.state.ids_checked_at + self._definition.deletions_seconds

    def _withdraw_or_wait(self, groups: Mapping[str, str]) -> None:
        """Withdraw what has vanished since, together with what waits for a person since an earlier look."""
        intake, waiting = self._intake, self.state.withheld
        found = intake.sweep(groups, frozenset(waiting.items if waiting else ()))
        if waiting is None or waiting.is_complete:
            intake.withdraw(found)
            return
        if intake.confirmed:
            intake.withdraw(found)
        else:
            intake.withdraw_barred(found)
        intake.withheld = waiting  # how many they are by now, a full read says

    # ------------------------------------------------------------------- everything

    def _everything_after_changes(self) -> SyncResult:
        """Read everything, once all that can be seen as a change was: what is wrong then, went unseen."""
        self.state = self.state.model_copy(update={"ids_checked_at": 0.0})
        self._changes()
        return self._everything()

    def _unseen(self, intake: RecordIntake) -> int:
        """Return how many records have changed since the last full read, and no sync since has seen it.

        What the definition, or another build, makes of a record that has not changed is no news.
        """
        state = self.state
        same = state.definition == self._definition.digest() and state.build == _build()
        return self._asked.unseen(state, intake.changed) if same else 0

    def _everything(self) -> SyncResult:
        progress = self._progress()
        # Before anything is written: where items may be by now, and that a look at changes is not enough.
        sites = tuple(sorted({*self.state.sites, *self._definition.sites()}))
        self.state = self.state.model_copy(update={"progress": progress, "sites": sites, "recent": ()})
        self._given.save(self.state)
        intake = self._new_intake(thorough=True)
        intake.codes = progress.missing_data_codes
        groups = self._record_groups()
        intake.note_gone(groups, progress)
        reading = self._read(intake, groups, progress)
        progress = progress.model_copy(update={"unseen": progress.unseen + self._unseen(intake)})
        suspects = {*progress.vanished, *(self.state.withheld.items if self.state.withheld else ())}
        found = intake.sweep(groups if reading.complete else None, frozenset(suspects), last=reading.complete)
        if reading.complete:
            intake.withdraw(found, forgotten=progress.forgotten)
            intake.look_again(())
            self._finish(intake, progress, reading.marks)
            return self._result(intake, full=True, before=progress)
        self._remember(intake, progress, found, reading.marks)
        if reading.failure is not None:
            raise reading.failure
        return self._result(intake, full=True, before=progress, unfinished=True)

    def _progress(self) -> FullRead:
        """Return the full read to go on with, or a new one."""
        progress = self.state.progress
        if (
            progress is not None
            and progress.definition == self._definition.digest()
            and self._now < progress.began_at + LONGEST_READ_SECONDS
        ):
            confirmed = progress.confirmed or self._given.confirmed
            return progress.model_copy(update={"confirmed": confirmed})
        codes, started = self._known_project() or self._asked_project()
        return FullRead(
            started=started,
            began_at=self._now,
            definition=self._definition.digest(),
            missing_data_codes=codes,
            confirmed=self._given.confirmed,
        )

    def _known_project(self) -> tuple[tuple[str, ...], datetime] | None:
        """Return the project's missing-data codes and the server's time, if `apply` has just asked."""
        check = self._given.checked
        if check is None or not check.is_valid(self._definition.digest(), self._now):
            return None
        clock = check.server_clock or self.state.server_clock
        self.state = self.state.model_copy(update={"server_clock": clock, "clock_asked_at": check.at})
        self._record_groups()  # whose answer has the time, before any row is read
        return check.missing_data_codes, self._redcap.server_now()

    def _asked_project(self) -> tuple[tuple[str, ...], datetime]:
        """Return the same, asked for. :raises Rejected: the definition does not fit the project any more."""
        info = self._redcap.project_info()
        started = self._redcap.server_now()
        check_against(self._definition, self._redcap.metadata())
        return missing_data_codes(info), started

    def _record_groups(self) -> dict[str, str]:
        if self._groups is None:
            self._groups = self._redcap.record_groups()
        return self._groups

    def _read(self, intake: RecordIntake, groups: Mapping[str, str], progress: FullRead) -> Reading:
        """Read what is left of everything, as far as time goes; at least one range."""
        reading = Reading([])
        for each in ranges(groups, progress.parts):
            if not each.done and reading.complete and self._has_time(intake, reading):
                began = self._given.remaining()
                try:
                    for batch in intake.rows(each.ids):
                        intake.take(batch)
                except MwlError as error:
                    reading.failure, reading.complete = error, False
                reading.slowest = max(reading.slowest, began - self._given.remaining())
            elif not each.done:
                reading.complete = False
            if each.done or reading.complete:
                reading.marks.append(each.mark)
            elif each.known:
                reading.marks.append(each.forgotten())
            else:
                break
        return reading

    def _has_time(self, intake: RecordIntake, reading: Reading) -> bool:
        needed = RESERVE_SECONDS + 2 * reading.slowest
        return not intake.read or (len(intake.read) < SLICE and self._given.remaining() > needed)

    def _remember(
        self, intake: RecordIntake, progress: FullRead, found: Sweep, marks: Sequence[ReadRange]
    ) -> None:
        """Write down how far the full read has come; vanished items wait for its end."""
        if progress.confirmed:
            intake.withdraw(found)
            vanished: list[str] = []
        else:
            intake.withdraw_barred(found)
            vanished = found.vanished_ids()
        further = progress.model_copy(
            update={
                "parts": tuple(marks),
                "vanished": tuple(vanished[:VANISHED_KEPT]),
                "forgotten": progress.forgotten + len(vanished[VANISHED_KEPT:]),
                "written": progress.written + intake.written,
                "unchanged": progress.unchanged + intake.unchanged,
                "withdrawn": progress.withdrawn + intake.withdrawn,
                **progress.after_reading(**intake.found()),
            }
        )
        self.state = self.state.model_copy(update={"progress": further, **self._to_tell(intake)})
        self._given.save(self.state)

    def _finish(self, intake: RecordIntake, progress: FullRead, marks: Sequence[ReadRange]) -> None:
        before = self.state
        watermark = progress.started
        if before.watermark is not None and before.definition == progress.definition:
            watermark = max(watermark, before.watermark)  # changes were followed meanwhile
        waiting = before.withheld
        if waiting and not waiting.is_complete and progress.parts and not intake.confirmed:
            intake.withheld = intake.withheld or waiting  # some may have vanished behind the reader
        self.state = before.model_copy(
            update={
                "watermark": watermark,
                "definition": progress.definition,
                # A touched scan at a site of an earlier definition is not offered at another one.
                "sites": tuple(sorted(self._definition.sites() | intake.continued.touched_sites())),
                "reconciled_at": progress.began_at,
                "build": _build(),
                "unseen": progress.unseen,
                "ids_checked_at": self._now,
                "parts": tuple(marks),
                "unchecked": False,
                "withheld": intake.withheld,
                "missing_data_codes": progress.missing_data_codes,
                "progress": None,
                **progress.after_reading(**intake.found()),
                **self._to_tell(intake),
            }
        )

    # ------------------------------------------------------------------- one record

    def record(self, record: str) -> SyncResult:
        """Bring one record that somebody has just saved. The watermark stays: this is no look at all changes.

        What vanished with its whole row, or with the record, is left to the next look at changes.
        """
        intake = self._intake
        rows = self._redcap.rows_of(record, self._definition.read_fields())
        intake.take(rows)
        intake.withdraw_unmapped(record, rows)
        intake.look_again(row for row in self.state.held if row.because_of == record)
        update = self.state.after_reading(**intake.found()) | self._to_tell(intake)
        if intake.written or intake.withdrawn:
            # Put back to what it was before, the record would be taken for one already looked at.
            update |= {"recent": (), "unchecked": True}
        self.state = self.state.model_copy(update=update)
        return self._result(intake, full=False)

    def _to_tell(self, intake: RecordIntake) -> dict[str, object]:
        return feedback_due(self._definition, self.state, intake.to_tell, self._now)

    def _result(
        self, intake: RecordIntake, *, full: bool, before: FullRead | None = None, unfinished: bool = False
    ) -> SyncResult:
        earlier = [self._intake] if intake is not self._intake else []
        counted: list[RecordIntake | FullRead] = [intake, *earlier, *([before] if before else [])]
        return SyncResult(
            full=full,
            written=sum(each.written for each in counted),
            unchanged=sum(each.unchanged for each in counted),
            withdrawn=sum(each.withdrawn for each in counted),
            rejected=tuple(intake.rejected),
            held=tuple(intake.held),
            notes=tuple(intake.notes),
            unfinished=unfinished,
        )


def _build() -> str:
    try:
        return version("mwl-relay")
    except PackageNotFoundError:
        return ""


def _rows_digest(rows: Sequence[RedcapRow]) -> str:
    content = [[row.record, row.event, row.instrument, row.instance, dict(row.values)] for row in rows]
    return digest(content)[:24]
