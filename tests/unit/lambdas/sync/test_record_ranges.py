"""All record ids in ranges: what has been read is not read again, and what came behind is not missed."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import assume, given
from hypothesis import strategies as st

from lambdas.redcap.project import BATCH
from lambdas.sources.state import ReadRange
from lambdas.sync.record_ranges import RANGE_SIZE, RecordRange, ranges

GROUPS = st.dictionaries(st.text("ab01", min_size=1, max_size=3), st.sampled_from(["", "north"]), max_size=20)


def cut(groups: dict[str, str], read: list[ReadRange], size: int = 3) -> list[RecordRange]:
    with patch("lambdas.sync.record_ranges.RANGE_SIZE", size):
        return list(ranges(groups, read))


def test_a_range_is_asked_for_in_whole_batches() -> None:
    assert RANGE_SIZE % BATCH == 0


@given(GROUPS)
def test_every_record_is_in_one_range_in_order(groups: dict[str, str]) -> None:
    found = cut(groups, [])
    assert [record for each in found for record in each.ids] == sorted(groups)
    assert not any(each.done for each in found)


@given(GROUPS)
def test_what_was_read_and_is_as_it_was_is_done(groups: dict[str, str]) -> None:
    read = [each.mark for each in cut(groups, [])]
    assert all(each.done for each in cut(groups, read, size=5))


@given(GROUPS, GROUPS, st.integers(0, 7))
def test_every_record_that_came_or_changed_its_group_is_to_be_read(
    before: dict[str, str], after: dict[str, str], dealt_with: int
) -> None:
    read = [each.mark for each in cut(before, [])][:dealt_with]
    covered = {record for each in cut(before, [])[:dealt_with] for record in each.ids}
    found = cut(after, read)
    assert [record for each in found for record in each.ids] == sorted(after)
    done = {record for each in found if each.done for record in each.ids}
    assert done <= covered
    assert all(before[record] == after[record] for record in done)


@given(GROUPS, st.data())
def test_a_record_that_moved_to_another_group_is_to_be_read(
    before: dict[str, str], data: st.DataObject
) -> None:
    assume(before)
    moved = data.draw(st.sampled_from(sorted(before)))
    after = before | {moved: "" if before[moved] else "north"}
    found = cut(after, [each.mark for each in cut(before, [])])
    assert [each.done for each in found] == [moved not in each.ids for each in found]


@given(GROUPS, GROUPS)
def test_a_record_that_went_leaves_a_range_that_is_not_done(
    before: dict[str, str], after: dict[str, str]
) -> None:
    found = cut(after, [each.mark for each in cut(before, [])])
    if before.keys() - after.keys():
        assert not all(each.done for each in found if each.known)


@given(GROUPS)
def test_a_range_forgotten_is_read_again(groups: dict[str, str]) -> None:
    read = [each.forgotten() for each in cut(groups, [])]
    assert not any(each.done for each in cut(groups, read))
