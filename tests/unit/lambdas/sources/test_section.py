"""Names of REDCap fields."""

from __future__ import annotations

import pytest

from lambdas.sources.section import field_name


@pytest.mark.parametrize("name", ["a", "study_id", "mri_safety___1", "mri_complete", "a1"])
def test_what_redcap_calls_a_field_is_a_name(name: str) -> None:
    assert field_name(name) == name


@pytest.mark.parametrize("name", ["", "1a", "_a", "Study", "a-b", "a b", "é", "a\n"])
def test_what_it_never_does_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="a REDCap field's name"):
        field_name(name)
