"""What an audit entry says of an item's change."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.store.audit.item_subject import subject_of
from lambdas.store.ownership import StoredItem, from_person, removed
from tests.rigs.builders import an_item


def stored(**changes: Any) -> StoredItem:
    return StoredItem(item=an_item(**changes), feed_seq=3, audited="20261122/x")


def test_a_change_tells_the_fields_before_and_after() -> None:
    subject = subject_of(stored(), from_person(stored(), {"allergies": "latex", "patient_id": "P2"}))
    assert subject.before == {"patient_id": "sub-001"}
    assert subject.after == {"allergies": "latex", "patient_id": "P2", "edited": ["allergies", "patient_id"]}
    assert (subject.was, subject.earlier) == (stored().version, "20261122/x")


def test_a_new_item_is_told_whole() -> None:
    subject = subject_of(None, stored())
    assert (subject.before, subject.was, subject.earlier) == ({}, "", "")
    assert subject.after["patient_id"] == "sub-001"
    assert "allergies" not in subject.after


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [
        (None, stored(), "created"),
        (stored(), from_person(stored(), {"allergies": "x"}), "changed"),
        (stored(), removed(stored()), "removed"),
        (removed(stored()), stored(), "restored"),
        (None, removed(stored()), "created"),
    ],
)
def test_what_happened_on_the_whole(before: StoredItem | None, after: StoredItem, action: str) -> None:
    assert subject_of(before, after).action == action
