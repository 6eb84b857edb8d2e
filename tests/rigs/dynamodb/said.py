"""What docs/cost.md says that work costs, held against what it does cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from typing import Any

from tests.rigs.dynamodb.engine import TableModel
from tests.rigs.dynamodb.units import Units
from tests.structure.imports import ROOT


def cost(table: TableModel, work: Callable[[], Any]) -> Units:
    before = copy(table.spent)
    work()
    return table.spent - before


def within(units: Units, *, reads: float, writes: float) -> None:
    assert units.writes <= writes, units
    assert units.reads <= reads, units
    assert units.reads + units.writes > 0


def as_said(what: str, units: Units) -> None:
    """Hold it against the row of the table on that page: what, and read and write units at most.

    What is said has to be near enough: no more than a fifth above what it is.
    """
    row = next((each for each in said() if each[0] == what), None)
    is_said = row is not None and _is_near(units.reads, row[1]) and _is_near(units.writes, row[2])
    assert is_said, f"docs/cost.md says {row}, and it is: | {what} | {units.reads:g} | {units.writes:g} |"


def said() -> list[tuple[str, float, float]]:
    """Return the rows of the table: what, read units, write units."""
    text = (ROOT / "docs" / "cost.md").read_text("utf-8")
    found = re.findall(r"^\| ([^|]+) \| ([\d.]+) \| ([\d.]+) \|", text, re.MULTILINE)
    return [(what, float(reads), float(writes)) for what, reads, writes in found]


def _is_near(actual: float, told: float) -> bool:
    return actual <= told <= 1.2 * actual
