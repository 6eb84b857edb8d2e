"""What the relay takes, and whether it takes more after many associations."""

from __future__ import annotations

from typing import Final

from tests.bench import items, processes, wire
from tests.bench.client import Association
from tests.bench.figures import Cell, Goal, Series, Table
from tests.bench.rounds import say
from tests.bench.servers.server import Server

MEGABYTE: Final = 1e6
_WARM: Final = 1000


def resident(server: Server, most: float) -> Table:
    """Return its resident memory as it is now.

    :param most: megabytes it may take.
    """
    title = f"Resident memory, {server.count:,} items"
    megabytes = processes.use(server.pid).resident_bytes / MEGABYTE
    goal = Goal(title, "at most", most, "MB", megabytes)
    return Table(title, "MB", (Cell(server.name, Series((megabytes,))),), (goal,))


def flat(server: Server, associations: int) -> Table:
    """Return what it takes more after many associations, each with a query, than after the first thousand."""
    question = wire.find(wire.encoded(items.one(server.count // 2)))

    def visit(times: int) -> None:
        for _ in range(times):
            with Association(server.called) as association:
                association.ask(question)

    visit(_WARM)
    before = processes.use(server.pid)
    say(f"{associations:,} associations")
    visit(associations)
    after = processes.use(server.pid)
    title = f"More after {associations:,} associations of one query, {server.count:,} items"
    megabytes = (after.resident_bytes - before.resident_bytes) / MEGABYTE
    goals = (
        Goal(f"{title}: memory", "at most", 2, "MB", megabytes),
        Goal(f"{title}: threads", "at most", 0, "", after.threads - before.threads),
        # Connections to cache.db that long answers took, kept for the next ones.
        Goal(f"{title}: open files", "at most", 4, "", after.descriptors - before.descriptors),
    )
    return Table(title, "MB", (Cell(server.name, Series((megabytes,))),), goals)
