"""What many tests begin with; a module's own fixtures come first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_relay.relay import Relay
from tests.rigs.figures import Told, telling
from tests.rigs.redcap import Stack, running_stack
from tests.rigs.relay import FakeCloud, eventually, item, running_relay


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Return REDCap's server and the tables, which a module's tests share."""
    with running_stack() as running:
        yield running


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """Return what reads the figures that the functions tell."""
    return telling(monkeypatch, capsys)


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with FakeCloud() as running:
        running.put(item())
        yield running


@pytest.fixture
def relay(tmp_path: Path, cloud: FakeCloud) -> Iterator[Relay]:
    """Return a relay that has pulled its one item."""
    with running_relay(tmp_path, cloud) as running:
        eventually(running.cache.count)
        yield running
