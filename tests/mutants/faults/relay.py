"""Faults of the relay: matching, selection, the journal, and the exchange with the cloud."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import area

_MATCHING: Final = area(
    "matching",
    ["tests/unit/edge_relay/worklist/test_matching.py"],
    (
        "return bool(value) and (self.first or _EARLIEST) <= value <= (self.last or _LATEST)",
        "return bool(value) and (self.first or _EARLIEST) < value <= (self.last or _LATEST)",
        "the first day of a range is not found",
    ),
    (
        "return bool(value) and (self.first or _EARLIEST) <= value <= (self.last or _LATEST)",
        "return bool(value) and (self.first or _EARLIEST) <= value < (self.last or _LATEST)",
        "the last day of a range is not found",
    ),
    (
        "return bool(value) and (self.first or _EARLIEST) <= value <= (self.last or _LATEST)",
        "return (self.first or _EARLIEST) <= value <= (self.last or _LATEST)",
        "a participant without a birth date is found by a range of birth dates",
    ),
    (
        "return first <= moment <= last if first <= last",
        "return first < moment <= last if first <= last",
        "an exam at the first minute of a range is not found",
    ),
    (
        "return first <= moment <= last if first <= last",
        "return first <= moment < last if first <= last",
        "an exam at the last moment of a range is not found",
    ),
    (
        'moment, first, last = value.ljust(12, "0"),',
        "moment, first, last = value,",
        "a time is compared with a longer one as text",
    ),
    (
        "else moment >= first or moment <= last",
        "else moment >= first and moment <= last",
        "a night's range finds nothing",
    ),
    (
        'any(value in {"", "*"} for value in asked)',
        'all(value in {"", "*"} for value in asked)',
        "one empty alternative no longer finds everything",
    ),
    (
        'vr in WILD_CARD_VRS and any("*" in value or "?" in value',
        'vr in WILD_CARD_VRS and any("*" in value',
        "a question mark is taken for a letter",
    ),
    (
        "any(pattern.fullmatch(value) for pattern in self.patterns)",
        "any(pattern.match(value) for pattern in self.patterns)",
        "P-00? finds P-0012 too: another participant",
    ),
    (
        '("59", "9") if at_end else ("00", "0")',
        '("00", "0") if at_end else ("00", "0")',
        "0800-12 leaves out 12:30",
    ),
    (
        "return DateRange(lower, upper if dash else lower, bool(dash))",
        "return DateRange(lower, upper, bool(dash))",
        "a single day finds every later day",
    ),
    ("upper = last if dash else first", "upper = last", "a single time finds every later time"),
    ("int(second or 0) > 60", "int(second or 0) > 59", "a query with a leap second fails"),
    ("int(hour) > 23 or", "int(hour) > 24 or", "an hour that does not exist is taken"),
    (
        'return unicodedata.normalize("NFC", text).casefold()',
        'return unicodedata.normalize("NFC", text).lower()',
        "GROSS with sharp s is not found in capitals",
    ),
    (
        'return unicodedata.normalize("NFC", text).casefold()',
        "return text.casefold()",
        "a name typed with combining accents is not found",
    ),
    (
        "want is None or want.fullmatch(each.strip())",
        "want is None or want.fullmatch(each)",
        "a name with a space before a caret is not found",
    ),
    (
        'have += [""] * (len(self.components) - len(have))',
        "pass",
        "Doe^Jane^X finds Doe^Jane: components the name lacks count as found",
    ),
    (
        "any(only.matches(group) for group in groups if group)",
        "any(only.matches(group) for group in groups[:1] if group)",
        "a name written in ideographs is not found by them",
    ),
    (
        'padded = groups + [""] * (len(query) - len(groups))',
        "padded = groups",
        "a group the name lacks counts as found",
    ),
    (
        'value.strip(" \\0")) for value in values]',
        'value.strip("\\0")) for value in values]',
        "a value padded with a space finds nobody",
    ),
    (
        'value.strip(" \\0")) for value in values]',
        'value.strip(" ")) for value in values]',
        "a UID padded as the standard wants it is not found",
    ),
    (
        'raise Rejected("a date range needs at least one date")',
        "pass",
        "a dash alone finds everybody instead of being refused",
    ),
    ('"." if c == "?" else re.escape(c)', '"." if c == "?" else c', "a dot in a query stands for any letter"),
    (
        'f"{first}{nearest}.*{last}", re.DOTALL',
        'f"{first}.*{last}", re.DOTALL',
        "of a*b*c only the ends count: other participants are found",
    ),
    (
        "return ranges[0] if len(ranges) == 1 else AnyRange",
        "return ranges[0] if ranges else AnyRange",
        "of two dates only the first is looked for",
    ),
    (
        "if ignore_accents:\n        text = without_accents",
        "if not ignore_accents:\n        text = without_accents",
        "accents count where they must not, and the other way round",
    ),
)

_SELECTION: Final = area(
    "selection",
    [
        "tests/unit/edge_relay/worklist/test_search.py",
        "tests/unit/edge_relay/worklist/test_query.py",
        "tests/unit/edge_relay/worklist/test_scanner_attributes.py",
        "tests/unit/shared/scanners/test_scanner_selection.py",
        "tests/unit/edge_relay/worklist/test_finding.py",
    ],
    (
        "return max(first, asked.first), min(last, asked.last or last)",
        "return min(first, asked.first), min(last, asked.last or last)",
        "a scanner sees days before those of its profile",
    ),
    (
        "return max(first, asked.first), min(last, asked.last or last)",
        "return max(first, asked.first), max(last, asked.last or last)",
        "a scanner sees days after those of its profile",
    ),
    ("_day(today, -scanner.days_back)", "_day(today, scanner.days_back)", "yesterday's exams are not shown"),
    (
        "return values & shown if shown else values",
        "return values | shown if shown else values",
        "a scanner is shown modalities that are not its own",
    ),
    ("return shown or None", "return None", "a CT is shown MR exams"),
    (
        "if scanner.restricted and own not in wanted:",
        "if scanner.restricted and not wanted:",
        "who names another scanner's station sees its exams",
    ),
    (
        "if scanner.restricted and own not in wanted:",
        "if own not in wanted:",
        "a scanner that may see all sees its own only",
    ),
    (
        "is_own = bool(titles & own.titles)",
        "is_own = True",
        "who asks for another station is shown its own exams",
    ),
    ("is_own = bool(titles & own.titles)", "is_own = False", "exams by station name are not shown"),
    (
        'arms += [(f"station_name = ? AND {others}", (name, *titles))',
        'arms += [("station_name = ?", (name,))',
        "an exam booked by both title and name is shown twice",
    ),
    (
        'dated = "scheduled_start_date >= ? AND',
        'dated = "scheduled_start_date > ? AND',
        "the first day is missing",
    ),
    (
        'AND scheduled_start_date <= ?"',
        'AND scheduled_start_date < ?"',
        "the last day is missing",
    ),
    (
        "shown = _SHOWN if names_status else scanner.statuses",
        "shown = _SHOWN",
        "exams that are over are shown",
    ),
    ("if query is not None and query.window is not None:", "if False:", "the time of day is not looked at"),
    (
        "(not self.first or self.first <= start) and",
        "(not self.first or self.first < start) and",
        "the first minute of an interval is missing",
    ),
    (
        "(not self.last or start <= self.last)",
        "(not self.last or start < self.last)",
        "its last moment is missing",
    ),
    ("day.ranged and clock.ranged", "(day.ranged or clock.ranged)", "one morning is read as an interval"),
    ("self.names_status |= entry.tag == STEP_STATUS", "pass", "who asks for COMPLETED finds nothing"),
    (
        'self.incomplete |= bool(element.value.strip(b" *\\0"))',
        "pass",
        "a key we cannot match is said to be met",
    ),
    (
        "self.incomplete |= tag & 0xFFFF != 0 and tag != SPECIFIC_CHARACTER_SET",
        "self.incomplete |= tag != SPECIFIC_CHARACTER_SET",
        "a group length makes every answer FF01",
    ),
    (
        'last=day.last + (clock.last or "9" * 12) if day.last else ""',
        'last=day.last + (clock.last or "0" * 12) if day.last else ""',
        "the last day of an interval without end time is missing",
    ),
    (
        "if len(items) > 1:\n            raise Rejected",
        "if len(items) > 2:\n            raise Rejected",
        "of a sequence with two items one is passed over",
    ),
    (
        'order = "" if len(arms) < 2 else ", scheduled_start_date, scheduled_start_time"',
        'order = ""',
        "lists of two stations are not merged in order",
    ),
    (
        "return lambda _: matches",
        "return lambda _: True",
        "a key that only the profile answers selects nothing out",
    ),
)

_OLDEST_OF_EACH: Final = (
    "SELECT {which}(seq) FROM events WHERE {state} AND NOT {{_PASSED_BY}} GROUP BY sop_instance_uid)\n"
    '    """  # noqa: S608  (ours)\n# Least'
)


def _due(which: str = "min", state: str = "state <> 'delivered'") -> str:
    return _OLDEST_OF_EACH.format(which=which, state=state)


_JOURNAL: Final = area(
    "journal",
    [
        "tests/unit/edge_relay/mpps/test_journal.py",
        "tests/unit/edge_relay/mpps/test_journal_rows.py",
        "tests/unit/edge_relay/worklist/test_overlay.py",
        "tests/unit/shared/steps/test_step_dataset.py",
        "tests/unit/edge_relay/mpps/test_journal_file.py",
        "tests/unit/edge_relay/mpps/test_intake.py",
    ],
    (
        _due(),
        _due(state="state = 'pending'"),
        "an N-SET overtakes its parked N-CREATE",
    ),
    (
        _due(),
        _due("max"),
        "the newest event goes first",
    ),
    (
        "ORDER BY attempts, seq LIMIT ?",
        "ORDER BY seq LIMIT ?",
        "one event that is never answered blocks all others",
    ),
    (
        "rows = [row for row in rows if not row.attempts] or rows[:1]",
        "rows = [row for row in rows if not row.attempts] or rows",
        "events that were not answered are sent together again: which one is it?",
    ),
    ("(events and room < 0):", "room < 0:", "an event larger than the room is never sent"),
    ("(events and room < 0):", "False:", "a push may be larger than the cloud takes"),
    (
        "AND p.seq < e.seq AND p.state = 'parked' AND NOT",
        "AND p.state = 'parked' AND NOT",
        "the parked event itself is shown as held back by itself",
    ),
    (
        "HAVING max(received_at) < ? AND min(state = 'delivered')",
        "HAVING max(received_at) < ? AND max(state = 'delivered')",
        "pruning deletes events the cloud does not have: lost data",
    ),
    (
        "HAVING max(received_at) < ? AND min(state = 'delivered')",
        "HAVING min(received_at) < ? AND min(state = 'delivered')",
        "pruning deletes what has just been reported",
    ),
    (
        "SELECT damaged FROM events WHERE event_id = ? AND state = 'parked'",
        "SELECT damaged FROM events WHERE event_id = ?",
        "a delivered event is sent again by hand",
    ),
    (
        "json_extract(steps.body, '$.status') <> 'IN_PROGRESS'",
        "TRUE",
        "pruning deletes the events of a step that still runs",
    ),
    (
        "if not is_open(db, item_id):",
        "if True:",
        "a status ends while the cloud lacks an event of the item",
    ),
    (
        "WHERE links.item_id = ? AND events.state <> 'delivered')",
        "WHERE links.item_id = ? AND events.state = 'parked')",
        "a status ends while an event of the item is pending",
    ),
    ("step.item_ids or item_ids", "item_ids", "an N-SET forgets which exam it is of"),
    (
        '"DELETE FROM overlay WHERE item_id = ? AND event_id = ?"',
        '"DELETE FROM overlay WHERE item_id = ? AND event_id IS NOT ?"',
        "a newer status is removed with the old one",
    ),
    (
        "tuple(dict.fromkeys((*step.item_ids, *named)))",
        "step.item_ids",
        "an exam only the cloud knows of is shown as scheduled while it runs",
    ),
    (
        "return not self.confirmed_seq or feed_seq < self.confirmed_seq",
        "return not self.confirmed_seq or feed_seq <= self.confirmed_seq",
        "an old status lies over the new one",
    ),
    (
        "return not self.confirmed_seq or feed_seq < self.confirmed_seq",
        "return bool(self.confirmed_seq) and feed_seq < self.confirmed_seq",
        "what the cloud does not know yet is not shown",
    ),
    (
        'db = connect(path, synchronous="FULL")',
        'db = connect(path, synchronous="NORMAL")',
        "power loss loses an MPPS",
    ),
    (
        "after[CHARACTER_SET] = before[CHARACTER_SET]",
        "pass",
        "an N-SET changes the character set of the N-CREATE",
    ),
    (
        "if isinstance(step, Refusal):\n            return step",
        "if False:\n            return step",
        "a step that has ended can be changed",
    ),
    (
        "self._overlay = {**self._overlay, **batch.overlay}",
        "self._overlay = {**batch.overlay, **self._overlay}",
        "the next query shows the status before",
    ),
    (
        "if batch.appended:\n            self._on_append()",
        "if False:\n            self._on_append()",
        "what a scanner reported waits for the next round",
    ),
    (
        "for start in range(0, len(over), _PRUNED_AT_ONCE)",
        "for start in range(0, 1, _PRUNED_AT_ONCE)",
        "the file grows for ever",
    ),
)

_EXCHANGE: Final = area(
    "exchange",
    ["tests/unit/edge_relay/exchange"],
    (
        "if len(events) == 1:\n            journal.park",
        "if events:\n            journal.park",
        "a good event is parked",
    ),
    (
        "if suspects:\n        journal.record_unanswered(suspects)",
        "if False:\n        journal.record_unanswered(suspects)",
        "an event the cloud never answers keeps its place at the front",
    ),
    ("and (outcome.snapshot or _shows(", "and (_shows(", "a status outlives the worklist it lay over"),
    (
        "return held is None or not entry.covers(held) or not entry.confirmed_seq",
        "return held is None or not entry.covers(held)",
        "a status the cloud gave no number for lies there for ever",
    ),
    (
        "return held is None or not entry.covers(held) or not entry.confirmed_seq",
        "return True",
        "a status ends before the cache shows it",
    ),
    (
        "if not first.snapshot and first.epoch != held.epoch:",
        "if False:",
        "changes of a restored table are mixed with those of the lost one",
    ),
    (
        "if (page.epoch, page.snapshot) != (first.epoch, first.snapshot):",
        "if False:",
        "two lives of a table are mixed within a pull",
    ),
    (
        "cache.forget_bookmark()  # the cloud does not know our cursor",
        "pass  #",
        "a relay whose cursor is refused asks with it for ever",
    ),
    (
        "if first.snapshot:\n        begin_snapshot()",
        "if False:\n        begin_snapshot()",
        "exams that exist no more stay on the worklist",
    ),
    (
        "if len(events) == 1:\n                journal.record_unanswered([events[0].event_id])",
        "if False:\n                journal.record_unanswered([events[0].event_id])",
        "an event that breaks the cloud blocks all others",
    ),
    (
        "confirmed = journal.confirmed_overlay()",
        "confirmed = journal.overlay()",
        "unsent statuses are removed",
    ),
    (
        "if pruned_at is None or now() - pruned_at >= _PRUNE_EVERY:",
        "if True:",
        "every push looks through it all",
    ),
)

AREAS: Final = (_MATCHING, _SELECTION, _JOURNAL, _EXCHANGE)
