"""One run of a sync: what has changed, everything, or a further piece of everything.

what has changed   records changed since the watermark, and now and then a look at all record ids
everything         at first, when the definition has changed, once a day, and after a bulk change: whatever
                   a look at changes cannot see is put right then. It may take several invocations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from lambdas.mapping.record import missing_data_codes
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import check_against
from lambdas.sources.state import RECENT_KEPT, VANISHED_KEPT, FullRead, ReadPart, SourceState
from lambdas.sync.kept_rows import kept_rows
from lambdas.sync.one_pass import Pass, Sweep, by_record
from lambdas.sync.record_parts import digest, parts
from lambdas.sync.result import Surroundings, SyncResult
from shared.errors import MwlError

ONE_GO: Final = 2000
"""Records that are read without a stop in between; more are a full read's, which can be gone on with."""

SLICE: Final = 25_000
"""Records that a full read reads in one invocation: their items' ids have to be remembered meanwhile."""

RESERVE_SECONDS: Final = 60.0
"""For the look at all items, and the writing down. A part is begun only if twice its time is left besides."""

LONGEST_READ_SECONDS: Final = 7 * 86400
"""A full read that was begun longer ago begins anew."""


@dataclass
class Reading:
    """How far the reading of everything came.

    :param marks: what to remember of the parts dealt with.
    :param failure: what stopped it, if not the time.
    :param slowest: the seconds that the slowest part took.
    """

    marks: list[ReadPart]
    complete: bool = True
    failure: MwlError | None = None
    slowest: float = 0.0


class Run:
    """One sync under way. ``state`` is what to remember, also when it fails."""

    def __init__(self, definition: SourceDefinition, before: SourceState, given: Surroundings) -> None:
        self._definition, self._given = definition, given
        self._redcap, self._now = given.redcap, given.now
        self.state = before
        self._pass = self._new_pass()

    def _new_pass(self, *, thorough: bool = False) -> Pass:
        confirmed = self._given.confirmed or bool(self.state.progress and self.state.progress.confirmed)
        return Pass(
            self._definition,
            self._redcap,
            self._given.worklist,
            codes=self.state.missing_data_codes,
            sites=self.state.sites,
            renew=self._given.renew,
            confirmed=confirmed,
            thorough=thorough,
        )

    def sync(self) -> SyncResult:
        """Do it. :raises MwlError: it failed; ``state`` then says how far it came."""
        state = self.state
        known = state.watermark is not None and state.definition == self._definition.digest()
        due = self._now >= state.reconciled_at + self._definition.reconcile_seconds
        if not known or (due and state.progress is None):
            return self._everything()
        # Also in a long read: what people save meanwhile must not wait for its end.
        if self._changes() and state.progress is None:
            return self._result(self._pass, full=False)
        return self._everything()

    # ------------------------------------------------------------- what has changed

    def _changes(self) -> bool:
        """Bring what has changed since the watermark; False if everything has to be read."""
        before, done = self.state, self._pass
        watermark = before.watermark or datetime.fromtimestamp(0, UTC)
        since = watermark - timedelta(seconds=self._definition.overlap_seconds)
        clock = self._definition.server_wall_clock(since, datetime.fromtimestamp(self._now, UTC))
        changed = self._redcap.changed(clock)
        started = self._redcap.server_now()
        if len(changed) > ONE_GO:
            return False
        recent: list[str] = []
        for batch in done.rows(changed):
            # The overlap shows every change many times, our own write-back's among them: most are no news.
            digests = {record: _rows_digest(rows) for record, rows in by_record(batch)}
            recent += digests.values()
            done.take([row for row in batch if digests[row.record] not in before.recent])
        checked = self._withdraw_vanished()
        if checked is None:
            return False
        if done.read or checked:
            done.look_again(before.held)
        self.state = before.model_copy(
            update={
                **checked,
                "watermark": started,
                "recent": tuple(recent) if len(recent) <= RECENT_KEPT else (),
                **kept_rows(done, before),
            }
        )
        return True

    def _withdraw_vanished(self) -> dict[str, object] | None:
        """Withdraw what has vanished; return what to remember of it, or None to read everything."""
        before, done = self.state, self._pass
        if self._now < before.ids_checked_at + self._definition.deletions_seconds:
            if not done.read:  # no news: reading the whole partition would be for nothing
                return {}
            done.withdraw(done.sweep())
            return {"unchecked": True}
        groups = self._redcap.record_groups()
        now = list(parts(groups, before.parts))
        # A record renamed, or moved to another group, need not show up among the changed: its part is read.
        unread = {record for part in now if not part.done for record in part.ids} - done.read
        if len(unread) > ONE_GO:
            return None
        for batch in done.rows(unread):
            done.take(batch)
        if done.read or before.unchecked or not all(part.done for part in now):
            done.withdraw(done.sweep(groups))
        return {
            "ids_checked_at": self._now,
            "parts": tuple(part.mark for part in now),
            "unchecked": False,
        }

    # ------------------------------------------------------------------- everything

    def _everything(self) -> SyncResult:
        progress = self._progress()
        # Before anything is written: where items may be by now, and that a look at changes is not enough.
        sites = tuple(sorted({*self.state.sites, *self._definition.sites()}))
        self.state = self.state.model_copy(update={"progress": progress, "sites": sites, "recent": ()})
        self._given.save(self.state)
        done = self._new_pass(thorough=True)
        done.codes = progress.missing_data_codes
        groups = self._redcap.record_groups()
        reading = self._read(done, groups, progress)
        found = done.sweep(
            groups if reading.complete else None, frozenset(progress.vanished), last=reading.complete
        )
        if reading.complete:
            done.withdraw(found)
            done.look_again(())
            self._finish(done, progress, reading.marks)
            return self._result(done, full=True, before=progress)
        self._remember(done, progress, found, reading.marks)
        if reading.failure is not None:
            raise reading.failure
        return self._result(done, full=True, before=progress, unfinished=True)

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
        info = self._redcap.project_info()
        started = self._redcap.server_now()
        check_against(self._definition, self._redcap.metadata())
        return FullRead(
            started=started,
            began_at=self._now,
            definition=self._definition.digest(),
            missing_data_codes=missing_data_codes(info),
            confirmed=self._given.confirmed,
        )

    def _read(self, done: Pass, groups: Mapping[str, str], progress: FullRead) -> Reading:
        """Read what is left of everything, as far as time goes; at least one part."""
        reading = Reading([])
        for part in parts(groups, progress.parts):
            if not part.done and reading.complete and self._has_time(done, reading):
                began = self._given.remaining()
                try:
                    for batch in done.rows(part.ids):
                        done.take(batch)
                except MwlError as error:
                    reading.failure, reading.complete = error, False
                reading.slowest = max(reading.slowest, began - self._given.remaining())
            elif not part.done:
                reading.complete = False
            if part.done or reading.complete:
                reading.marks.append(part.mark)
            elif part.known:
                reading.marks.append(part.forgotten())
            else:
                break
        return reading

    def _has_time(self, done: Pass, reading: Reading) -> bool:
        needed = RESERVE_SECONDS + 2 * reading.slowest
        return not done.read or (len(done.read) < SLICE and self._given.remaining() > needed)

    def _remember(self, done: Pass, progress: FullRead, found: Sweep, marks: Sequence[ReadPart]) -> None:
        """Write down how far the full read has come; vanished items wait for its end."""
        if progress.confirmed:
            done.withdraw(found)
            vanished: tuple[str, ...] = ()
        else:
            done.withdraw_barred(found)
            vanished = tuple(found.vanished_ids())
            done.check_fuse(len(vanished), found.total, VANISHED_KEPT)
        further = progress.model_copy(
            update={
                "parts": tuple(marks),
                "vanished": vanished,
                "written": progress.written + done.written,
                "unchanged": progress.unchanged + done.unchanged,
                "withdrawn": progress.withdrawn + done.withdrawn,
                **kept_rows(done, progress),
            }
        )
        self.state = self.state.model_copy(update={"progress": further})
        self._given.save(self.state)

    def _finish(self, done: Pass, progress: FullRead, marks: Sequence[ReadPart]) -> None:
        before = self.state
        watermark = progress.started
        if before.watermark is not None and before.definition == progress.definition:
            watermark = max(watermark, before.watermark)  # changes were followed meanwhile
        self.state = before.model_copy(
            update={
                "watermark": watermark,
                "definition": progress.definition,
                "sites": tuple(sorted(self._definition.sites())),
                "reconciled_at": progress.began_at,
                "ids_checked_at": self._now,
                "parts": tuple(marks),
                "unchecked": False,
                "missing_data_codes": progress.missing_data_codes,
                "progress": None,
                **kept_rows(done, progress),
            }
        )

    # ------------------------------------------------------------------- one record

    def record(self, record: str) -> SyncResult:
        """Bring one record that somebody has just saved. The watermark stays: this is a hint, not a look.

        What vanished with its whole row, or with the record, is left to the next look at changes.
        """
        done = self._pass
        rows = self._redcap.rows_of(record, self._definition.read_fields())
        done.take(rows)
        done.withdraw_unmapped(record, rows)
        done.look_again(row for row in self.state.held if row.because_of == record)
        update = kept_rows(done, self.state)
        if done.written or done.withdrawn:
            # Put back to what it was before, the record would be taken for one already looked at.
            update |= {"recent": (), "unchecked": True}
        self.state = self.state.model_copy(update=update)
        return self._result(done, full=False)

    def _result(
        self, done: Pass, *, full: bool, before: FullRead | None = None, unfinished: bool = False
    ) -> SyncResult:
        earlier = [self._pass] if done is not self._pass else []
        counted: list[Pass | FullRead] = [done, *earlier, *([before] if before else [])]
        return SyncResult(
            full=full,
            written=sum(each.written for each in counted),
            unchanged=sum(each.unchanged for each in counted),
            withdrawn=sum(each.withdrawn for each in counted),
            rejected=tuple(done.rejected),
            held=tuple(done.held),
            notes=tuple(done.notes),
            unfinished=unfinished,
        )


def _rows_digest(rows: Sequence[RedcapRow]) -> str:
    content = [[row.record, row.event, row.instrument, row.instance, dict(row.values)] for row in rows]
    return digest(content)[:24]
