"""What is remembered of rejected and held rows and of notes: what a record read anew gives replaces it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lambdas.sources.unshown_rows import NOTES_KEPT, ROWS_KEPT, HeldRow, Note, RejectedRow, UnshownRows

RECORDS = st.sets(st.integers(1, 30).map(str))


def rejected(*records: str) -> tuple[RejectedRow, ...]:
    return tuple(RejectedRow(record=record, field="mri_date", reason="is no date") for record in records)


def held(*records: str) -> tuple[HeldRow, ...]:
    return tuple(HeldRow(record=record, field="safe", reason="not screened") for record in records)


def notes(*records: str) -> tuple[Note, ...]:
    return tuple(Note(record=record, field="weight", reason="is no number") for record in records)


def after(before: UnshownRows, **given: object) -> UnshownRows:
    given = {"notes": (), **given}
    return before.model_copy(update=before.after_reading(**given))  # type: ignore[arg-type]


def test_new_rows_come_first() -> None:
    known = after(UnshownRows(), rejected=rejected("1"), held=held("2"), read={"1", "2"})
    found = after(known, rejected=rejected("3"), held=held("4"), read={"3", "4"})
    assert [row.record for row in found.rejected] == ["3", "1"]
    assert [row.record for row in found.held] == ["4", "2"]
    assert (found.rejected_count, found.held_count) == (2, 2)


def test_a_record_mended_is_forgotten() -> None:
    known = after(UnshownRows(), rejected=rejected("1", "2"), held=(), read={"1", "2"})
    found = after(known, rejected=(), held=(), read={"1"})
    assert ([row.record for row in found.rejected], found.rejected_count) == (["2"], 1)


def test_a_rejected_row_that_is_held_now_is_counted_once() -> None:
    known = after(UnshownRows(), rejected=rejected("1"), held=(), read={"1"})
    found = after(known, rejected=(), held=held("1"), read={"1"})
    assert (found.rejected_count, found.held_count) == (0, 1)


def test_the_first_notes_are_kept_and_all_are_counted() -> None:
    records = [f"{number:04}" for number in range(NOTES_KEPT + 50)]
    found = after(UnshownRows(), rejected=(), held=(), notes=notes(*records), read=set(records))
    assert [note.record for note in found.notes] == records[:NOTES_KEPT]
    assert found.notes_count == NOTES_KEPT + 50


def test_notes_of_a_record_read_anew_are_replaced_and_the_others_stay() -> None:
    known = after(UnshownRows(), rejected=(), held=(), notes=notes("1", "1", "2"), read={"1", "2"})
    found = after(known, rejected=(), held=(), notes=notes("1"), read={"1"})
    assert ([note.record for note in found.notes], found.notes_count) == (["1", "2"], 2)


def test_the_first_rows_are_kept_and_all_are_counted() -> None:
    records = [f"{number:04}" for number in range(ROWS_KEPT + 50)]
    found = after(UnshownRows(), rejected=rejected(*records), held=held(*records), read=set(records))
    assert [row.record for row in found.rejected] == records[:ROWS_KEPT]
    assert (len(found.held), found.rejected_count, found.held_count) == (ROWS_KEPT, 250, 250)


def test_those_no_longer_kept_stay_counted() -> None:
    records = [f"{number:04}" for number in range(ROWS_KEPT + 50)]
    known = after(UnshownRows(), rejected=rejected(*records), held=(), read=set(records))
    found = after(known, rejected=(), held=(), read={"0000"})
    assert (len(found.rejected), found.rejected_count) == (ROWS_KEPT - 1, 249)


@given(st.lists(st.tuples(RECORDS, RECORDS), max_size=8))
def test_what_is_remembered_is_what_the_last_look_at_each_record_gave(
    looks: list[tuple[set[str], set[str]]],
) -> None:
    found, wrong = UnshownRows(), set[str]()
    for read, bad in looks:
        found = after(found, rejected=rejected(*(read & bad)), held=(), read=read)
        wrong = (wrong - read) | (read & bad)
    assert {row.record for row in found.rejected} == wrong
    assert found.rejected_count == len(wrong)
