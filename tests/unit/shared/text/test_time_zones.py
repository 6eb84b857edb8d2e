"""Time zones by name: UTC always, and a sentence for what is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.errors import Rejected
from shared.text.time_zones import OptionalZoneName, ZoneName, time_zone


def test_utc_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.text.time_zones.ZoneInfo", None)
    assert time_zone("UTC") is UTC


def test_a_zone_has_its_summer_time() -> None:
    oslo = time_zone("Europe/Oslo")
    assert datetime(2026, 7, 1, tzinfo=oslo).utcoffset() == timedelta(hours=2)
    assert datetime(2026, 1, 1, tzinfo=oslo).utcoffset() == timedelta(hours=1)


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "../passwd", "", "/etc/localtime"])
def test_what_is_no_zone_is_rejected(name: str) -> None:
    with pytest.raises(Rejected, match="not a time zone"):
        time_zone(name)
    with pytest.raises(ValidationError):
        TypeAdapter(ZoneName).validate_python(name)


def test_no_name_at_all_is_a_setting_left_empty() -> None:
    assert TypeAdapter(OptionalZoneName).validate_python("") == ""
    with pytest.raises(ValidationError):
        TypeAdapter(OptionalZoneName).validate_python("Mars/Olympus")
