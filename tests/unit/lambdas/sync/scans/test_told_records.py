"""Which records are told of the worklist."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lambdas.mapping.record import Mapped
from lambdas.sources.state import SourceState
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from lambdas.sync.scans.told_records import ANY_DAY, feedback_due, last_days
from tests.rigs.builders import an_item
from tests.rigs.redcap import classic_definition

NOON = datetime(2026, 11, 27, 19, 0, tzinfo=UTC).timestamp()
TOLD = classic_definition(feedback={"field": "mri_message"})


def test_a_record_has_the_day_of_its_last_scan() -> None:
    rows = Mapped(
        items=(an_item(scheduled_start_date="20261101"),),
        rejected=(RejectedRow(record="R", field="f", reason="r", day="20261103"),),
        held=(HeldRow(record="R", field="f", reason="r", day="20261102"),),
    )
    assert last_days("R", rows, thorough=True) == {"R": "20261103"}


def test_a_day_that_cannot_be_read_is_told_in_any_case() -> None:
    rows = Mapped(items=(), rejected=(RejectedRow(record="R", field="f", reason="r"),))
    assert last_days("R", rows, thorough=True) == {"R": ANY_DAY}


@pytest.mark.parametrize(("thorough", "told"), [(True, {}), (False, {"R": ANY_DAY})])
def test_a_record_without_a_scan_is_told_if_it_has_just_changed(thorough: bool, told: dict[str, str]) -> None:
    assert last_days("R", Mapped((), ()), thorough=thorough) == told


def test_what_is_long_over_is_not_told_and_what_was_due_stays_due() -> None:
    days = {"A": "20261125", "B": "20261126", "C": "20270101", "D": ANY_DAY}
    state = SourceState(feedback_due=("X",))
    assert feedback_due(TOLD, state, days, NOON) == {"feedback_due": ("B", "C", "D", "X")}


def test_no_more_are_remembered_than_a_row_of_the_table_can_hold() -> None:
    days = {f"{number:05}": ANY_DAY for number in range(1500)}
    due = feedback_due(TOLD, SourceState(), days, NOON)["feedback_due"]
    assert isinstance(due, tuple)
    assert len(due) == 1000


def test_a_source_without_feedback_tells_nobody() -> None:
    state = SourceState(feedback_due=("X",))
    assert feedback_due(classic_definition(), state, {"A": ANY_DAY}, NOON) == {"feedback_due": ()}
