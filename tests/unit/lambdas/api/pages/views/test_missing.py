"""What is not on the scanner's list has a reason, and its form is found without the record's id."""

from __future__ import annotations

from lambdas.api.pages.views.missing import missing_of
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from shared.identifiers import RowKey
from tests.rigs.site_state import NOW, a_source

LATER = RejectedRow(record="1", instrument="mri", field="mri_time", reason="must be a time", day="20270301")
TODAY = HeldRow(record="2", field="consent", reason="must be yes", day="20261122", site="north")
ELSEWHERE = HeldRow(record="3", field="consent", reason="must be yes", day="20261122", site="south")
UNREADABLE = RejectedRow(record="4", event="v1", instrument="mri", instance=2, field="d", reason="is no day")

SOURCE = a_source(rejected=(LATER, UNREADABLE), held=(TODAY, ELSEWHERE))


def test_the_soonest_comes_first_and_other_sites_are_left_out() -> None:
    found = missing_of([SOURCE], "north", NOW.timestamp())
    assert [(each.record, each.soon) for each in found] == [("4", True), ("2", True), ("1", False)]


def test_each_says_what_and_why() -> None:
    unreadable, held, later = missing_of([SOURCE], "north", NOW.timestamp())
    assert unreadable.what == "Record 4, v1, mri #2, on a day that cannot be read"
    assert (held.what, held.verb) == ("Record 2, on 22 November 2026", "held back")
    assert (later.verb, later.field, later.reason) == ("not usable", "mri_time", "must be a time")


def test_its_form_goes_by_the_items_id() -> None:
    found = missing_of([SOURCE], "north", NOW.timestamp())[0]
    assert found.row == RowKey("study", "4", "v1", "mri", 2).item_id()
