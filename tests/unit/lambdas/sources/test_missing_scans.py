"""A scan that is missing today or soon cannot wait; one of another time can."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.sources.missing_scans import by_day, in_words, missing_soon
from lambdas.sources.state import SourceState
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from tests.unit.lambdas.mapping.test_record_shapes import source

NOW = datetime(2026, 11, 22, 23, 30, tzinfo=UTC).timestamp()  # in Berlin it is the 23rd already


def rejected(day: str, record: str = "1") -> RejectedRow:
    return RejectedRow(record=record, field="mri_time", reason="no time", day=day)


def state(*days: str, **changes: Any) -> SourceState:
    rows = [rejected(day) for day in days]
    return SourceState(**{"rejected": rows, "rejected_count": len(rows), **changes})


@pytest.mark.parametrize(
    ("day", "hours", "soon"),
    [
        ("20261123", 48, 1),
        ("20261124", 48, 1),
        ("20261125", 48, 1),
        ("20261126", 48, 0),
        ("20261122", 48, 0),
        ("20261123", 0, 1),
        ("20261124", 0, 0),
        ("20261124", 24, 1),
        ("20270101", 8784, 1),
        ("", 0, 1),
    ],
)
def test_a_missing_scan_is_soon_by_the_scanners_calendar(day: str, hours: int, soon: int) -> None:
    assert missing_soon(source(attention_hours=hours), state(day), NOW) == soon


def test_a_held_scan_counts_as_a_rejected_one_does() -> None:
    held = HeldRow(record="2", field="cleared", reason="not cleared", day="20261123")
    assert missing_soon(source(), state("20261123", held=(held,), held_count=1), NOW) == 2


def test_of_scans_that_are_not_kept_nobody_knows_the_day() -> None:
    assert missing_soon(source(), state("20200101", rejected_count=300), NOW) == 299


def test_a_sentence_says_how_many_and_where_to_look() -> None:
    assert in_words(source(), 0) == ""
    assert in_words(source(), 1).startswith("1 scan is not on the list, of today or the next 48 hours")
    assert in_words(source(), 3).startswith("3 scans are not on the list")


def test_rows_come_by_day_those_of_no_day_first() -> None:
    assert [row.day for _, row in by_day(state("20261201", "", "20261123"))] == ["", "20261123", "20261201"]
