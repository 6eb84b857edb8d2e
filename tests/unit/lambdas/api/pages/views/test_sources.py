"""A source in words, its rows with their place in REDCap, and a draft as people paste it."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from lambdas.api.pages.views.sources import CHANGES, WORDS, draft_of, exam_counts, source_view, text_of
from lambdas.sources.state import Withheld
from lambdas.sources.unshown_rows import HeldRow, Note
from lambdas.sync.preview import Change
from lambdas.sync.status import SourceStatus
from shared.errors import Rejected
from tests.rigs.site_state import DEFINITION, NOW, a_source

HELD = HeldRow(
    record="2", instrument="mri", instance=3, field="consent", reason="must be yes", day="20270301"
)


def test_every_state_of_a_source_has_words() -> None:
    assert WORDS.keys() == set(SourceStatus)


def test_a_source_that_is_well() -> None:
    view = source_view(a_source(), NOW.timestamp())
    assert (view.words, view.needs_attention, view.read, view.sites) == (
        "well",
        False,
        "12 s ago",
        ("north",),
    )


def test_a_row_knows_its_place_and_its_address_does_not_tell() -> None:
    view = source_view(a_source(held=(HELD,), held_count=1), NOW.timestamp())
    [row] = view.held
    assert (row.where, row.day) == ("mri #3", "1 March 2027")
    assert view.row(row.row) == row
    assert row.place == ("2", "", "mri", 3)
    assert view.row("another") is None
    assert "2" not in row.row.split()


def test_a_note_has_no_day() -> None:
    note = Note(record="1", field="weight", reason="left out")
    [row] = source_view(a_source(notes=(note,)), NOW.timestamp()).notes
    assert row.day == ""


def test_what_waits_for_a_person_is_counted() -> None:
    view = source_view(a_source(withheld=Withheld(count=30, total=100)), NOW.timestamp())
    assert (view.waiting, view.needs_attention) == ("30 of 100 items", True)


def test_a_definition_that_is_shown_can_be_pasted_back() -> None:
    definition = a_source().definition
    assert definition is not None
    source_id, content = draft_of(text_of(definition))
    assert source_id == "study"
    assert "id" not in content
    assert draft_of(json.dumps({"id": source_id, **content})) == (source_id, content)


def test_what_was_not_written_is_not_in_a_draft() -> None:
    _, content = draft_of(json.dumps(DEFINITION))
    assert content.keys() == DEFINITION.keys() - {"id"}


@pytest.mark.parametrize("text", ["", "nonsense", "{", 'id = "study"'])
def test_what_is_no_definition_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        draft_of(text)


def test_what_would_become_of_exams_is_said_in_words() -> None:
    assert set(CHANGES) == set(get_args(Change))
    said = ("3 come on the list", "1 stay, because a scanner has reported on them")
    assert exam_counts([("new", 3), ("stays", 1)]) == said
