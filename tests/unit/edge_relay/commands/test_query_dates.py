"""Days as people write them, for the query a scanner would send."""

from __future__ import annotations

import pytest

from edge_relay.commands.query_dates import query_dates
from shared.errors import Rejected


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("", ""),
        (" ", ""),
        ("2026-11-27", "20261127"),
        (" 20261127 ", "20261127"),
        ("20261120-20261122", "20261120-20261122"),
        ("2026-11-20-2026-11-22", "20261120-20261122"),
        ("2026-11-20 - 20261122", "20261120-20261122"),
        ("2026-11-20..2026-11-22", "20261120-20261122"),
        ("2026-11-20/2026-11-22", "20261120-20261122"),
        ("2026-11-20..", "20261120-"),
        ("..2026-11-22", "-20261122"),
        ("-20261122", "-20261122"),
    ],
)
def test_days_and_ranges_become_dicoms(typed: str, asked: str) -> None:
    assert query_dates(typed) == asked


@pytest.mark.parametrize(
    "typed", ["today", "27.11.2026", "2026-13-01", "2026-02-30", "-", "..", "2026-11-20 2026-11-22", "2026"]
)
def test_what_is_no_day_is_refused_and_not_sent(typed: str) -> None:
    with pytest.raises(Rejected):
        query_dates(typed)
