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
        if here in item.path.parents and "[pynetdicom" in item.name:
            # Its own thread may meet a connection that has just gone, and says so with a traceback (ADR 004).
            item.add_marker(
                pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
            )
