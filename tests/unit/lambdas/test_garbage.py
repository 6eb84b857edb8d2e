"""How often Python looks for garbage in a function: seldom, unless somebody has said otherwise."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator

import pytest

import lambdas


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (700, lambdas.OBJECTS_BETWEEN_COLLECTIONS),
        (lambdas.OBJECTS_BETWEEN_COLLECTIONS + 1, lambdas.OBJECTS_BETWEEN_COLLECTIONS + 1),
        (0, 0),
    ],
)
def test_python_looks_no_more_often_for_garbage(before: int, after: int) -> None:
    gc.set_threshold(before, 11, 12)
    importlib.reload(lambdas)
    assert gc.get_threshold() == (after, 11, 12)
