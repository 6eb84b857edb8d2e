"""In what a row differs from our item: what is only written in another way does not."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from infra.pylantir.databases.differences import differences
from infra.pylantir.databases.old_rows import OldItem
from tests.rigs.builders import an_item

OURS = an_item(
    patient_name="Doe^Zoë",
    scheduled_start_date="20311120",
    scheduled_start_time="080000",
    performing_physician="Roe^A",
    protocol_name="BRAIN",
)
BLANK: dict[str, Any] = {each.name: "" for each in fields(OldItem)} | {"id": 1}


def differing(**written: str) -> list[str]:
    return differences(OldItem(**BLANK | written), OURS)


@pytest.mark.parametrize(
    "written",
    [
        {"scheduled_start_date": "2031-11-20"},
        {"scheduled_start_time": "8:00"},
        {"scheduled_start_time": "08:00:00"},
        {"patient_name": "doe^Zoë^"},
        {"protocol_name": ""},
        {"modality": "MR"},
    ],
)
def test_another_spelling_is_no_difference(written: dict[str, str]) -> None:
    assert differing(**written) == []


@pytest.mark.parametrize(
    "written",
    [
        {"scheduled_start_date": "2031-11-21"},
        {"scheduled_start_date": "-99"},
        {"scheduled_start_time": "20:00"},
        {"scheduled_start_time": "noon"},
        {"patient_name": "Doe^Zoe"},
        {"performing_physician": "Roe^B"},
        {"station_name": "SKYRA"},
    ],
)
def test_what_says_something_else_is_one(written: dict[str, str]) -> None:
    assert differing(**written) == list(written)
