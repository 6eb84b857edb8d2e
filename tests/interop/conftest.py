"""Every interop test is run on both acceptors: the relay's own, and pynetdicom's."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module", params=["asyncio", "pynetdicom"])
def acceptor(request: pytest.FixtureRequest) -> str:
    """What serves the DICOM ports of a relay."""
    return str(request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse an interop test that only one of them would pass."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and "acceptor" not in getattr(item, "fixturenames", ()):
            raise pytest.UsageError(f"{item.nodeid} has no relay of the fixture acceptor")
