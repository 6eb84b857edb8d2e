"""Items to withdraw, so many records at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.sync.scans import portions
from lambdas.sync.scans.portions import Items, left_of, portions_of

ITEMS = st.dictionaries(
    st.sampled_from(["north", "south"]),
    st.dictionaries(st.text("ab", min_size=1, max_size=4), st.sampled_from("RSTUVWXYZ"), max_size=9),
)


@given(items=ITEMS, size=st.integers(1, 4))
def test_every_item_is_in_one_portion_and_a_records_items_are_together(items: Items, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portions, "ASKED_AGAIN", size)
        found = list(portions_of(items))
    flat = [(site, *pair) for some in found for site, own in some.items() for pair in own.items()]
    assert sorted(flat) == sorted((site, *pair) for site, own in items.items() for pair in own.items())
    records = [{record for own in some.values() for record in own.values()} for some in found]
    assert all(1 <= len(each) <= size for each in records)
    assert sum(map(len, records)) == len(set().union(*records)) if records else not flat


def test_what_does_not_hold_any_more_is_taken_out() -> None:
    items = {"north": {"a": "R", "b": "S"}, "south": {"c": "R"}}
    assert left_of(items, lambda site, _item, record: (site, record) != ("north", "R")) == {
        "north": {"b": "S"},
        "south": {"c": "R"},
    }
