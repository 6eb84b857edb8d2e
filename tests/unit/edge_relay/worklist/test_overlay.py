"""How long a status the scanner reported lies over the cached item."""

from __future__ import annotations

import pytest

from edge_relay.worklist.overlay import Overlay
from shared.worklist_item import Status


@pytest.mark.parametrize(
    ("confirmed_seq", "feed_seq", "covers"),
    [
        (None, 10**9, True),  # the cloud does not have the event: whatever it shows is older
        (0, 10**9, True),  # it has it and named no change: the next pull ends it, not a number
        (7, 6, True),
        (7, 7, False),
        (7, 8, False),
    ],
)
def test_it_lies_there_until_the_cache_holds_the_change_the_cloud_named(
    confirmed_seq: int | None, feed_seq: int, covers: bool
) -> None:
    assert Overlay(Status.IN_PROGRESS, "event", confirmed_seq).covers(feed_seq) is covers
