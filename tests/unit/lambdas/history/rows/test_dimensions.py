from __future__ import annotations

from datetime import UTC, date
from typing import Any

from lambdas.history.rows.dimensions import ExamCount, calendar_rows, site_rows, study_rows
from lambdas.history.rows.newest import newest
from lambdas.history.rows.state import Study
from lambdas.history.schema import EXAMS


def exam(key: str, version: int = 1, **fields: Any) -> dict[str, Any]:
    known = {
        "site": "n",
        "scanner": "MR1",
        "study": "s",
        "protocol": "T1",
        "modality": "MR",
        "known_at": version,
    }
    return {**known, "exam": key, "version": version, **fields}


def test_an_exam_counts_where_its_newest_version_has_it() -> None:
    versions = [exam("a", 2, scanner="MR2"), exam("a", 1), exam("b"), exam("c", modality="CT", known_at=9)]
    found = ExamCount("site", "scanner")
    found.add(newest(versions, EXAMS))
    assert found.rows() == [
        {"site": "n", "scanner": "MR1", "modality": "CT", "exams": 2},
        {"site": "n", "scanner": "MR2", "modality": "MR", "exams": 1},
    ]


def test_an_exam_without_a_protocol_is_of_none() -> None:
    found = ExamCount("study", "protocol")
    found.add([exam("a", protocol=""), exam("b")])
    assert [(row["protocol"], row["exams"]) for row in found.rows()] == [("T1", 1)]


def test_a_site_tells_its_studies_and_relays() -> None:
    studies = {"s": Study(zone=UTC, time_zone="Europe/Oslo", sites=frozenset({"n"}))}
    rows = list(site_rows(["z"], studies, {"n": 2}))
    assert rows == [
        {"site": "n", "time_zone": "Europe/Oslo", "studies": 1, "relays": 2},
        {"site": "z", "time_zone": "", "studies": 0, "relays": 0},
    ]
    assert [row["study"] for row in study_rows(studies)] == ["s"]


def test_a_calendar_has_every_day_once_both_ends_included() -> None:
    rows = list(calendar_rows(date(2026, 12, 31), date(2027, 1, 4)))
    assert [row["day"].day for row in rows] == [31, 1, 2, 3, 4]
    assert [(row["iso_year"], row["iso_week"], row["weekday"], row["weekend"]) for row in rows[1:3]] == [
        (2026, 53, 5, False),
        (2026, 53, 6, True),
    ]
