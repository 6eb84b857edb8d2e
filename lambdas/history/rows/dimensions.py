"""The dimensions: sites, scanners, studies, protocols and the calendar. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Self

from lambdas.history.rows.state import Study

Row = Mapping[str, Any]


class Counted(NamedTuple):
    """How many exams there are of something; of the latest of them: when, its key and its modality."""

    exams: int
    known_at: datetime
    exam: str
    modality: str | None

    def with_more(self, other: Counted) -> Counted:
        """Return both together."""
        latest = max(self, other, key=lambda each: (each.known_at, each.exam))
        return latest._replace(exams=self.exams + other.exams)


class ExamCount:
    """How many exams there are by some columns, and the modality of the latest of them.

    :param names: the columns.
    """

    def __init__(self, *names: str) -> None:
        self._names = names
        self._found: dict[tuple[str, ...], Counted] = {}

    def add(self, exams: Iterable[Row]) -> Self:
        """Take in rows of `current_exams`; one without a value in each of the columns counts nowhere."""
        for row in exams:
            key = tuple(row[name] for name in self._names)
            if all(key):
                self._take(key, Counted(1, row["known_at"], row["exam"], row["modality"]))
        return self

    def take(self, counts: Iterable[tuple[tuple[str, ...], Counted]]) -> None:
        """Take in what `counts` of another one gave."""
        for key, counted in counts:
            self._take(key, counted)

    def counts(self) -> list[tuple[tuple[str, ...], Counted]]:
        """Return all counts by the values of the columns, to be taken in elsewhere."""
        return sorted(self._found.items())

    def _take(self, key: tuple[str, ...], counted: Counted) -> None:
        self._found[key] = self._found[key].with_more(counted) if key in self._found else counted

    def rows(self) -> list[dict[str, Any]]:
        """Return a row of `scanners` or `protocols` for each."""
        return [
            {**dict(zip(self._names, key, strict=True)), "modality": counted.modality, "exams": counted.exams}
            for key, counted in sorted(self._found.items())
        ]


def site_rows(
    sites: Iterable[str], studies: Mapping[str, Study], relays: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of `sites`.

    :param relays: how many relays serve each.
    """
    for site in sorted({*sites, *(site for study in studies.values() for site in study.sites)}):
        of_site = [study for _, study in sorted(studies.items()) if site in study.sites]
        yield {
            "site": site,
            "time_zone": of_site[0].time_zone if of_site else "",
            "studies": len(of_site),
            "relays": relays.get(site, 0),
        }


def study_rows(studies: Mapping[str, Study]) -> Iterator[dict[str, Any]]:
    """Yield the rows of `studies`."""
    for name, study in sorted(studies.items()):
        yield {
            "study": name,
            "time_zone": study.time_zone,
            "enabled": study.enabled,
            "sites": len(study.sites),
            "shifted": study.shifted,
            "no_show_days": study.no_show_days,
        }


def calendar_rows(first: date, last: date) -> Iterator[dict[str, Any]]:
    """Yield the rows of `calendar`, both ends included."""
    for ahead in range((last - first).days + 1):
        day = first + timedelta(days=ahead)
        iso = day.isocalendar()
        yield {
            "day": day,
            "year": day.year,
            "month": day.month,
            "iso_year": iso.year,
            "iso_week": iso.week,
            "weekday": iso.weekday,
            "weekend": iso.weekday > 5,
        }
