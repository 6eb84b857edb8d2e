"""From staged facts to the tables: each day of a site is folded anew whenever a fact of it has come.

    state/site=BERGEN/days.json                  what each day was made of, and its files
    state/site=BERGEN/day=2026-11-27.json.gz     what was known at the end of the day
    exams/period=2026-11-27/site=BERGEN/...      the rows of the day
    current_exams/period=all/site=BERGEN/...     the newest version of each exam; see `current`
    sites/sites.parquet                          the dimensions; see `dimension_files`

A day is made of what was known before it, the facts of the day, and the entries of the day before that could
not be taken in then. The same of these gives the same files: what is done twice, or begun and not ended, does
no harm. A late fact changes its day and the days after it.

A study with shifted dates is left out: S3 tells everybody who may list a bucket when a file was written.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, TypeAdapter

from lambdas.history.facts.fact import EntryFact, Fact
from lambdas.history.layout import part_of
from lambdas.history.parquet import written
from lambdas.history.rows.fold import Folded, Rows, fold
from lambdas.history.rows.state import SiteState, Study
from lambdas.history.schema import CURRENT, FACTS, SCHEMA_VERSION
from lambdas.history.stream.current import CurrentFiles, Row
from lambdas.history.stream.dimension_files import write_dimensions
from lambdas.history.stream.files import Files
from lambdas.history.stream.staging import Staged, all_staged, facts_in
from lambdas.history.table import Table
from shared.errors import Rejected

_NAME: Final = "day"
KEPT_DAYS: Final = 40
"""Of so many days of a site what was known at their end is kept: facts that come later need a new load."""
_OF_PEOPLE: Final = ("exams", "steps", "changes")


class Compacted(NamedTuple):
    """What a compaction did.

    :param days: how many days of sites it wrote.
    :param missing: sites that wait for an entry, and its number.
    """

    days: int
    missing: Mapping[str, int]


class _Day(BaseModel):
    """A day of a site.

    :param made_of: digest of all that it was made of.
    :param files: the files of its rows.
    """

    made_of: str = ""
    files: tuple[str, ...] = ()
    missing: int | None = None


_DAYS: Final = TypeAdapter(dict[str, _Day])


def compact(files: Files, studies: Mapping[str, Study], days: Sequence[str] | None = None) -> Compacted:
    """Bring the tables up to the staged facts.

    :param studies: by id.
    :param days: only facts of these, each like ``2026-11-27``; None: all that are staged.
    :raises Rejected: as `fold`; or what was known before a day is not kept any more.
    :raises Unavailable: a file could not be read or written; the next compaction goes on from there.
    """
    sites: dict[str, list[Staged]] = defaultdict(list)
    for each in all_staged(files, days):
        sites[each.site].append(each)
    done, missing = 0, {}
    for name, staged in sorted(sites.items()):
        site = _Site(files, name, studies)
        done += site.compact(staged)
        if site.missing is not None:
            missing[name] = site.missing
    write_dimensions(files, studies)
    return Compacted(done, missing)


class _Site:
    """The days of a site."""

    def __init__(self, files: Files, name: str, studies: Mapping[str, Study]) -> None:
        self._files, self._name, self._studies = files, name, studies
        self._days = _DAYS.validate_json(files.read(self._index()) or b"{}")
        self.missing: int | None = None
        self._current = CurrentFiles(files, name, _hidden(studies))
        self._first, self._state_now = "", SiteState()  # the first day that was folded anew; after the last
        self._came: dict[Table, dict[tuple[Any, ...], Row]] = {now: {} for now in CURRENT}

    def compact(self, staged: Sequence[Staged]) -> int:
        """Fold the days that are not made of what is staged; return how many these were."""
        by_day: dict[str, list[Staged]] = defaultdict(list)
        for each in staged:
            by_day[each.day].append(each)
        first, last_made_of = min(by_day), self._made_of(self._last())
        before, waiting, done = max((day for day in self._days if day < first), default=""), list[Staged](), 0
        for day, of_day in sorted(by_day.items()):
            # What waited on the day before the first is not looked at: if the first is known, it stays.
            settled = day == first and before and day in self._days
            made_of = _digest(self._made_of(before), [*waiting, *of_day], self._studies)
            if not settled and self._made_of(day) != made_of:
                facts = [*_entries(self._files, waiting), *_facts(self._files, of_day)]
                self._write(day, made_of, fold(self._name, self._state(before), facts, self._studies))
                done += 1
            before, waiting = day, of_day
        self._write_current(last_made_of)
        self.missing = self._days[before].missing
        return done

    def _write_current(self, last_made_of: str) -> None:
        """Bring the newest versions up to the days.

        :param last_made_of: what the last day was made of before any was folded anew.
        """
        known, last = self._current.made_of(), self._last()
        if not self._first and known == self._made_of(last):
            return
        if self._first and known and known == last_made_of:
            old = self._current.rows_before(self._first)
            rows = {now: [*old[now], *self._came[now].values()] for now in CURRENT}
        else:
            rows = self._current.rows_in(name for day in self._days.values() for name in day.files)
        state = self._state_now if self._first else self._state(last)
        self._current.write(rows, self._made_of(last), len(state.heard))

    def _keep_newest(self, day: str, folded: Folded) -> None:
        self._first, self._state_now = self._first or day, folded.state
        for now, every in CURRENT.items():
            self._came[now].update(
                {tuple(row[name] for name in now.key): row for row in folded.rows[every.name]}
            )

    def _last(self) -> str:
        return max(self._days, default="")

    def _made_of(self, day: str) -> str:
        return self._days[day].made_of if day in self._days else ""

    def _state(self, day: str) -> SiteState:
        if not day:
            return SiteState()
        content = self._files.read(self._state_file(day))
        if content is None:
            raise Rejected(
                f"what was known on {day} is not kept any more",
                where=f"site {self._name}",
                hint="load the history anew, see docs/history.md",
            )
        return SiteState.model_validate_json(gzip.decompress(content))

    def _write(self, day: str, made_of: str, folded: Folded) -> None:
        """Write a day: its rows and its end first, so that what stops half-way is begun again."""
        self._keep_newest(day, folded)
        names = []
        for table in FACTS:
            rows = list(_told(table.name, folded.rows, self._studies))
            if rows:
                names.append(part_of(table, day, self._name, _NAME))
                self._files.write(names[-1], written(table, rows))
        state = folded.state.model_dump_json().encode()
        self._files.write(self._state_file(day), gzip.compress(state, mtime=0))
        stale = set(self._days[day].files if day in self._days else ()) - set(names)
        for name in sorted(stale):
            self._files.delete(name)
        self._days[day] = _Day(made_of=made_of, files=tuple(names), missing=folded.missing)
        self._files.write(self._index(), _DAYS.dump_json(self._days))
        for old in sorted(self._days)[:-KEPT_DAYS]:
            self._files.delete(self._state_file(old))

    def _index(self) -> str:
        return f"state/site={self._name}/days.json"

    def _state_file(self, day: str) -> str:
        return f"state/site={self._name}/day={day}.json.gz"


def _digest(before: str, inputs: Sequence[Staged], studies: Mapping[str, Study]) -> str:
    zones = sorted((name, each.time_zone, each.shifted, sorted(each.sites)) for name, each in studies.items())
    parts = [SCHEMA_VERSION, before, inputs, zones]
    return sha256(json.dumps(parts).encode()).hexdigest()


def _hidden(studies: Mapping[str, Study]) -> set[str]:
    return {name for name, study in studies.items() if study.shifted}


def _entries(files: Files, staged: Sequence[Staged]) -> Iterator[Fact]:
    yield from (fact for fact in _facts(files, staged) if isinstance(fact, EntryFact))


def _facts(files: Files, staged: Sequence[Staged]) -> Iterator[Fact]:
    for each in staged:
        yield from facts_in(files, each)


def _told(table: str, rows: Rows, studies: Mapping[str, Study]) -> Iterator[dict[str, Any]]:
    hidden = _hidden(studies) if table in _OF_PEOPLE else set()
    yield from (row for row in rows[table] if row["study"] not in hidden) if hidden else rows[table]
