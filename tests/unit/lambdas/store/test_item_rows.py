"""What a row holds is what was written, whether the same row was read before or not."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.store.item_rows import READ, item_row, stored_item
from lambdas.store.models import ItemRow
from lambdas.store.ownership import StoredItem
from tests.rigs.site_state import stored

NOW = 1_795_000_000.0
ONE = stored("1", edited=("allergies",), status_owner="person").model_copy(update={"feed_seq": 7})
"""An item that a person edited."""


def told(item: StoredItem, **others: Any) -> dict[str, Any]:
    """Return an item's row as DynamoDB would say it."""
    return {**item_row(ItemRow, item, NOW).serialize(), **others}


def read(data: dict[str, Any]) -> StoredItem:
    return stored_item(ItemRow.from_raw_data(data))


def test_what_was_written_is_read_and_the_same_again_is_the_same_object() -> None:
    assert read(told(ONE)) == ONE
    assert read(told(ONE)) is read(told(ONE))
    assert stored_item(item_row(ItemRow, ONE, NOW)) == ONE


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("feed_seq", {"N": "8"}, "feed_seq"),
        ("gone", {"BOOL": True}, "gone"),
        ("body", {"S": told(stored("2"))["body"]["S"]}, "item"),
        ("status_owner", {"S": "clock"}, "status_owner"),
        ("edited", {"S": "[]"}, "edited"),
        ("progress", {"S": '{"steps": ["1.2"]}'}, "progress"),
        ("audited", {"S": "entry"}, "audited"),
        ("timing", {"S": '{"cancelled_at": "2026-11-22T08:00:00Z"}'}, "timing"),
    ],
)
def test_whatever_changes_in_a_row_is_read_at_once(name: str, value: dict[str, Any], field: str) -> None:
    before = read(told(ONE))
    after = read(told(ONE, **{name: value}))
    assert getattr(after, field) != getattr(before, field)
    assert read(told(ONE)) == ONE


def test_a_row_that_somebody_changed_is_read_as_it_is_now() -> None:
    row = ItemRow.from_raw_data(told(ONE))
    row.feed_seq = 9
    assert stored_item(row).feed_seq == 9


def test_what_only_indexes_need_makes_no_other_item() -> None:
    assert read({name: value for name, value in told(ONE).items() if name in READ}) is read(told(ONE))


def test_no_more_items_are_remembered_than_a_few_pages_have() -> None:
    first = read(told(ONE))
    for number in range(1100):
        read(told(ONE, feed_seq={"N": str(100 + number)}))
    assert read(told(ONE)) is not first
    assert read(told(ONE)) == first
