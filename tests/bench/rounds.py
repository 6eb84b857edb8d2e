"""Rounds: every server a little, then every one again, so that what drifts on the machine hits all alike."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, perf_counter, sleep
from typing import Final

from tests.bench import processes, wire
from tests.bench.figures import Cell, Series
from tests.bench.servers.server import Server

_BEGAN: Final = monotonic()
_SETTLE_SECONDS: Final = 15
_QUIET_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    :param rounds: how often each server has its turn.
    :param crowd_rounds: the same for the work of many clients, whose turns are long.
    :param turn_seconds: how long a turn lasts, if one request does not take longer.
    :param budget_seconds: what one request may take, and what all turns of a server may take together.
    :param associations: how many are opened and released to see whether the relay's memory stays flat.
    """

    rounds: int = 3
    crowd_rounds: int = 2
    turn_seconds: float = 0.5
    budget_seconds: float = 15
    associations: int = 20_000


QUICK: Final = Effort()
FULL: Final = Effort(5, 3, turn_seconds=0.7, budget_seconds=25, associations=100_000)

Measure = Callable[[Server], tuple[float, ...]]
"""One turn of one server: the figures it gave, always so many."""


class Turns:
    """What a server gave in its turns so far."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.figures: list[tuple[float, ...]] = []
        self.why = ""
        self.wall = self.cpu = 0.0

    def take(self, measure: Measure, effort: Effort) -> None:
        """Have a turn, unless the server is out of the race."""
        if self.why or self.wall > effort.budget_seconds:
            return
        began, busy = perf_counter(), _our_cpu()
        try:
            self.figures.append(measure(self.server))
        except TimeoutError:
            self.why = f"over the budget of {effort.budget_seconds:g} s"
            self._settle()
        except (OSError, wire.WireError) as error:
            self.why = str(error)
            self._settle()
        self.wall += perf_counter() - began
        self.cpu += _our_cpu() - busy

    def _settle(self) -> None:
        """Let it end what it was left with, or the next one's turn would be disturbed."""
        if self.server.child is None:
            return
        for _ in range(_SETTLE_SECONDS * 2):
            before = processes.use(self.server.pid).cpu_seconds
            sleep(0.5)
            if processes.use(self.server.pid).cpu_seconds - before < _QUIET_SECONDS:
                return

    def cell(self, number: int) -> Cell:
        """Return one of the figures, of all turns; a server that failed is out, whatever it gave before."""
        share = self.cpu / self.wall if self.wall else 0.0
        if self.why or not self.figures:
            return Cell(self.server.name, None, share, self.why)
        return Cell(self.server.name, Series(tuple(turn[number] for turn in self.figures)), share)


def in_rounds(
    servers: Sequence[Server],
    measure: Measure,
    effort: Effort,
    *,
    figures: int = 1,
    crowd: bool = False,
) -> list[tuple[Cell, ...]]:
    """Give every server its turns, round after round; return the cells of each figure.

    :param figures: how many the measure gives.
    :param crowd: it is the work of many clients.
    """
    turns = [Turns(server) for server in servers]
    for _ in range(effort.crowd_rounds if crowd else effort.rounds):
        for each in turns:
            each.take(measure, effort)
    return [tuple(each.cell(number) for each in turns) for number in range(figures)]


def say(what: str) -> None:
    """Tell who waits what is being done."""
    print(f"{monotonic() - _BEGAN:6.0f} s  {what}", file=sys.stderr, flush=True)


def _our_cpu() -> float:
    """Return the processor seconds of this process and of the clients in C that it has waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
