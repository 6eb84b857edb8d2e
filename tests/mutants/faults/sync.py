"""Faults of the sync and the write-back: the fuse, the watermark, what REDCap is told."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import area

_FUSE: Final = area(
    "fuse",
    [
        "tests/unit/lambdas/sync/test_fuse.py",
        "tests/integration/test_sync_fuse.py",
        "tests/integration/test_sync_left_out_records.py",
        "tests/integration/test_sync_long_reads.py",
        "tests/integration/test_sync_source.py",
    ],
    (
        "return vanished > may_vanish(",
        "return vanished >= may_vanish(",
        "five may always go, and wait for a person",
    ),
    ("ALWAYS_WITHDRAWN: Final = 5", "ALWAYS_WITHDRAWN: Final = 4", "of a small study five may not go"),
    ("ALWAYS_WITHDRAWN: Final = 5", "ALWAYS_WITHDRAWN: Final = 6", "six of a small study go unseen"),
    (
        "return max(ALWAYS_WITHDRAWN, int(share * total))",
        "return int(share * total)",
        "one cancelled scan of a small study waits for a person",
    ),
    (
        "return max(ALWAYS_WITHDRAWN, int(share * total))",
        "return ALWAYS_WITHDRAWN",
        "the share a person allowed does not count",
    ),
    (
        "return max(ALWAYS_WITHDRAWN, int(share * total))",
        "return max(ALWAYS_WITHDRAWN, 1 + int(share * total))",
        "one more than the share goes",
    ),
    (
        "or (forgotten and not self.confirmed):",
        "or False:",
        "more have vanished than can be remembered: some are withdrawn, and nobody is asked",
    ),
    (
        "return not self.confirmed and fuse.blows(",
        "return fuse.blows(",
        "a person's confirmation is not heard",
    ),
    (
        "frozenset(waiting.items if waiting else ())",
        "frozenset()",
        "what waits for a person is forgotten with the next look",
    ),
    (
        "{*progress.vanished, *(self.state.withheld.items if self.state.withheld else ())}",
        "{*progress.vanished}",
        "what vanished behind a long read is forgotten at its end",
    ),
    (
        "if self.state.withheld and (self._intake.read or self._given.confirmed):",
        "if False:",
        "a confirmation waits for the next look at all ids",
    ),
    (
        "or before.unchecked or before.withheld or not all(",
        "or before.unchecked or not all(",
        "what waits for a person is forgotten when nothing else changes",
    ),
    (
        "if ref.status_owner not in SCANNED:\n                    found.total += 1",
        "if True:\n                    found.total += 1",
        "scans that have begun are counted, and withdrawn",
    ),
    (
        "record in found.gone or item_id not in self._mapped",
        "True",
        "REDCap's half answer withdraws a scan though the second answer has it",
    ),
    (
        " and record not in self.left_out\n",
        "\n",
        "a record that REDCap does not return loses its scans",
    ),
    (
        "if found.gone and self._redcap.existing(found.gone):",
        "if False:",
        "half a list of ids cancels a clinic",
    ),
)

_WATERMARK: Final = area(
    "watermark",
    [
        "tests/unit/lambdas/sync/test_record_ranges.py",
        "tests/unit/lambdas/sync/test_changes.py",
        "tests/integration/test_sync_watermark.py",
        "tests/integration/test_sync_one_record.py",
        "tests/integration/test_sync_long_reads.py",
        "tests/integration/test_sync_source.py",
    ],
    (
        "since = (state.watermark or datetime.fromtimestamp(0, UTC)) - self._overlap",
        "since = state.watermark or datetime.fromtimestamp(0, UTC)",
        "a form saved while REDCap was read is never seen",
    ),
    (
        "clock = None if state.unseen else state.server_clock",
        "clock = state.server_clock",
        "edits that went unseen are looked for by the clock that hid them",
    ),
    (
        "if self._now - since > LEAST_ZONE_STEP:",
        "if False:",
        "an edit of hours ago confirms a zone that hides the next one",
    ),
    (
        "if not news & self._redcap.changed(stated):",
        "if not self._redcap.changed(stated):",
        "an edit of another record confirms a zone that hides this one",
    ),
    (
        "return len(changed - self.of(state)) if changed else 0",
        "return 0",
        "nobody is told that edits went unseen",
    ),
    (
        "watermark = max(watermark, before.watermark)",
        "watermark = before.watermark",
        "a full read does not move the watermark",
    ),
    (
        '"watermark": started,\n                "put_back": (),\n                **self._asked',
        "**self._asked",
        "every sync reads more than the one before",
    ),
    (
        'update |= {"recent": (), "unchecked": True}',
        'update |= {"unchecked": True}',
        "a form put back to what it was stays as it was shown",
    ),
    (
        'update |= {"recent": (), "unchecked": True}',
        'update |= {"recent": ()}',
        "an item of a record that came and went stays",
    ),
    (
        "if intake.read or before.unchecked or before.withheld or not all(each.done for each in now):",
        "if intake.read or before.withheld or not all(each.done for each in now):",
        "an item of a record that came and went between two looks stays",
    ),
    (
        "if intake.read or before.unchecked or before.withheld or not all(each.done for each in now):",
        "if intake.read or before.unchecked or before.withheld:",
        "a deleted record stays on the worklist",
    ),
    (
        "end = bisect_right(ids, before.last)",
        "end = bisect_right(ids, before.last) - 1",
        "a part lacks its last record",
    ),
    ("done=mark == before)", "done=True)", "a renamed record is not noticed"),
    (
        "[[record, groups[record]] for record in ids]",
        "[[record] for record in ids]",
        "a participant who moved to another site is not noticed",
    ),
    (
        "and state.definition == self._definition.digest()",
        "and True",
        "a changed definition is applied to changed records only",
    ),
    (
        "and progress.definition == self._definition.digest()",
        "and True",
        "half of the records are read by the old definition",
    ),
    (
        "and self._now < progress.began_at + LONGEST_READ_SECONDS",
        "and True",
        "a read begun weeks ago goes on, blind to what changed since",
    ),
    ("if len(changed) > ONE_GO:", "if False:", "a bulk change is read in one go, and never ends in time"),
    (
        "if each not in before.recent}",
        "if each in before.recent}",
        "a changed form is taken for one already looked at",
    ),
    ("groups if reading.complete else None,", "groups,", "items are withdrawn before everything was read"),
)

_WRITE_BACK: Final = area(
    "write-back",
    [
        "tests/unit/lambdas/write_backs",
        "tests/integration/test_write_back_refused.py",
        "tests/integration/test_write_back.py",
        "tests/contract/test_worklist_store.py",
    ],
    (
        "first, last = min(starts, default=None)",
        "first, last = max(starts, default=None)",
        "the start of the last step is told",
    ),
    (", max(ends, default=None)", ", min(ends, default=None)", "the end of the first step is told"),
    (
        "seconds=seconds if seconds >= 0 else None",
        "seconds=seconds if seconds > 0 else None",
        "a scan of no minutes has no length",
    ),
    (
        "seconds=seconds if seconds >= 0 else None",
        "seconds=seconds",
        "a scan that ends before it begins has a length",
    ),
    (
        "else int(self.seconds) // 60",
        "else int(self.seconds) // 60 + 1",
        "a duration is a minute too long",
    ),
    ('if row.values.get(field, "") != text}', "if text}", "a blank is not written over an old value"),
    ('if row.values.get(field, "") != text}', "if True}", "every write-back makes the record changed"),
    ("for name in reversed(named) if name", "for name in named if name", "the first station is told"),
    ("return given[-1] if given else", "return given[0] if given else", "an old reason is told"),
    (
        "if step.status is not StepStatus.DISCONTINUED]",
        "if True]",
        "the start of a step given up is the start of the scan",
    ),
    (
        "station=_station(alike), ended_at=None, seconds=None)",
        "station=_station(alike))",
        "a scan that runs has an end",
    ),
    ("last = alike[-1:]", "last = alike[:1]", "the reason of another step"),
    (
        'timespec="seconds" if seconds else "minutes"',
        'timespec="seconds"',
        "REDCap refuses the time, or shows it wrong",
    ),
    ("return attempts >= PATIENCE", "return attempts > PATIENCE", "one try more before a person is told"),
    ("return attempts >= PATIENCE", "return True", "one bad moment parks a write-back"),
    ("return not error.retryable", "return False", "what REDCap refuses for good is tried for ever"),
    (
        "if all(_is_final(error, pending.attempts) for error in errors):",
        "if any(_is_final(error, pending.attempts) for error in errors):",
        "one bad row parks the row that could still be told",
    ),
    ("pause = max(_pause(error,", "pause = min(_pause(error,", "a banned address asks again at once"),
    (
        "counted = not all(isinstance(error, NotYet) for error in errors)",
        "counted = True",
        "waiting for its turn uses up its tries",
    ),
    (
        "if told.values and (lost := update_of(",
        "if False and (lost := update_of(",
        "what REDCap did not keep counts as told",
    ),
    (
        "self._sources.renew(item.source, owner,",
        "bool((item.source, owner)) or self._sources.renew(item.source, owner,",
        "a turn that was lost writes old values over new ones",
    ),
    (
        "if last is None or any(last.performed.get(item_id) != steps",
        "if last is None or any(False and last.performed.get(item_id) != steps",
        "REDCap keeps what was true before",
    ),
    (
        "if row is None:\n            # An import would create it",
        "if False:\n            # An import would create it",
        "a participant nobody entered",
    ),
    (
        "write_back_due=DUE if told else None,",
        "write_back_due=DUE,",
        "an unscheduled step is tried for ever",
    ),
    (
        "model.write_back_at <= stamp(self._now())",
        "model.write_back_at >= stamp(self._now())",
        "what is due is never told",
    ),
    (
        "row.update(actions=list(actions), condition=StepRow.version == version)",
        "row.update(actions=list(actions))",
        "a newer event is struck with the old one",
    ),
    (
        "StepRow.version.set(StepRow.version + 1),",
        "StepRow.version.set(StepRow.version),",
        "a run under way strikes a new debt",
    ),
    (
        "if self.running:\n            return Status.IN_PROGRESS",
        "if self.running and not self.completed:\n            return Status.IN_PROGRESS",
        "a second scan that runs is shown as completed",
    ),
    (
        "completed=self.completed or status is Status.COMPLETED,",
        "completed=status is Status.COMPLETED,",
        "a completed scan is undone by a later one given up",
    ),
    (
        "return max(one, other) if one and other else one or other",
        "return min(one, other) if one and other else one or other",
        "the order of events decides",
    ),
)

AREAS: Final = (_FUSE, _WATERMARK, _WRITE_BACK)
