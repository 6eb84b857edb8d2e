"""The dimensions: sites, scanners, studies, protocols and the calendar. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from lambdas.history.rows.state import Study

Row = Mapping[str, Any]


class ExamCount:
    """How many exams there are by some columns, and the modality of the latest of them.

    :param names: the columns.
    """

    def __init__(self, *names: str) -> None:
        self._names = names
        self._found: dict[tuple[str, ...], tuple[int, Row]] = {}

    def add(self, exams: Iterable[Row]) -> None:
        """Take in rows of `current_exams`; one without a value in each of the columns counts nowhere."""
        for row in exams:
            key = tuple(row[name] for name in self._names)
            if all(key):
                count, latest = self._found.get(key, (0, row))
                self._found[key] = (
                    count + 1,
                    max(latest, row, key=lambda each: (each["known_at"], each["exam"])),
                )

    def rows(self) -> list[dict[str, Any]]:
        """Return a row of `scanners` or `protocols` for each."""
        return [
            {**dict(zip(self._names, key, strict=True)), "modality": latest["modality"], "exams": count}
            for key, (count, latest) in sorted(self._found.items())
        ]


def _when(exam: Row) -> tuple[Any, str]:
    return exam["known_at"], exam["exam"]


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
