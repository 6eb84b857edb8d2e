"""The answers to the named questions, worked out row by row in plain Python: slow, and easy to check.

It reads the versions themselves, not the tables of the newest ones. docs/reports.md and questions.sql say
what is asked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any, Final

from lambdas.history.layout import all_of
from lambdas.history.parquet import read
from lambdas.history.schema import TABLES

Row = Mapping[str, Any]
Answer = list[tuple[Any, ...]]
_OPEN: Final = {"SCHEDULED", "ARRIVED", "READY"}
_SECOND, _MINUTE, _DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


class Oracle:
    """Knows the answers for some days of what is in a folder.

    :param first: the first day; ``last``: the last, included.
    """

    def __init__(self, folder: Path, first: date, last: date) -> None:
        self._folder, self._first, self._last = folder, first, last

    def answer(self, name: str) -> Answer:
        """Return the rows that a question must give, in its order."""
        return sorted(_ANSWERS[name](self), key=lambda row: tuple(map(str, row)))

    def _rows(self, table: str) -> Iterable[Row]:
        for file in sorted(self._folder.glob(all_of(TABLES[table]))):
            yield from read(TABLES[table], file.read_bytes())

    def _newest(self, table: str) -> list[Row]:
        found: dict[tuple[str, str], Row] = {}
        for row in self._rows(table):
            key = (row["site"], row[TABLES[table].key[1]])
            if key not in found or row["version"] > found[key]["version"]:
                found[key] = row
        return list(found.values())

    def _planned(self) -> list[Row]:
        return [row for row in self._newest("exams") if self._within(row["planned_local"])]

    def _scans(self) -> list[Row]:
        return [row for row in self._newest("steps") if self._within(row["started_local"])]

    def _within(self, moment: datetime | None) -> bool:
        return moment is not None and self._first <= moment.date() <= self._last

    def no_shows(self) -> Answer:
        found: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
        for row in self._planned():
            ahead = row["planned_at"] - row["first_seen_at"]
            booked = (
                "0: less than a day"
                if ahead < _DAY
                else "1: less than a week"
                if ahead < 7 * _DAY
                else "2: less than 4 weeks"
                if ahead < 28 * _DAY
                else "3: longer"
            )
            count = found[row["study"], row["planned_local"].isoweekday(), booked]
            count["bookings"] += 1
            count["due"] += not _cancelled(row)
            count["no_shows"] += row["status"] == "NO_SHOW" and not row["removed"]
            count["cancelled"] += _cancelled(row)
            count["late"] += _cancelled(row) and row["planned_at"] - row["status_since_at"] < _DAY
        names = ("bookings", "due", "no_shows", "cancelled", "late")
        return [(*key, *(count[name] for name in names)) for key, count in found.items()]

    def delays(self) -> Answer:
        groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self._planned():
            if row["started_local"] and row["started_local"].date() == row["planned_local"].date():
                groups[row["study"], row["protocol"]].append(row)
        return [(*key, *_delays(rows)) for key, rows in groups.items()]

    def scanner_hours(self) -> Answer:
        booked, used = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]]()
        for row in self._planned():
            key = (row["site"], row["scanner"], row["planned_local"].year, row["planned_local"].month)
            early = _cancelled(row) and row["planned_at"] - row["status_since_at"] >= _DAY
            booked[key] += 0 if early else row["planned_minutes"] or 0
        by_scanner: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self._scans():
            if row["ended_at"] and timedelta() <= row["ended_at"] - row["started_at"] <= timedelta(hours=12):
                by_scanner[row["site"], row["scanner"]].append(row)
        for scanner, rows in by_scanner.items():
            seconds: set[int] = set()
            for row in sorted(rows, key=lambda each: (each["started_at"], each["ended_at"])):
                start = (row["started_at"] - datetime(1970, 1, 1)) // _SECOND
                new = set(range(start, start + (row["ended_at"] - row["started_at"]) // _SECOND)) - seconds
                seconds |= new
                used[*scanner, row["started_local"].year, row["started_local"].month] += len(new)
        return [(*key, booked[key], used[key] // 60) for key in booked.keys() | used.keys()]

    def elsewhere(self) -> Answer:
        return _counted(
            (row["site"], row["scanner"], row["actual_scanner"])
            for row in self._planned()
            if row["steps"] and row["actual_scanner"] not in {"", row["scanner"]}
        )

    def without_booking(self) -> Answer:
        return _counted(
            (row["site"], row["scanner"], row["started_local"].year, row["started_local"].month)
            for row in self._scans()
            if not row["exams"]
        )

    def saved_to_visible(self) -> Answer:
        waits: dict[tuple[str, str], list[int]] = defaultdict(list)
        for row in self._planned():
            if row["saved_at"] and row["listed_at"]:
                waits[row["site"], row["study"]].append(
                    max(0, (row["listed_at"] - row["saved_at"]) // _SECOND)
                )
        return [
            (*key, len(each), _percentile(each, 50), _percentile(each, 95)) for key, each in waits.items()
        ]

    def missing(self) -> Answer:
        return _counted(
            (row["site"], row["study"], row["planned_local"].date())
            for row in self._planned()
            if row["status"] != "CANCELLED"
            and not row["removed"]
            and row["listed_at"]
            and row["listed_at"] > row["planned_at"]
            and min(filter(None, (row["row_seen_at"], row["saved_at"]))) <= row["planned_at"]
        )

    def discontinued(self) -> Answer:
        return _counted(
            (row["study"], row["protocol"], row["discontinuation_reason"])
            for row in self._planned()
            if row["status"] == "DISCONTINUED"
        )

    def silent_relays(self) -> Answer:
        minutes: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        for row in self._rows("relay_minutes"):
            minutes[row["site"], row["relay"]].append(row["minute_at"])
        answer = []
        for relay, each in minutes.items():
            each.sort()
            gaps = [
                (now - before) // _MINUTE
                for before, now in pairwise(each)
                if now - before > timedelta(minutes=5) and self._first <= now.date() <= self._last
            ]
            if gaps:
                answer.append((*relay, len(gaps), sum(gaps), max(gaps)))
        return answer

    def redcap_told(self) -> Answer:
        found: dict[str, list[int | None]] = defaultdict(list)
        for row in self._scans():
            if row["exams"] and row["status"] != "IN_PROGRESS":
                took = row["told_at"] and (row["told_at"] - row["reported_at"]) // _SECOND
                found[row["study"]].append(took)
        answer = []
        for study, each in found.items():
            known = [took for took in each if took is not None]
            answer.append(
                (study, len(each), len(known), sum(took <= 60 for took in known), max(known, default=None))
            )
        return answer

    def reschedules(self) -> Answer:
        groups: dict[str, list[int]] = defaultdict(list)
        for row in self._planned():
            groups[row["study"]].append(row["reschedules"])
        return [
            (study, len(each), sum(moves > 0 for moves in each), sum(each)) for study, each in groups.items()
        ]

    def edits(self) -> Answer:
        return _counted(
            (row["study"], row["field"], row["owner"])
            for row in self._rows("changes")
            if row["version"] > 1 and self._first <= row["day"] <= self._last
        )


def _cancelled(row: Row) -> bool:
    return row["status"] == "CANCELLED" or (row["removed"] and row["status"] in _OPEN)


def _delays(rows: list[Row]) -> tuple[Any, ...]:
    delays = [(row["started_at"] - row["planned_at"]) // _MINUTE for row in rows]
    over = [
        row["ended_at"] - row["planned_at"] - row["planned_minutes"] * _MINUTE
        for row in rows
        if row["ended_at"]
        and row["planned_minutes"]
        and timedelta() <= row["ended_at"] - row["started_at"] <= timedelta(hours=12)
    ]
    long = [each for each in over if each > timedelta(minutes=5)]
    percentiles = (_percentile(delays, 50), _percentile(delays, 95))
    return (len(rows), *percentiles, len(over), len(long), sum(long, timedelta()) // _MINUTE)


def _percentile(values: list[int], share: int) -> int:
    return sorted(values)[ceil(len(values) * share / 100) - 1]


def _counted(keys: Iterable[tuple[Any, ...]]) -> Answer:
    return [(*key, count) for key, count in Counter(keys).items()]


_ANSWERS: Final[Mapping[str, Callable[[Oracle], Answer]]] = {
    "no_shows": Oracle.no_shows,
    "delays": Oracle.delays,
    "scanner_hours": Oracle.scanner_hours,
    "elsewhere": Oracle.elsewhere,
    "without_booking": Oracle.without_booking,
    "saved_to_visible": Oracle.saved_to_visible,
    "missing": Oracle.missing,
    "discontinued": Oracle.discontinued,
    "silent_relays": Oracle.silent_relays,
    "redcap_told": Oracle.redcap_told,
    "reschedules": Oracle.reschedules,
    "edits": Oracle.edits,
}
