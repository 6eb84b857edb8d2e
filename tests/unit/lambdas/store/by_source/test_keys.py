"""What finds an item by its record, and which touched items their start does not find."""

from __future__ import annotations

import pytest

from lambdas.store.by_source.keys import is_apart, is_touched, record_key
from lambdas.store.ownership import StoredItem
from tests.rigs.builders import an_item


def stored(**changes: object) -> StoredItem:
    return StoredItem.model_validate({"item": an_item("001"), "feed_seq": 1, **changes})


def test_two_records_of_two_sources_have_two_keys() -> None:
    assert record_key("a", "b#c") != record_key("a-b", "c")


@pytest.mark.parametrize(
    ("changes", "apart"),
    [
        ({}, False),
        ({"edited": ("patient_name",)}, False),
        ({"edited": ("scheduled_start_date",)}, True),
        ({"edited": ("patient_name", "scheduled_start_time")}, True),
        ({"status_owner": "person"}, False),
        ({"status_owner": "person", "gone": True}, True),
        ({"status_owner": "source", "gone": True}, False),
        ({"status_owner": "mpps"}, False),
        ({"item": an_item("001", source="", source_record=""), "edited": ("scheduled_start_date",)}, False),
    ],
)
def test_an_item_is_apart_if_a_person_has_set_when_it_begins_or_removed_it(
    changes: dict[str, object], apart: bool
) -> None:
    assert is_apart(stored(**changes)) is apart
    assert is_apart(None) is False


@pytest.mark.parametrize(
    ("changes", "touched"),
    [
        ({}, False),
        ({"edited": ("patient_name",)}, True),
        ({"status_owner": "mpps"}, True),
        ({"status_owner": "clock"}, True),
        ({"status_owner": "mpps", "gone": True}, False),
        ({"status_owner": "person", "gone": True}, True),
    ],
)
def test_an_item_is_touched_once_a_scanner_or_a_person_has_said_something_of_it(
    changes: dict[str, object], touched: bool
) -> None:
    assert is_touched(stored(**changes)) is touched
