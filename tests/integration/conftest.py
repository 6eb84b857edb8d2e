"""A relay that has pulled its one item, for tests that begin there; a module's own fixtures come first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_relay.relay import Relay
from tests.rigs.relay import FakeCloud, eventually, item, running_relay


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with FakeCloud() as running:
        running.put(item())
        yield running


@pytest.fixture
def relay(tmp_path: Path, cloud: FakeCloud) -> Iterator[Relay]:
    with running_relay(tmp_path, cloud) as running:
        eventually(running.cache.count)
        yield running
