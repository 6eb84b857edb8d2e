"""All record ids in parts: what has been read is not read again, and what came behind is not missed."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from lambdas.sources.state import ReadPart
from lambdas.sync.record_parts import Part, parts

GROUPS = st.dictionaries(st.text("ab01", min_size=1, max_size=3), st.sampled_from(["", "north"]), max_size=20)


def cut(groups: dict[str, str], read: list[ReadPart], size: int = 3) -> list[Part]:
    with patch("lambdas.sync.record_parts.PART", size):
        return list(parts(groups, read))


@given(GROUPS)
def test_every_record_is_in_one_part_in_order(groups: dict[str, str]) -> None:
    found = cut(groups, [])
    assert [record for part in found for record in part.ids] == sorted(groups)
    assert not any(part.done for part in found)


@given(GROUPS)
def test_what_was_read_and_is_as_it_was_is_done(groups: dict[str, str]) -> None:
    read = [part.mark for part in cut(groups, [])]
    assert all(part.done for part in cut(groups, read, size=5))


@given(GROUPS, GROUPS, st.integers(0, 7))
def test_every_record_that_came_or_changed_its_group_is_to_be_read(
    before: dict[str, str], after: dict[str, str], dealt_with: int
) -> None:
    read = [part.mark for part in cut(before, [])][:dealt_with]
    covered = {record for part in cut(before, [])[:dealt_with] for record in part.ids}
    found = cut(after, read)
    assert [record for part in found for record in part.ids] == sorted(after)
    done = {record for part in found if part.done for record in part.ids}
    assert done <= covered
    assert all(before[record] == after[record] for record in done)


@given(GROUPS, GROUPS)
def test_a_record_that_went_leaves_a_part_that_is_not_done(
    before: dict[str, str], after: dict[str, str]
) -> None:
    found = cut(after, [part.mark for part in cut(before, [])])
    if before.keys() - after.keys():
        assert not all(part.done for part in found if part.known)


@given(GROUPS)
def test_a_part_forgotten_is_read_again(groups: dict[str, str]) -> None:
    read = [part.forgotten() for part in cut(groups, [])]
    assert not any(part.done for part in cut(groups, read))
