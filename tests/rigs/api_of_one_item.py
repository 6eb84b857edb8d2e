"""The API with one item at its default site."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from unittest.mock import patch

from tests.rigs.api import ApiRig, api
from tests.rigs.builders import an_item
from tests.rigs.cloud import Clock

ITEM: Final = an_item()
WHERE: Final = f"/worklist/{ITEM.id}"


@contextmanager
def api_of_one_item() -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north") as running:
        running.services.worklist.put_if_changed([ITEM])
        yield running


@contextmanager
def ticking_api_of_one_item() -> Iterator[ApiRig]:
    """Run it with a clock that goes on at each look, so that what comes later is later."""
    with patch.object(Clock, "__call__", _tick), api_of_one_item() as running:
        yield running


def _tick(clock: Clock) -> float:
    clock.seconds += 0.001
    return clock.seconds
