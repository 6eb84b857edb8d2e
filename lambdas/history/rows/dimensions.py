"""The dimensions: sites, scanners, studies, protocols and the calendar. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from lambdas.history.rows.state import Study

Row = Mapping[str, Any]


class Latest:
    """Of each exam the newest version that came by."""

    def __init__(self) -> None:
        self._exams: dict[tuple[str, str], Row] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Take in rows of `exams`, in any order."""
        for row in rows:
            key = (row["site"], row["exam"])
            known = self._exams.get(key)
            if known is None or known["version"] < row["version"]:
                self._exams[key] = {name: row[name] for name in _NEEDED}

    def scanners(self) -> list[dict[str, Any]]:
        """Return the rows of `scanners`."""
        return self._counted("site", "scanner")

    def protocols(self) -> list[dict[str, Any]]:
        """Return the rows of `protocols`."""
        return self._counted("study", "protocol")

    def _counted(self, *names: str) -> list[dict[str, Any]]:
        found: dict[tuple[str, ...], list[Row]] = {}
        for row in self._exams.values():
            found.setdefault(tuple(row[name] for name in names), []).append(row)
        return [
            {
                **dict(zip(names, key, strict=True)),
                "modality": max(rows, key=lambda row: (row["known_at"], row["exam"]))["modality"],
                "exams": len(rows),
            }
            for key, rows in sorted(found.items())
            if all(key)
        ]


_NEEDED = ("site", "exam", "version", "known_at", "study", "scanner", "protocol", "modality")


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
