"""What a site may be called."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.worklist_item import OptionalSiteName, SiteName


@pytest.mark.parametrize("name", ["oslo", "Site-1_b.2", "x" * 64])
def test_letters_digits_dots_dashes_and_underscores_name_a_site(name: str) -> None:
    assert TypeAdapter(SiteName).validate_python(name) == name
    assert TypeAdapter(OptionalSiteName).validate_python(name) == name


@pytest.mark.parametrize("name", ["x" * 65, "a b", "SITE#1", "oslo\n", "Århus"])
def test_anything_else_is_no_site(name: str) -> None:
    for kind in (SiteName, OptionalSiteName):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(name)


def test_only_where_it_is_optional_a_site_may_be_empty() -> None:
    assert TypeAdapter(OptionalSiteName).validate_python("") == ""
    with pytest.raises(ValidationError):
        TypeAdapter(SiteName).validate_python("")
