"""What a relay tells of items that scanners were shown is bounded, and forward compatible."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.scanners.shown_items import MOST_ITEMS, ShownItems

TO: dict[str, Any] = {
    "ae_title": "PRISMA1",
    "first_at": "2026-11-27T11:20:00Z",
    "last_at": "2026-11-27T11:20:00Z",
    "times": 1,
}


def told(**changes: Any) -> ShownItems:
    return ShownItems.model_validate({"items": [{"item_id": "a", "scanners": [TO | changes]}]})


def test_what_a_later_relay_says_besides_is_passed_over() -> None:
    assert told(colour="red") == told()


@pytest.mark.parametrize(
    "changes", [{"times": 0}, {"first_at": "2026-11-27T11:20:00"}, {"ae_title": "A" * 17}]
)
def test_what_no_relay_can_mean_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        told(**changes)


def test_a_call_is_bounded() -> None:
    item = {"item_id": "a", "scanners": [TO]}
    with pytest.raises(ValidationError):
        ShownItems.model_validate({"items": [item] * (MOST_ITEMS + 1)})
