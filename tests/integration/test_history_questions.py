"""The named questions on a small generated year: DuckDB and Spark give what plain Python gives."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambdas.history import desk
from lambdas.history.layout import ALWAYS, part_of
from lambdas.history.parquet import written
from lambdas.history.questions import questions
from lambdas.history.schema import CURRENT_EXAMS, CURRENT_STEPS, EXAMS, STEPS
from lambdas.history.table import Table
from tests.rigs.generated_year import Year, generate
from tests.rigs.history_oracle import Oracle

SMALL = Year(sites=2, exams=400, minutes=7200, late=0.02)
DAYS = date(2026, 1, 2), date(2026, 11, 27)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    generate(folder, SMALL)
    return folder


def plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: tuple(map(str, row)))


@pytest.mark.parametrize("name", questions())
def test_duckdb_answers_as_plain_python_does(year: Path, name: str) -> None:
    rows = desk.ask(str(year), questions()[name].of_days(*DAYS)).rows
    assert plain(rows) == Oracle(year, *DAYS).answer(name)
    assert rows


class Scan(NamedTuple):
    """A scan of one of two scanners; ``begins``: seconds after midnight of 30 January, UTC."""

    scanner: str
    begins: int
    seconds: int


HOUR, DAY = 3600, 86_400
SCANS = st.builds(
    Scan,
    st.sampled_from(["MR1", "MR2"]),
    st.one_of(st.integers(0, 4 * DAY), st.sampled_from([DAY - 1, DAY, 2 * DAY - HOUR, 2 * DAY])),
    st.one_of(st.integers(0, 13 * HOUR), st.sampled_from([0, 12 * HOUR, 12 * HOUR + 1])),
)


def asked(scans: list[Scan], ahead: timedelta, name: str) -> tuple[list[Any], list[Any]]:
    """Return what DuckDB and plain Python answer of scans at a site whose clock is ahead of UTC."""
    rows = [_step(number, each, ahead) for number, each in enumerate(scans)]
    with TemporaryDirectory() as made:
        for table, some in ((STEPS, rows), (CURRENT_STEPS, rows), (EXAMS, []), (CURRENT_EXAMS, [])):
            _save(Path(made), table, some)
        days = date(2026, 1, 30), date(2026, 2, 28)
        answer = desk.ask(made, questions()[name].of_days(*days)).rows
        return plain(answer), Oracle(Path(made), *days).answer(name)


def _step(number: int, scan: Scan, ahead: timedelta) -> dict[str, Any]:
    began = datetime(2026, 1, 30) + timedelta(seconds=scan.begins)
    ended = began + timedelta(seconds=scan.seconds)
    at = {"started_at": began, "ended_at": ended}
    local = {"started_local": began + ahead, "ended_local": ended + ahead}
    about = {"site": "north", "step": f"s{number}", "version": 1, "scanner": scan.scanner, "exams": 1}
    return {**at, **local, **about, "day": began.date(), "study": "study", "status": "COMPLETED"}


def _save(folder: Path, table: Table, rows: list[dict[str, Any]]) -> None:
    file = folder / part_of(table, ALWAYS, "north", "made")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(written(table, rows))


NIGHT = Scan("MR1", 2 * DAY - HOUR, 3 * HOUR)
LONG = Scan("MR1", DAY - HOUR, 12 * HOUR)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(SCANS, max_size=8), st.sampled_from([-9, 0, 5]))
@example([NIGHT, Scan("MR1", 2 * DAY + HOUR, 3 * HOUR), Scan("MR2", 2 * DAY, HOUR)], 0)
@example([LONG, Scan("MR1", DAY + 60, 60), Scan("MR1", DAY + 10 * HOUR, 4 * HOUR)], 0)
def test_time_of_a_scanner_counts_once_also_over_midnight_and_the_end_of_a_month(
    scans: list[Scan], hours_ahead: int
) -> None:
    answer, expected = asked(scans, timedelta(hours=hours_ahead), "scanner_hours")
    assert answer == expected
