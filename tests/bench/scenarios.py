"""The work that is measured, in stages: servers of a stage run side by side and have their turns in rounds.

The goals are those of the table "Speed and size to reach" of the relay's issue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench import findscu, items, measures, memory
from tests.bench.figures import Goal, Table
from tests.bench.lineup import Entrant
from tests.bench.rounds import Effort, Measure, in_rounds
from tests.bench.servers.orthanc import Orthanc
from tests.bench.servers.pylantir import Pylantir
from tests.bench.servers.pynetdicom import Pynetdicom
from tests.bench.servers.relay import Relay
from tests.bench.servers.server import Server
from tests.bench.servers.wlmscpfs import Wlmscpfs

THOUSAND, TEN_THOUSAND, HUNDRED_THOUSAND = 1_000, 10_000, 100_000
CLIENTS: Final = 64
FEW_CLIENTS: Final = 32
SCANNERS: Final = 16
IDLE: Final = 100
# An installed relay keeps to 100 MB with 1,000 items: here pydicom finds, and loads, 11 MB of a web client.
MOST_MEGABYTES: Final = {THOUSAND: 111, HUNDRED_THOUSAND: 150}
DCMTK, ORTHANC, PLAIN = Wlmscpfs.program, Orthanc.program, Pynetdicom.program

Running = Mapping[Entrant, Server]


@dataclass(frozen=True)
class Scenario:
    """One piece of work.

    :param stage: how many items the servers hold; scenarios of a stage share its servers.
    :param entrants: who takes part, ours first.
    :param tables: does it.
    :param quick: whether it is part of a quick run.
    :param full: whether it is part of a full run.
    """

    title: str
    stage: int
    entrants: tuple[Entrant, ...]
    tables: Callable[[Sequence[Server], Effort], Sequence[Table]]
    quick: bool = False
    full: bool = True

    @property
    def programs(self) -> frozenset[type[Server]]:
        """Which programs it needs."""
        return frozenset(entrant.program for entrant in self.entrants)

    def run(self, running: Running, effort: Effort) -> Sequence[Table]:
        """Measure those of its entrants that run."""
        return self.tables([running[each] for each in self.entrants if each in running], effort)


def scenarios() -> list[Scenario]:
    """Return all of them, stage by stage."""
    return [*_thousand(), *_ten_thousand(), *_hundred_thousand()]


def _thousand() -> list[Scenario]:
    as_they_come = _all(THOUSAND)
    crowd = _all(THOUSAND, many_threads=True)
    ours = as_they_come[:1]
    return [
        _findscu(as_they_come),
        _one_match(THOUSAND, quick=True),
        _one_match(THOUSAND, quick=True, no_delay=True),
        _a_day(as_they_come),
        _everything(THOUSAND, quick=True),
        Scenario("64 clients", THOUSAND, crowd, _load, quick=True),
        Scenario("32 clients", THOUSAND, (crowd[0], crowd[-1]), _few, quick=True),
        Scenario("association", THOUSAND, as_they_come, _opening, quick=True),
        Scenario("64 connects", THOUSAND, crowd, _all_served, quick=True),
        Scenario("100 idle", THOUSAND, crowd, _idle, quick=True),
        Scenario("many associations", THOUSAND, ours, _flat, quick=True, full=False),
        Scenario("memory of 1,000 items", THOUSAND, ours, _resident, quick=True),
        # Last of its stage: exams that are over are no longer in the worklist.
        Scenario(
            "N-CREATE and N-SET", THOUSAND, (ours[0], Entrant(Pynetdicom, THOUSAND)), _pairs, quick=True
        ),
    ]


def _ten_thousand() -> list[Scenario]:
    return [
        _one_match(TEN_THOUSAND),
        _one_match(TEN_THOUSAND, no_delay=True),
        _everything(TEN_THOUSAND),
        Scenario(
            "pylantir",
            TEN_THOUSAND,
            (Entrant(Relay, TEN_THOUSAND), Entrant(Pylantir, TEN_THOUSAND)),
            _against_pylantir,
        ),
        # Last of its stage, as above.
        Scenario(
            f"{SCANNERS} scanners at once",
            TEN_THOUSAND,
            (Entrant(Relay, TEN_THOUSAND), Entrant(Pynetdicom, TEN_THOUSAND)),
            _many_pairs,
        ),
    ]


def _hundred_thousand() -> list[Scenario]:
    large, small = Entrant(Relay, HUNDRED_THOUSAND), Entrant(Relay, THOUSAND)
    return [
        Scenario("100,000 items", HUNDRED_THOUSAND, (large, small), _large),
        Scenario("many associations, 100,000 items", HUNDRED_THOUSAND, (large,), _flat),
        Scenario("memory of 100,000 items", HUNDRED_THOUSAND, (large,), _resident),
    ]


def _all(count: int, *, no_delay: bool = False, many_threads: bool = False) -> tuple[Entrant, ...]:
    return (
        Entrant(Relay, count),
        Entrant(Wlmscpfs, count, no_delay=no_delay),
        Entrant(Orthanc, count, no_delay=no_delay, many_threads=many_threads),
        Entrant(Pynetdicom, count, no_delay=no_delay),
    )


def _one_match(count: int, *, quick: bool = False, no_delay: bool = False) -> Scenario:
    suffix = ", Nagle off on both sides" if no_delay else ""
    title = f"1 match on an open association, {count:,} items{suffix}"
    goals = {DCMTK: 50, ORTHANC: 50} if no_delay else {DCMTK: 150, ORTHANC: 150, PLAIN: 150}

    def tables(servers: Sequence[Server], effort: Effort) -> list[Table]:
        measure = measures.latency(items.one, lambda _: 1, effort, no_delay=no_delay)
        return [_compared(title, servers, measure, effort, goals)]

    return Scenario(title, count, _all(count, no_delay=no_delay), tables, quick)


def _a_day(entrants: tuple[Entrant, ...]) -> Scenario:
    title = f"20 matches (a day), {entrants[0].count:,} items"
    goals = {DCMTK: 150, ORTHANC: 150, PLAIN: 150}

    def tables(servers: Sequence[Server], effort: Effort) -> list[Table]:
        measure = measures.latency(items.a_day, lambda _: items.A_DAY, effort)
        return [_compared(title, servers, measure, effort, goals)]

    return Scenario(title, entrants[0].count, entrants, tables, quick=True)


def _everything(count: int, *, quick: bool = False) -> Scenario:
    title = f"Everything, {count:,} items"
    goals = {DCMTK: 8, ORTHANC: 8, PLAIN: 80}

    def tables(servers: Sequence[Server], effort: Effort) -> list[Table]:
        measure = measures.latency(
            lambda _: items.everything(), lambda server: server.count, effort, different=1
        )
        table = _compared(title, servers, measure, effort, goals)
        return [table if count < TEN_THOUSAND else _at_most(table, 80)]

    return Scenario(title, count, _all(count), tables, quick)


def _findscu(entrants: tuple[Entrant, ...]) -> Scenario:
    title = f"1 match, asked by findscu, {entrants[0].count:,} items"

    def tables(servers: Sequence[Server], effort: Effort) -> list[Table]:
        if findscu.missing():
            return []
        (cells,) = in_rounds(servers, findscu.latency(effort), effort)
        reached = cells[0].series.median if cells[0].series else None
        return [Table(title, "ms", cells, (Goal(title, "at most", 10, "ms", reached),))]

    return Scenario(title, entrants[0].count, entrants, tables, quick=True)


def _load(servers: Sequence[Server], effort: Effort) -> list[Table]:
    rates, medians, most = in_rounds(
        servers, measures.load(effort, clients=CLIENTS), effort, figures=3, crowd=True
    )
    what = f"{CLIENTS} clients at once, 1 match each, {servers[0].count:,} items"
    rate = Table(f"{what}: queries a second", "/s", rates, more_is_better=True)
    slowest = Table(f"{what}: p99", "ms", most)
    return [
        _with(rate, rate.against({DCMTK: 50, ORTHANC: 50})),
        Table(f"{what}: p50", "ms", medians),
        _with(slowest, slowest.against({DCMTK: 25, ORTHANC: 25})),
    ]


def _few(servers: Sequence[Server], effort: Effort) -> list[Table]:
    measure = measures.load(effort, clients=FEW_CLIENTS)
    rates, _, _ = in_rounds(servers, measure, effort, figures=3, crowd=True)
    what = f"{FEW_CLIENTS} clients at once, 1 match each, {servers[0].count:,} items: queries a second"
    return [_at_least(Table(what, "/s", rates, more_is_better=True), 8_000)]


def _opening(servers: Sequence[Server], effort: Effort) -> list[Table]:
    return [
        _compared("Association opened and released", servers, measures.opening(effort), effort, {DCMTK: 1})
    ]


def _all_served(servers: Sequence[Server], effort: Effort) -> list[Table]:
    title = f"{CLIENTS} simultaneous connects, until the last has its answer"
    (cells,) = in_rounds(servers, measures.all_served(effort, clients=CLIENTS), effort, crowd=True)
    return [_at_most(Table(title, "ms", cells), 250)]


def _idle(servers: Sequence[Server], effort: Effort) -> list[Table]:
    (cells,) = in_rounds(servers, measures.idle(effort, clients=IDLE), effort, crowd=True)
    return [_at_most(Table(f"{IDLE} idle associations, share of a core", "%", cells), 5)]


def _pairs(servers: Sequence[Server], effort: Effort) -> list[Table]:
    table = _compared(
        "Durable N-CREATE and N-SET, a pair", servers, measures.pairs(effort), effort, {PLAIN: 20}
    )
    return [_at_most(table, 2)]


def _many_pairs(servers: Sequence[Server], effort: Effort) -> list[Table]:
    measure = measures.many_pairs(effort, clients=SCANNERS)
    rates, medians, most = in_rounds(servers, measure, effort, figures=3, crowd=True)
    what = f"{SCANNERS} scanners at once, N-CREATE and N-SET"
    return [
        _at_least(Table(f"{what}: pairs a second", "/s", rates, more_is_better=True), 1_500),
        Table(f"{what}: p50 of a pair", "ms", medians),
        Table(f"{what}: p99 of a pair", "ms", most),
    ]


def _against_pylantir(servers: Sequence[Server], effort: Effort) -> list[Table]:
    def expected(server: Server) -> int:
        return server.count if isinstance(server, Pylantir) else items.A_DAY

    measure = measures.latency(items.a_day, expected, effort)
    title = f"A day's list of one scanner, {servers[0].count:,} items; pylantir answers with everything"
    return [_compared(title, servers, measure, effort, {Pylantir.program: 500})]


def _large(servers: Sequence[Server], effort: Effort) -> list[Table]:
    measure = measures.latency(items.one, lambda _: 1, effort)
    (cells,) = in_rounds(servers, measure, effort)
    large, small = cells
    named = tuple(
        type(cell)(f"{cell.server}, {server.count:,} items", cell.series, cell.client, cell.why)
        for cell, server in zip(cells, servers, strict=True)
    )
    reached = large.series.median / small.series.median if large.series and small.series else None
    title = "1 match on an open association, 100,000 items"
    goal = Goal(f"{title}: p50 as against 1,000 items", "at most", 1.5, "×", reached)
    return [Table(title, "ms", named, (goal,))]


def _flat(servers: Sequence[Server], effort: Effort) -> list[Table]:
    return [memory.flat(servers[0], effort.associations)]


def _resident(servers: Sequence[Server], _: Effort) -> list[Table]:
    return [memory.resident(servers[0], MOST_MEGABYTES[servers[0].count])]


def _compared(
    title: str, servers: Sequence[Server], measure: Measure, effort: Effort, ratios: Mapping[str, float]
) -> Table:
    (cells,) = in_rounds(servers, measure, effort)
    table = Table(title, "ms", cells)
    return _with(table, table.against(ratios))


def _at_least(table: Table, limit: float) -> Table:
    """Add what our own median is to be at least."""
    series = table.cells[0].series
    goal = Goal(table.title, "at least", limit, table.unit, series.median if series else None)
    return _with(table, (*table.goals, goal))


def _at_most(table: Table, limit: float) -> Table:
    """Add what our own median may be at most."""
    series = table.cells[0].series
    goal = Goal(table.title, "at most", limit, table.unit, series.median if series else None)
    return _with(table, (*table.goals, goal))


def _with(table: Table, goals: tuple[Goal, ...]) -> Table:
    return Table(table.title, table.unit, table.cells, goals, table.more_is_better)
