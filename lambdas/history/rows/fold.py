"""From facts to rows: the facts of a site, taken in one after another, give the versions of its exams. Pure.

    entries     in the order of the site's audit chain, each once, none left out: a missing one stops the fold
    all else    by time, between the entries

So it does not matter how often and in which order the facts came. An entry counts as written when the one
before it was, should the clock of another machine say that it was earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lambdas.history.facts.fact import EntryFact, Fact, HeartbeatFact, Part, SyncFact, ToldFact
from lambdas.history.facts.pseudonyms import moved
from lambdas.history.rows import exams, steps
from lambdas.history.rows.relays import each_once, minute_rows, query_rows, sync_rows
from lambdas.history.rows.state import ExamState, SiteState, StepState, Study, utc, zone_of
from shared.errors import Rejected
from shared.steps.procedure_step import Step

Rows = dict[str, list[dict[str, Any]]]
"""The rows of each table, by its name."""


class Folded(NamedTuple):
    """What facts gave.

    :param missing: the number of the first entry that has not come, though a later one has; None if none is.
    """

    state: SiteState
    rows: Rows
    missing: int | None


def fold(site: str, before: SiteState, facts: Iterable[Fact], studies: Mapping[str, Study]) -> Folded:
    """Return the rows that facts give, and what is known after them.

    :param facts: of the site; entries that were taken in before may be among them.
    :param studies: by id.
    :raises Rejected: two different entries have one number: the table was restored to an earlier state.
    """
    there = list(facts)
    state = before.model_copy(deep=True)
    entries, missing = _next_entries(state, [each for each in there if isinstance(each, EntryFact)])
    beats = each_once(each for each in there if isinstance(each, HeartbeatFact))
    syncs = {(each.at, each.study): each for each in there if isinstance(each, SyncFact)}
    told = {(each.at, each.chain, each.number): each for each in there if isinstance(each, ToldFact)}
    folding = _Folding(site, state, studies)
    for fact in _by_time(entries, [*told.values(), *beats, *syncs.values()]):
        folding.take(fact)
    rows = folding.rows | {
        "syncs": list(sync_rows(syncs.values())),
        "relay_minutes": minute_rows(beats, state.heard),
        "queries": query_rows(beats),
    }
    return Folded(state, rows, missing)


def _next_entries(state: SiteState, entries: Sequence[EntryFact]) -> tuple[list[EntryFact], int | None]:
    """Return the entries that follow, and which is missing; their times never go back."""
    by_number: dict[int, EntryFact] = {}
    for each in entries:
        other = by_number.setdefault(each.number, each)
        if other.mark != each.mark:
            raise Rejected(
                f"two different entries have number {each.number}",
                where=f"site {each.site}",
                hint="the table was restored to an earlier state: load the history anew",
            )
    found = [by_number[0]] if 0 in by_number and state.latest is None else []
    number = state.through + 1
    while number in by_number:
        found.append(by_number[number])
        number += 1
    latest, timed = state.latest, []
    for each in found:
        latest = max(each.at, latest or each.at)
        timed.append(each.model_copy(update={"at": latest}))
    return timed, number if number <= max(by_number, default=0) else None


def _by_time(
    entries: Sequence[EntryFact], others: Iterable[ToldFact | HeartbeatFact | SyncFact]
) -> Iterator[Fact]:
    """Yield all in the order of time; of one moment: entries first, in their own order."""
    ranks = {"entry": 0, "told": 1, "sync": 2, "heartbeat": 3}

    def place(fact: Fact) -> tuple[Any, ...]:
        name = {"heartbeat": "relay", "sync": "study", "told": "chain"}.get(fact.kind, "site")
        number = fact.number if isinstance(fact, EntryFact | ToldFact) else 0
        return fact.at.astimezone(UTC), ranks[fact.kind], getattr(fact, name), number

    yield from sorted([*entries, *others], key=place)


class _Folding:
    """One fold under way: brings ``state`` up to each fact, and collects ``rows``."""

    def __init__(self, site: str, state: SiteState, studies: Mapping[str, Study]) -> None:
        self._site, self._state, self._studies = site, state, studies
        self._hides_unlinked = any(each.shifted and site in each.sites for each in studies.values())
        self.rows: Rows = {"exams": [], "steps": [], "changes": []}

    def take(self, fact: Fact) -> None:
        if isinstance(fact, EntryFact):
            self._take_entry(fact)
        elif isinstance(fact, ToldFact):
            self._take_told(fact)
        elif isinstance(fact, SyncFact):
            self._take_sync(fact)
        else:
            self._take_heartbeat(fact)

    def _take_entry(self, entry: EntryFact) -> None:
        state = self._state
        state.through, state.latest = max(state.through, entry.number), entry.at
        for part in entry.steps:
            self._take_step(part, entry)
        for part in entry.exams:
            self._take_exam(part, entry)

    def _take_step(self, part: Part, entry: EntryFact) -> None:
        if "status" not in part.fields and part.subject not in self._state.steps:
            return  # it began before there was an audit trail: nothing is known of it
        step = self._state.steps.setdefault(part.subject, StepState())
        for exam in step.exams:
            self._state.steps_of[exam].remove(part.subject)
        steps.next_version(step, part)
        for exam in step.exams:
            self._state.steps_of.setdefault(exam, []).append(part.subject)
        self._add_step(part.subject, step, entry.at, part.action, entry.by)
        exam_of = self._state.exam_of(step)
        changes = ((name, was, now, "mpps") for name, was, now in part.changed)
        self._add_changes("step", part.subject, step.version, exam_of, entry, changes)

    def _take_exam(self, part: Part, entry: EntryFact) -> None:
        state = self._state
        exam = state.exams.setdefault(part.subject, ExamState())
        if exam.version == 0 and part.action in {"created", "found"}:
            state.pending.append(part.subject)
        exams.next_version(exam, part, entry.at)
        since = state.unshown.get(exam.study, {}).pop(part.subject, None)
        if since is not None and exam.unshown_minutes is None:
            exam.unshown_minutes = round((entry.at - since).total_seconds() / 60)
            exam.row_seen_at = exam.row_seen_at and since
        own = {"known_at": utc(entry.at), "because": part.action, "done_by": entry.by}
        zone = zone_of(self._studies, exam.study, self._site)
        row = exams.exam_row(part.subject, exam, self._steps_of(part.subject), zone, self._site)
        self._add("exams", row | own, exam)
        owned = exam.fields.get("edited", ())
        changes = (
            (name, was, now, _owner(name, str(exam.fields.get("status_owner", "source")), owned))
            for name, was, now in part.changed
        )
        self._add_changes("exam", part.subject, exam.version, exam, entry, changes)

    def _steps_of(self, exam: str) -> list[tuple[str, Step]]:
        found = [(key, self._state.steps[key]) for key in self._state.steps_of.get(exam, ())]
        return [(steps.scanner_of(each), each.step(key)) for key, each in found]

    def _take_told(self, told: ToldFact) -> None:
        step = self._state.steps.get(told.step)
        if step is None:
            return  # of a missed scan, which has no step
        step.version += 1
        step.told_at = told.at if told.action == "told" else None
        self._add_step(told.step, step, told.at, told.action, told.by)

    def _take_sync(self, sync: SyncFact) -> None:
        known = self._state.unshown.get(sync.study, {})
        self._state.unshown[sync.study] = {
            exam: known.get(exam, sync.at) for exam in sync.unshown if exam not in self._state.exams
        }

    def _take_heartbeat(self, beat: HeartbeatFact) -> None:
        if beat.pulled_at is None:
            return
        asked = {each.scanner: each.asked_at for each in beat.scanners if each.asked_at}
        waiting = []
        for key in self._state.pending:
            exam = self._state.exams[key]
            if exam.held_at is None and beat.pulled_at >= (exam.first_seen_at or beat.pulled_at):
                exam.held_at = beat.pulled_at
            asked_at = asked.get(str(exam.fields.get("scheduled_station_aetitle", "")))
            if exam.held_at is not None and asked_at is not None and asked_at >= exam.held_at:
                exam.shown_at = asked_at
            else:
                waiting.append(key)
        self._state.pending = waiting

    def _add_step(self, key: str, step: StepState, at: datetime, because: str, by: str) -> None:
        exam = self._state.exam_of(step)
        zone = zone_of(self._studies, exam.study if exam else "", self._site)
        own = {"known_at": utc(at), "because": because, "done_by": by}
        self._add("steps", steps.step_row(key, step, exam, zone, self._site) | own, exam)

    def _add_changes(
        self,
        kind: str,
        subject: str,
        version: int,
        exam: ExamState | None,
        entry: EntryFact,
        changes: Iterable[tuple[str, str, str, str]],
    ) -> None:
        for name, was, now, owner in changes:
            row = {
                "kind": kind,
                "subject": subject,
                "version": version,
                "field": name,
                "known_at": utc(entry.at),
                "site": self._site,
                "study": exam.study if exam else "",
                "participant": exam.participant if exam else "",
                "done_by": entry.by,
                "owner": owner,
                "before_hash": was,
                "after_hash": now,
            }
            self._add("changes", row, exam)

    def _add(self, table: str, row: dict[str, Any], exam: ExamState | None) -> None:
        if exam is None and self._hides_unlinked:
            return  # once it is linked, its true dates would tell by how much its participant's are moved
        row["day"] = row["known_at"].date()
        study = self._studies.get(exam.study) if exam else None
        self.rows[table].append(moved(row, exam.shift_days) if exam and study and study.shifted else row)


def _owner(field: str, status_owner: str, edited: Sequence[str]) -> str:
    if field == exams.STATUS:
        return status_owner
    return "person" if field in edited else "source"
