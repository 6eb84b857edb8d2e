"""Which character sets (0008,0005) may name, alone and together."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.dicom.character_sets import UTF8, CharacterSetTerms, check_terms
from shared.errors import Rejected


@pytest.mark.parametrize(
    "terms",
    [
        (UTF8,),
        ("ISO_IR 100",),
        ("GB18030",),
        ("ISO 2022 IR 13", "ISO 2022 IR 87"),
        ("ISO 2022 IR 6",),
        ("", "ISO 2022 IR 87"),
        ("", "ISO 2022 IR 100", "ISO 2022 IR 144"),
    ],
)
def test_what_the_standard_defines_is_taken(terms: tuple[str, ...]) -> None:
    assert check_terms(list(terms)) == terms


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ((), "must be named"),
        (("",), "not a character set of DICOM"),
        (("", ""), "not a character set of DICOM"),
        (("ISO 2022 IR 87", ""), "not a character set of DICOM"),
        (("", "ISO_IR 100"), "combined only if"),
        (("utf-8",), "not a character set of DICOM"),
        (("ISO 2022 GBK",), "not a character set of DICOM"),
        (("ISO 2022 58",), "not a character set of DICOM"),
        ((UTF8, "ISO_IR 100"), "combined only if"),
        (("ISO 2022 IR 13", "ISO_IR 100"), "combined only if"),
    ],
)
def test_what_it_does_not_is_refused(terms: tuple[str, ...], said: str) -> None:
    with pytest.raises(Rejected, match=said):
        check_terms(terms)


def test_a_setting_is_a_list_or_text_as_dicom_writes_it() -> None:
    adapter = TypeAdapter(CharacterSetTerms)
    together = ("ISO 2022 IR 13", "ISO 2022 IR 87")
    assert adapter.validate_python("ISO 2022 IR 13\\ISO 2022 IR 87") == together
    assert adapter.validate_python(list(together)) == together
    assert adapter.validate_python("\\ISO 2022 IR 87") == ("", "ISO 2022 IR 87")
    with pytest.raises(ValidationError):
        adapter.validate_python("latin-1")
