"""What is known of when a plan was saved, by how it was found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lambdas.sources.state import SourceState
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from lambdas.store.plans.timing import Saved
from lambdas.sync.scans.saves import Saves
from tests.rigs.builders import an_item

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=7)
ITEM = an_item("7")


def saves(announced_at: float | None = None, everything: bool = False, **state: Any) -> Saves:
    return Saves.of_run(
        SourceState.model_validate(state), NOW.timestamp(), announced_at=announced_at, everything=everything
    )


def saved(found: Saves) -> Saved:
    return found.of([ITEM])[ITEM.id]


def test_what_redcap_announced_was_saved_just_then() -> None:
    assert saved(saves(EARLIER.timestamp(), watermark=NOW)) == Saved(EARLIER, exactly=True)


def test_no_save_is_in_the_future_whatever_another_clock_says() -> None:
    assert saved(saves(NOW.timestamp() + 5)).at == NOW
    assert saved(saves(watermark=NOW + timedelta(seconds=5))).at == NOW


def test_a_change_was_saved_after_the_look_before() -> None:
    assert saved(saves(watermark=EARLIER)) == Saved(EARLIER)


def test_what_only_a_full_read_found_was_saved_after_the_full_read_before() -> None:
    assert saved(saves(everything=True, watermark=NOW, reconciled_at=EARLIER.timestamp())) == Saved(EARLIER)


def test_of_a_first_import_nothing_is_known() -> None:
    assert saved(saves(everything=True)) == saved(saves()) == Saved()


def test_a_row_that_could_not_be_shown_is_known_since_then() -> None:
    row = HeldRow(record="7", field="consent", reason="must be yes", since=EARLIER)
    assert saved(saves(held=(row,))) == Saved(seen_at=EARLIER)


def test_a_row_is_noted_when_it_is_first_seen_and_keeps_that_moment() -> None:
    new = RejectedRow(record="7", field="time", reason="is empty")
    (noted,) = saves().noted([new])
    assert noted == new.model_copy(update={"since": NOW})
    later = saves(rejected=(new.model_copy(update={"since": EARLIER}),))
    assert [row.since for row in later.noted([new])] == [EARLIER]


def test_a_rejected_row_that_is_held_now_is_known_since_it_was_rejected() -> None:
    before = RejectedRow(record="7", field="time", reason="is empty", since=EARLIER)
    held = HeldRow(record="7", field="consent", reason="must be yes")
    assert [row.since for row in saves(rejected=(before,)).noted([held])] == [EARLIER]


def test_a_dry_run_notes_nothing() -> None:
    new = RejectedRow(record="7", field="time", reason="is empty")
    assert Saves().noted([new]) == (new,)
