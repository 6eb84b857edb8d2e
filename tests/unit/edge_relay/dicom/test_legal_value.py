"""Which values a value representation allows, in the form of the standard only."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.dicom.legal_value import is_legal


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("DA", "20261127"),
        ("DA", "20280229"),
        ("TM", "09"),
        ("TM", "0930"),
        ("TM", "093015.25"),
        ("TM", "240000"),
        ("SH", "x" * 16),
        ("LO", "x" * 64),
        ("CS", "IN PROGRESS"),
        ("UI", "1.2.840.10008.5.1.4.31"),
        ("PN", {"Alphabetic": "x" * 64}),
        ("PN", "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060^\u305f\u308d\u3046"),
    ],
)
def test_what_the_standard_allows_is_legal(vr: str, value: object) -> None:
    assert is_legal(vr, value)


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("DA", "2026-11-27"),
        ("DA", "20260230"),
        ("DA", "\uff12\uff10261127"),
        ("TM", "25"),
        ("TM", "09:30"),
        ("TM", "240001"),
        ("SH", "x" * 17),
        ("LO", "x" * 65),
        ("CS", "in progress"),
        ("UI", "abc"),
        ("UI", "1." + "2" * 64),
        ("PN", {"Alphabetic": "x" * 65}),
        ("PN", "a=b=c=d"),
    ],
)
def test_anything_else_is_not(vr: str, value: object) -> None:
    assert not is_legal(vr, value)


@given(st.dates(min_value=date(1000, 1, 1)), st.times())
def test_every_day_and_every_time_has_a_legal_form(day: date, clock: time) -> None:
    assert is_legal("DA", day.strftime("%Y%m%d"))
    assert is_legal("TM", clock.strftime("%H%M%S.%f"))


def test_numbers_have_been_decoded_and_are_legal() -> None:
    assert is_legal("US", 70_000)
