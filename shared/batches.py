"""Lists cut into batches. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

Value = TypeVar("Value")


def batches(values: Sequence[Value], size: int) -> Iterator[Sequence[Value]]:
    """Yield the values in order, in batches of ``size`` and a smaller last one; never an empty batch."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
