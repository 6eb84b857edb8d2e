"""Following the entries about a thing back, and what a version of it showed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.store.audit.entry import Actor, Entry, Subject
from lambdas.store.audit.item_history import history, since

ANA = Actor(kind="person", name="ana")
AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def entry(number: int, *subjects: Subject) -> Entry:
    at = AT + timedelta(minutes=number)
    return Entry(at=at, chain="c", number=number, previous="", actor=ANA, subjects=subjects)


def change(was: str, earlier: str, **fields: tuple[str, str]) -> Subject:
    before = {name: old for name, (old, _) in fields.items() if old}
    after = {name: new for name, (_, new) in fields.items() if new}
    return Subject(
        kind="item", id="i", action="changed", before=before, after=after, was=was, earlier=earlier
    )


STEP = Subject(kind="step", id="s", action="reported")
TOLD = Subject(kind="step", id="s", action="told", earlier="k3")
ENTRIES: dict[str, Any] = {
    "k1": entry(1, change("", "", patient_name=("", "A"))),
    "k2": entry(2, change("v1", "k1", patient_name=("A", "B"), allergies=("", "latex"))),
    "k3": entry(3, change("v2", "k2", patient_name=("B", "C")), STEP),
    "k4": entry(4, TOLD),
}


def test_entries_come_oldest_first_and_one_about_two_things_once() -> None:
    told = history(ENTRIES.get, {("item", "i"): "k3", ("step", "s"): "k4"})
    assert [each.key for each in told] == ["k1", "k2", "k3", "k4"]
    assert [subject.kind for subject in told[2].subjects] == ["item", "step"]


def shown(version: str) -> object:
    found = since(ENTRIES.get, "i", "k3", version)
    return found and found.shown


def test_what_a_version_showed_is_what_stood_before_the_changes_since() -> None:
    assert shown("v2") == {"patient_name": "B"}
    assert shown("v1") == {"patient_name": "A", "allergies": ""}


def test_who_changed_a_field_last_is_told() -> None:
    found = since(ENTRIES.get, "i", "k3", "v1")
    assert found is not None
    assert found.told == {
        "patient_name": "changed by person ana, 2026-11-22 09:33:00 UTC",
        "allergies": "changed by person ana, 2026-11-22 09:32:00 UTC",
    }


def test_a_version_nobody_knows_showed_nothing_that_is_known() -> None:
    assert shown("v9") is None
    assert since(ENTRIES.get, "i", "", "v1") is None


def test_an_entry_that_is_gone_ends_the_history() -> None:
    left = {key: found for key, found in ENTRIES.items() if key != "k2"}
    assert [each.key for each in history(left.get, {("item", "i"): "k3"})] == ["k3"]
