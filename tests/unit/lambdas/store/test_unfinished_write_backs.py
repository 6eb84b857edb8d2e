"""A parked write-back says whose it is, so that only they are shown it."""

from __future__ import annotations

from datetime import UTC, datetime

from lambdas.store.unfinished_write_backs import ParkedWriteBack
from tests.rigs.builders import an_item


def test_a_parked_write_back_names_each_source_once_and_no_made_item() -> None:
    items = (
        an_item("1", source="b"),
        an_item("2", source="a"),
        an_item("3", source="b"),
        an_item("4", source=""),
    )
    parked = ParkedWriteBack("2.25.1", "north", items, "no such row", 3, datetime(2026, 11, 22, tzinfo=UTC))
    assert parked.sources() == ("a", "b")
