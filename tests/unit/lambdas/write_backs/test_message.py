"""What a scan's row says of the worklist."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.mapping.record import Scan
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from lambdas.store.ownership import StoredItem
from lambdas.write_backs.message import message_of
from tests.rigs.builders import an_item

SINCE = "2026-11-27 09:12"
SCAN = Scan(an_item())
REJECTED = RejectedRow(record="1", field="mri_time", reason="scheduled_start_time: write the minutes too")
HELD = HeldRow(record="1", field="consent", reason="consent is not signed")


def stored(**changes: Any) -> StoredItem:
    return StoredItem(item=an_item(), feed_seq=1).model_copy(update=changes)


@pytest.mark.parametrize(
    ("outcome", "item", "said"),
    [
        (SCAN, stored(), "On the worklist since 2026-11-27 09:12"),
        (REJECTED, None, "Not on the worklist: mri_time: write the minutes too"),
        (REJECTED, stored(gone=True), "Not on the worklist: mri_time: write the minutes too"),
        (HELD, None, "Not on the worklist: consent: consent is not signed"),
        (REJECTED, stored(), "On the worklist with earlier values: mri_time: write the minutes too"),
        (SCAN, stored(gone=True, status_owner="person"), "Not on the worklist: a person removed it"),
        (SCAN, None, ""),
        (None, None, ""),
        (None, stored(gone=True), ""),
    ],
)
def test_a_row_says_where_its_scan_is(outcome: Any, item: StoredItem | None, said: str) -> None:
    assert message_of(outcome, item, None, "", SINCE) == said


def test_a_scan_held_for_anothers_patient_id_says_so_though_its_row_alone_is_right() -> None:
    other = HeldRow(record="1", field="mrn", reason="patient_id: two records have one Patient ID")
    said = message_of(SCAN, None, other, "", SINCE)
    assert said == "Not on the worklist: mrn: two records have one Patient ID"


@pytest.mark.parametrize("before", ["On the worklist since 2026-11-20 08:00", "On the worklist since today"])
def test_what_says_since_when_goes_on_saying_it(before: str) -> None:
    assert message_of(SCAN, stored(), None, before, SINCE) == before


@pytest.mark.parametrize(
    "before", ["Not on the worklist: x", "On the worklist with earlier values: x", "by hand"]
)
def test_what_said_something_else_is_put_right(before: str) -> None:
    assert message_of(SCAN, stored(), None, before, SINCE) == f"On the worklist since {SINCE}"


@pytest.mark.parametrize("outcome", [SCAN, REJECTED, None])
def test_of_a_scan_that_has_begun_nothing_more_is_said(outcome: Any) -> None:
    assert message_of(outcome, stored(status_owner="mpps"), None, "as it was", SINCE) == "as it was"


@pytest.mark.parametrize("outcome", [None, SCAN])
def test_what_is_still_to_be_brought_or_taken_off_is_left_to_the_sync(outcome: Any) -> None:
    item = None if outcome else stored()
    assert message_of(outcome, item, None, "as it was", SINCE) == "as it was"
