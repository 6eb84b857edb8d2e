"""Settings of all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import Phase, settings

from tests.rigs.leaks import WATCH

# How long an example takes says nothing here; where CI is set, hypothesis has a profile of its own for that.
if "CI" not in os.environ:
    settings.register_profile("local", deadline=None)
    settings.load_profile("local")

# For `make mutants`: that a test fails is enough. The same examples each time, no search for a smaller one.
settings.register_profile(
    "mutants", deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)

# For `make test-quick`: half a minute less, and `make test` looks at all examples.
settings.register_profile("quick", deadline=None, max_examples=20)

SLOW_SECONDS: Final = 1800
"""How long a test marked slow may take: most of them look at hundreds of examples."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test marked slow its own limit."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture(scope="session", autouse=True)
def logs_are_watched() -> Iterator[None]:
    """Look through all that is logged."""
    with WATCH.over_logs():
        yield


@pytest.fixture(autouse=True)
def nothing_leaks(logs_are_watched: None) -> Iterator[None]:
    """Fail a test in which a name or a secret was logged, or told in a heartbeat."""
    WATCH.taken()
    yield
    assert WATCH.taken() == []
