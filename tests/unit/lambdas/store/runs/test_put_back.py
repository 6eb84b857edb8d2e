from __future__ import annotations

from typing import Any

import pytest

from lambdas.store.ownership import StoredItem
from lambdas.store.runs.put_back import put_back
from tests.rigs.builders import an_item


def stored(name: str = "001", **fields: Any) -> StoredItem:
    return StoredItem(item=an_item(name), feed_seq=1, **fields)


def told(before: StoredItem | None, after: StoredItem) -> dict[str, frozenset[str]]:
    key = after.item.id
    return dict(put_back({} if before is None else {key: before}, {key: after}))


@pytest.mark.parametrize("owner", ["mpps", "images"])
@pytest.mark.parametrize("later", ["source", "person", "clock"])
def test_an_exam_that_was_scanned_and_is_so_no_more_is_put_back(owner: str, later: str) -> None:
    assert told(stored(status_owner=owner), stored(status_owner=later)) == {"study": frozenset({"001"})}


def test_an_exam_that_was_removed_and_is_there_again_is_put_back() -> None:
    removed = stored(status_owner="person", gone=True)
    assert told(removed, stored()) == {"study": frozenset({"001"})}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, stored()),
        (stored(), stored(edited=("patient_name",))),
        (stored(), stored(status_owner="mpps")),
        (stored(status_owner="mpps"), stored(status_owner="images")),
        (stored(status_owner="mpps"), stored(status_owner="source", gone=True)),
        (stored(gone=True), stored(status_owner="mpps")),
    ],
)
def test_any_other_change_puts_nothing_back(before: StoredItem | None, after: StoredItem) -> None:
    assert told(before, after) == {}


def test_an_exam_made_by_hand_has_no_row_to_be_held_against() -> None:
    by_hand = {"item": an_item().model_copy(update={"source": "", "source_record": ""})}
    before = stored(status_owner="mpps").model_copy(update=by_hand)
    assert told(before, stored().model_copy(update=by_hand)) == {}


def test_records_are_told_by_source() -> None:
    names = ("001", "002")
    before = {each.item.id: each for each in (stored(name, status_owner="mpps") for name in names)}
    after = {each.item.id: each for each in map(stored, names)}
    assert put_back(before, after) == {"study": frozenset(names)}
