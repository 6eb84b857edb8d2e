"""The arithmetic of the report: medians, ratios, and whether a goal is kept. Nothing here measures."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Ask = Literal["at least", "at most"]


@dataclass(frozen=True)
class Series:
    """One figure of each round; at least one."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        """The smallest one."""
        return min(self.values)

    @property
    def most(self) -> float:
        """The largest one."""
        return max(self.values)


@dataclass(frozen=True)
class Cell:
    """What one server came to.

    :param series: None: it could not be measured, see ``why``.
    :param client: how much of the time the client itself was at work, 0 to 1.
    """

    server: str
    series: Series | None
    client: float = 0.0
    why: str = ""


@dataclass(frozen=True)
class Goal:
    """What a figure is to be.

    :param reached: None: it was not measured.
    """

    what: str
    ask: Ask
    limit: float
    unit: str
    reached: float | None

    @property
    def kept(self) -> bool | None:
        """Whether it is; None if that is not known."""
        if self.reached is None:
            return None
        return self.reached >= self.limit if self.ask == "at least" else self.reached <= self.limit


@dataclass(frozen=True)
class Table:
    """One piece of work and what each server came to; ours is the first.

    :param more_is_better: for queries a second; else the figures are times or sizes.
    """

    title: str
    unit: str
    cells: tuple[Cell, ...]
    goals: tuple[Goal, ...] = ()
    more_is_better: bool = False

    def ratio(self, cell: Cell) -> float | None:
        """Return how many times better ours is than another, by the medians."""
        ours, theirs = self.cells[0].series, cell.series
        if ours is None or theirs is None:
            return None
        better, worse = (ours, theirs) if self.more_is_better else (theirs, ours)
        return better.median / worse.median if worse.median else None

    def against(self, ratios: Mapping[str, float]) -> tuple[Goal, ...]:
        """Return a goal for each other server: how many times better ours is to be, at least.

        :param ratios: by how a server's name begins; a server that was left out is not measured.
        """
        return tuple(
            Goal(f"{self.title}: times better than {name}", "at least", limit, "×", self._against(name))
            for name, limit in ratios.items()
        )

    def _against(self, name: str) -> float | None:
        theirs = next((cell for cell in self.cells[1:] if cell.server.startswith(name)), None)
        return None if theirs is None else self.ratio(theirs)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]
