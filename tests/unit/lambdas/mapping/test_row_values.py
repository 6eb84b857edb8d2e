"""Which of a record's rows a scan's values come from, and which values count as empty."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.mapping.row_values import RowValues, groups_of, joined_row
from lambdas.redcap.row import RedcapRow
from lambdas.sources.scan_rows import Join


def row(event: str = "", instrument: str = "", instance: int | None = None, **values: str) -> RedcapRow:
    return RedcapRow("007", event, instrument, instance, values)


def join(**settings: Any) -> Join:
    return Join.model_validate({"fields": ["name"], **settings})


def chosen(scan: RedcapRow, settings: dict[str, Any], *rows: RedcapRow) -> RedcapRow | None:
    """Return the row a join means; the rows' order must not matter."""
    found = joined_row(join(**settings), scan, rows)
    assert joined_row(join(**settings), scan, rows[::-1]) == found
    return found


SCAN = row("v_arm_1", "mri", 2)


def test_of_a_visit_and_the_repeats_of_another_the_visit_comes_first_and_the_last_repeat_last() -> None:
    visit, first, second = row("a_arm_1"), row("b_arm_1", "", 1), row("b_arm_1", "", 2)
    assert chosen(SCAN, {"pick": "first"}, first, visit, second) == visit
    assert chosen(SCAN, {"pick": "last"}, first, visit, second) == second


def test_a_visit_comes_before_the_first_repeat_and_after_it_if_the_last_is_wanted() -> None:
    visit, repeat = row("a_arm_1"), row("b_arm_1", "", 1)
    assert chosen(SCAN, {"pick": "first"}, repeat, visit) == visit
    assert chosen(SCAN, {"pick": "last"}, visit, repeat) == repeat


@pytest.mark.parametrize(("pick", "instance"), [("first", 1), ("last", 3)])
def test_first_and_last_go_by_the_number_of_the_repeat(pick: str, instance: int) -> None:
    rows = [row("v_arm_1", "safety", number) for number in (2, 1, 3)]
    found = chosen(SCAN, {"instrument": "safety", "pick": pick}, *rows)
    assert found == row("v_arm_1", "safety", instance)


@pytest.mark.parametrize("pick", ["first", "last"])
def test_a_row_of_the_scans_own_arm_counts_before_every_other(pick: str) -> None:
    other, own = row("enrol_arm_2"), row("enrol_arm_1")
    settings = {"events": ["enrol_arm_2", "enrol_arm_1"], "pick": pick}
    assert chosen(SCAN, settings, other, own) == own


def test_an_arm_may_have_a_letter_that_redcap_adds() -> None:
    own = row("enrol_arm_1b")
    assert chosen(SCAN, {}, row("enrol_arm_2"), own) == own


def test_of_the_events_asked_for_the_one_named_first_counts() -> None:
    settings = {"events": ["b_arm_1", "a_arm_1"], "pick": "last"}
    assert chosen(SCAN, settings, row("a_arm_1"), row("b_arm_1")) == row("b_arm_1")


def test_other_events_and_instruments_are_not_looked_at() -> None:
    assert chosen(SCAN, {"events": ["b_arm_1"]}, row("a_arm_1"), row("b_arm_1", "safety", 1)) is None


@pytest.mark.parametrize(
    ("scan", "expected"),
    [
        (row("v_arm_1", "mri", 2), row("v_arm_1", "safety", 2)),
        (row("v_arm_1", "mri", None), row("v_arm_1", "safety", 1)),
        (row("v_arm_1", "mri", 3), None),
        (row("w_arm_1", "mri", 1), None),
    ],
)
def test_the_same_visit_means_the_same_repeat_too(scan: RedcapRow, expected: RedcapRow | None) -> None:
    rows = [row("v_arm_1", "safety", 2), row("v_arm_1", "safety", 1)]
    assert chosen(scan, {"instrument": "safety", "pick": "same"}, *rows) == expected


def test_the_same_visit_may_have_one_row_for_all_its_repeats() -> None:
    assert chosen(SCAN, {"pick": "same"}, row("v_arm_1"), row("w_arm_1")) == row("v_arm_1")


def test_the_record_itself_is_no_joined_row_of_another_one() -> None:
    assert joined_row(join(), SCAN, []) is None


# Values


def values(*rows: RedcapRow, joins: tuple[Join, ...] = (), missing: tuple[str, ...] = ()) -> RowValues:
    return RowValues(rows[0], rows, joins, missing)


def test_a_value_is_stripped_and_empty_if_it_is_absent_or_a_missing_data_code() -> None:
    found = values(row(a=" x ", b="-99", c=" -99 "), missing=("-99",))
    assert [found.of(name) for name in ("a", "b", "c", "d")] == ["x", "", "", ""]


def test_a_joined_field_comes_from_its_own_row_only() -> None:
    scan, base = row("v", "mri", 1, name="not this one"), row("v", name="Zoë")
    assert values(scan, base, joins=(join(),)).of("name") == "Zoë"
    assert values(scan, joins=(join(),)).of("name") == ""


def test_what_redcap_adds_to_a_row_is_usable_like_a_field() -> None:
    found = values(row("v", "mri", 3))
    names = ("redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance")
    assert [found.of(name) for name in names] == ["v", "mri", "3"]
    assert values(row()).of("redcap_repeat_instance") == "1"


@pytest.mark.parametrize(
    ("groups", "said"), [(["oslo", "", "oslo"], "oslo"), (["oslo", "bergen"], ""), ([], "")]
)
def test_a_group_is_known_only_if_the_rows_agree(groups: list[str], said: str) -> None:
    rows = [row(), *(row(redcap_data_access_group=group) for group in groups)]
    assert values(*rows).of("redcap_data_access_group") == said
    assert groups_of(rows) == set(groups) - {""}
