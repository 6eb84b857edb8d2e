"""Telling the cloud what scanners were shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_relay.exchange.shown import also_telling, tell_shown
from edge_relay.health.shown_items import ShownItems
from shared.errors import Unavailable
from shared.scanners.shown_items import MOST_ITEMS, ShownItem


class ScriptedKeeper:
    """Notes what it is told, and answers as it should."""

    def __init__(self, answer: bool | Exception = True) -> None:
        self.answer = answer
        self.calls: list[int] = []

    def shown(self, items: Sequence[ShownItem]) -> bool:
        self.calls.append(len(items))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def shown(tmp_path: Path) -> ShownItems:
    return ShownItems(tmp_path / "shown.db", lambda: datetime(2026, 11, 27, tzinfo=UTC))


def test_all_that_is_due_is_told_in_portions(shown: ShownItems) -> None:
    shown.note("MR1", [str(number) for number in range(MOST_ITEMS + 1)])
    cloud = ScriptedKeeper()
    assert tell_shown(cloud, shown) == MOST_ITEMS + 1
    assert cloud.calls == [MOST_ITEMS, 1]
    assert tell_shown(cloud, shown) == 0


def test_without_news_the_cloud_is_not_called(shown: ShownItems) -> None:
    cloud = ScriptedKeeper()
    tell_shown(cloud, shown)
    assert cloud.calls == []


def test_a_cloud_that_is_too_old_is_asked_again_with_the_next_heartbeat(shown: ShownItems) -> None:
    shown.note("MR1", ["a"])
    assert tell_shown(ScriptedKeeper(answer=False), shown) == 0
    assert tell_shown(ScriptedKeeper(), shown) == 1


def test_what_cannot_be_told_is_no_trouble_of_the_heartbeat(
    shown: ShownItems, caplog: pytest.LogCaptureFixture
) -> None:
    shown.note("MR1", ["a"])
    away = ScriptedKeeper(Unavailable("away"))
    assert also_telling(lambda: True, away, shown)() is True
    assert "could not be told: away" in caplog.text
    assert tell_shown(ScriptedKeeper(), shown) == 1


def test_after_a_heartbeat_that_failed_nothing_is_told(shown: ShownItems) -> None:
    def failing() -> bool:
        raise Unavailable("away")

    shown.note("MR1", ["a"])
    cloud = ScriptedKeeper()
    with pytest.raises(Unavailable):
        also_telling(failing, cloud, shown)()
    assert cloud.calls == []
