"""References to images: listed while they are few, counted when they are many, and never lost count of."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.steps.image_references import MOST_LISTED, counted, image_count, reference_count, without_lists
from tests.rigs.builders import an_event


def images(count: int) -> dict[str, Any]:
    return {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": [f"2.25.{n}"]}} for n in range(count)]}


def series(*counts: int, tag: str = "00081140") -> dict[str, Any]:
    return {"00400340": {"vr": "SQ", "Value": [{tag: images(count)} for count in counts]}}


def of(dataset: dict[str, Any]) -> Any:
    return counted(an_event(None).model_copy(update={"dataset": dataset}))


@given(st.lists(st.integers(0, 5), max_size=5), st.sampled_from(["00081140", "00400220"]))
def test_counting_keeps_the_number_of_each_list(counts: list[int], tag: str) -> None:
    listed = series(*counts, tag=tag)
    short = without_lists(listed)
    assert image_count(short) == image_count(listed) == sum(counts)
    kept = [item[tag].get("Count", 0) for item in short["00400340"]["Value"]]
    assert kept == counts
    assert not any("Value" in item[tag] for item in short["00400340"]["Value"] if item[tag].get("Count"))


def test_few_references_stay_listed() -> None:
    few = series(MOST_LISTED - 1, 1)
    assert of(few).dataset == few


def test_one_more_and_all_lists_are_counted() -> None:
    many = of(series(MOST_LISTED, 1)).dataset
    assert [item["00081140"] for item in many["00400340"]["Value"]] == [
        {"vr": "SQ", "Count": MOST_LISTED},
        {"vr": "SQ", "Count": 1},
    ]


def test_what_is_no_list_of_references_stays() -> None:
    dataset = {**series(MOST_LISTED + 1), "00400270": images(3), "00100010": {"vr": "PN", "Value": ["a"]}}
    kept = of(dataset).dataset
    assert kept["00400270"] == images(3)
    assert kept["00100010"] == dataset["00100010"]


def test_counting_twice_is_counting_once() -> None:
    once = of(series(MOST_LISTED, 7))
    assert counted(once) == once


def test_images_are_those_of_the_performed_series_and_unknown_without_them() -> None:
    assert image_count({"00081140": images(3)}) is None
    assert image_count({"00081140": images(3), **series(2, 2)}) == 4
    assert reference_count({"00081140": images(3), **series(2, 2)}) == 7


def test_a_series_written_with_the_vr_of_something_else_counts_nothing() -> None:
    assert image_count({"00400340": {"vr": "UN", "InlineBinary": "AAAA"}}) == 0
    assert image_count({"00400340": {"vr": "SQ", "Value": ["no item"]}}) == 0
