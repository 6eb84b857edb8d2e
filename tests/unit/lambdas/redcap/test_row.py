"""A row as REDCap sends it, and as it is sent back."""

from __future__ import annotations

import pytest

from lambdas.redcap.row import RedcapRow
from shared.errors import Unavailable
from shared.identifiers import RowKey

FLAT = {
    "study_id": "007",
    "redcap_event_name": "v_arm_1",
    "redcap_repeat_instrument": "mri",
    "redcap_repeat_instance": 2,
    "redcap_data_access_group": "oslo",
    "mri_date": "2026-11-23",
    "weight": None,
}


def test_a_flat_row_becomes_a_key_and_values_as_text() -> None:
    row = RedcapRow.from_flat(FLAT, "study_id")
    assert (row.record, row.event, row.instrument, row.instance) == ("007", "v_arm_1", "mri", 2)
    assert row.values == {
        "study_id": "007",
        "redcap_data_access_group": "oslo",
        "mri_date": "2026-11-23",
        "weight": "",
    }


@pytest.mark.parametrize("instance", ["", None])
def test_a_row_that_does_not_repeat_has_no_instance_and_its_scan_is_the_first(instance: object) -> None:
    row = RedcapRow.from_flat({"study_id": "7", "redcap_repeat_instance": instance}, "study_id")
    assert row.instance is None
    assert row.key("s") == RowKey("s", "7", "", "", 1)


@pytest.mark.parametrize(
    "flat",
    [[], "x", None, {}, {"study_id": ""}, {"study_id": None}, {"other": "1"}],
)
def test_what_names_no_record_is_no_answer(flat: object) -> None:
    with pytest.raises(Unavailable, match="study_id"):
        RedcapRow.from_flat(flat, "study_id")


@pytest.mark.parametrize("instance", ["new", "-1", "1.0", "²", "٣"])
def test_an_instance_that_is_no_number_is_no_answer(instance: str) -> None:
    with pytest.raises(Unavailable, match="redcap_repeat_instance"):
        RedcapRow.from_flat({"study_id": "7", "redcap_repeat_instance": instance}, "study_id")


def test_a_row_goes_back_with_the_key_it_came_with_and_without_its_group() -> None:
    sent = RedcapRow.from_flat(FLAT, "study_id").to_flat("study_id")
    assert sent == {name: value or "" for name, value in FLAT.items() if name != "redcap_data_access_group"}


def test_a_row_that_does_not_repeat_is_given_no_instance() -> None:
    row = RedcapRow("7", "", "", None, {"study_id": "7", "a": "1"})
    assert row.to_flat("study_id") == {"study_id": "7", "a": "1"}


def test_a_repeating_event_goes_back_with_an_empty_instrument() -> None:
    row = RedcapRow("7", "v", "", 3, {"a": "1"})
    assert row.to_flat("study_id") == {
        "study_id": "7",
        "redcap_event_name": "v",
        "redcap_repeat_instrument": "",
        "redcap_repeat_instance": 3,
        "a": "1",
    }
