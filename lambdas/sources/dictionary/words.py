"""Lists of names and codes in messages, short enough to read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_LISTED: Final = 12


def labelled(codes: Iterable[str] | Mapping[str, str]) -> list[str]:
    """Return codes, each with the label it has, if any."""
    labels = codes if isinstance(codes, Mapping) else {}
    return [f"{code} ({labels[code][:40]})" if labels.get(code) else code for code in codes]


def listed(names: Iterable[str]) -> str:
    """Return names in a row; of many the first ones, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - _LISTED} more" if len(every) > _LISTED else ""
    return ", ".join(every[:_LISTED]) + more
