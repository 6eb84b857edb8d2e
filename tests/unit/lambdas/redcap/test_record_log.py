"""Former names of a record, read from lines of REDCap's log."""

from __future__ import annotations

import pytest

from lambdas.redcap.record_log import former_names


@pytest.mark.parametrize(
    ("action", "details"),
    [
        ("Create record 17", "study_id = '17', mri_date = '2026-12-01'"),
        ("Created Record 17", "study_id = '17'"),
        ("Update record (API) 17", "mri_time = '09:30'"),
        ("Updated Record (Import) (Auto calculation) 17", ""),
        ("Update record A-1", "mri_time = '09:30', study_id = '17'"),
    ],
)
def test_an_older_line_says_the_older_name(action: str, details: str) -> None:
    assert former_names([{"action": action, "details": details}], "A-1", "study_id") == {"17"}


@pytest.mark.parametrize(
    ("action", "details"),
    [
        ("Update record A-1", "study_id = 'A-1'"),
        ("Update record A-1", "other_study_id = '17'"),
        ("Delete record 17", ""),
        ("Manage/Design", "Erase all data"),
        ("", ""),
    ],
)
def test_what_is_no_older_name_of_it_is_none(action: str, details: str) -> None:
    assert former_names([{"action": action, "details": details}], "A-1", "study_id") == set()


def test_of_several_renames_all_names_are_found() -> None:
    log = [
        {"action": "Update record C", "details": "study_id = 'C'"},
        {"action": "Update record B", "details": "study_id = 'B'"},
        {"action": "Create record A", "details": "study_id = 'A'"},
    ]
    assert former_names(log, "C", "study_id") == {"A", "B"}


def test_an_entry_that_lacks_its_texts_is_passed_over() -> None:
    assert former_names([{}], "A", "study_id") == set()
