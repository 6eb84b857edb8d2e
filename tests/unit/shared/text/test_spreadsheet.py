from __future__ import annotations

import pytest

from shared.text.spreadsheet import harmless


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_calculate_is_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("value", ["PRISMA1", "", "a=1", 7, None])
def test_everything_else_stays_as_it_is(value: object) -> None:
    assert harmless(value) == str(value)
