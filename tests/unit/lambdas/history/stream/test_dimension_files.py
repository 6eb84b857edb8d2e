from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from lambdas.history.rows.state import Study
from lambdas.history.schema import CALENDAR, CURRENT_EXAMS, CURRENT_STEPS, PROTOCOLS, SCANNERS, SITES, STUDIES
from lambdas.history.stream.current import CurrentFiles
from lambdas.history.stream.dimension_files import write_dimensions
from tests.rigs.history import MemoryFiles

STUDY = {"study": Study(UTC, "UTC", sites=frozenset({"north", "south"}))}


class Counting(MemoryFiles):
    """Files that count how often one is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, name: str, content: bytes) -> None:
        self.writes += 1
        super().write(name, content)


def two_sites() -> Counting:
    files = Counting()
    for day, site in enumerate(("north", "south"), 1):
        row: dict[str, Any] = {"site": site, "exam": site, "version": 1, "study": "study", "scanner": "MR1"}
        row |= {"known_at": datetime(2026, 11, day), "day": date(2026, 11, day), "protocol": "T1"}
        rows = {CURRENT_EXAMS: [row | {"modality": f"M{day}"}], CURRENT_STEPS: []}
        CurrentFiles(files, site, ()).write(rows, made_of="m", relays=day)
    return files


def test_a_scanner_is_counted_at_its_site_and_a_protocol_at_all() -> None:
    files = two_sites()
    write_dimensions(files, STUDY)
    assert [(row["site"], row["exams"]) for row in files.rows(SCANNERS)] == [("north", 1), ("south", 1)]
    assert [(row["exams"], row["modality"]) for row in files.rows(PROTOCOLS)] == [(2, "M2")]


def test_a_site_tells_how_many_relays_were_heard_there() -> None:
    files = two_sites()
    write_dimensions(files, STUDY)
    assert [(row["site"], row["relays"], row["studies"]) for row in files.rows(SITES)] == [
        ("north", 1, 1),
        ("south", 2, 1),
    ]


def test_studies_and_the_days_of_the_century_are_there() -> None:
    files = two_sites()
    write_dimensions(files, STUDY)
    assert [row["study"] for row in files.rows(STUDIES)] == ["study"]
    days = files.rows(CALENDAR)
    assert (days[0]["day"], days[-1]["day"]) == (date(2000, 1, 1), date(2099, 12, 31))


def test_what_has_not_changed_is_not_written_again() -> None:
    files = two_sites()
    write_dimensions(files, STUDY)
    before = files.writes
    write_dimensions(files, STUDY)
    assert files.writes == before
