"""What is measured: each function makes the measure of one turn for `in_rounds`."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from itertools import count, cycle, islice
from time import perf_counter, sleep

from pydicom.dataset import Dataset

from edge_relay.client import scu
from shared.identifiers import study_instance_uid
from tests.bench import compiled, crowd, items, processes, wire
from tests.bench.client import Association
from tests.bench.figures import percentile
from tests.bench.rounds import Effort, Measure
from tests.bench.servers.server import Server

QUESTIONS = 500
_STRIDE = 7919  # a prime: the questions of one server spread over all its items, and rarely repeat
_AT_LEAST = 3
_MOST_PAIRS = 120
_MOST_PAIRS_AT_ONCE = 2000  # said in one turn by all clients together; a faster server ends before its time
_PERCENT, _MILLI = 100, 1000


def questions(ask: Callable[[int], Dataset], count: int, most: int = QUESTIONS) -> list[wire.Writes]:
    """Return different queries for items from everywhere, ready to be written."""
    numbers = [number * _STRIDE % count for number in range(min(most, count))]
    return [wire.find(wire.encoded(ask(number))) for number in numbers]


def latency(
    ask: Callable[[int], Dataset],
    expected: Callable[[Server], int],
    effort: Effort,
    *,
    different: int = QUESTIONS,
    no_delay: bool = False,
) -> Measure:
    """Ask again and again on one association: the median, in milliseconds.

    :param expected: how many matches each query must have; a faster wrong answer is no answer.
    """
    prepared: dict[int, list[wire.Writes]] = {}

    def measure(server: Server) -> tuple[float, ...]:
        if server.count not in prepared:
            prepared[server.count] = questions(ask, server.count, different)
        taken: list[float] = []
        with Association(server.called, no_delay=no_delay, budget=effort.budget_seconds) as association:
            until = perf_counter() + effort.turn_seconds
            for request in cycle(prepared[server.count]):
                answer, seconds = association.ask(request)
                if answer != (0, expected(server)):
                    raise wire.WireError(f"answered {answer.status:04X} with {answer.pending} matches")
                taken.append(seconds)
                if perf_counter() > until and (len(taken) >= _AT_LEAST or seconds > effort.turn_seconds):
                    break
        return (statistics.median(taken) * _MILLI,)

    return measure


def opening(effort: Effort) -> Measure:
    """Connect, open an association and release it, again and again: the median, in milliseconds."""

    def measure(server: Server) -> tuple[float, ...]:
        taken: list[float] = []
        until = perf_counter() + effort.turn_seconds
        while perf_counter() < until or len(taken) < _AT_LEAST:
            began = perf_counter()
            with Association(server.called, budget=effort.budget_seconds):
                pass
            taken.append(perf_counter() - began)
        return (statistics.median(taken) * _MILLI,)

    return measure


def load(effort: Effort, *, clients: int) -> Measure:
    """Let many clients ask for one match each, without a pause: queries a second, p50 and p99 in ms."""
    prepared: dict[int, list[wire.Writes]] = {}

    def measure(server: Server) -> tuple[float, ...]:
        if server.count not in prepared:
            prepared[server.count] = questions(items.one, server.count)
        seconds, latencies = crowd.load(
            server.called,
            prepared[server.count],
            clients=clients,
            seconds=2 * effort.turn_seconds,
            budget=effort.budget_seconds,
        )
        median, most = percentile(latencies, 50), percentile(latencies, 99)
        return len(latencies) / seconds, median * _MILLI, most * _MILLI

    return measure


def all_served(effort: Effort, *, clients: int) -> Measure:
    """Let many clients connect at once, each with one query: milliseconds until the last has its answer."""

    def measure(server: Server) -> tuple[float, ...]:
        asked = questions(items.one, server.count, clients)
        return (
            crowd.all_served(server.called, asked, clients=clients, budget=effort.budget_seconds) * _MILLI,
        )

    return measure


def idle(effort: Effort, *, clients: int) -> Measure:
    """Hold associations on which nothing is said: what the server takes of a core, in percent."""

    def measure(server: Server) -> tuple[float, ...]:
        with crowd.idle(server.called, clients=clients, budget=effort.budget_seconds):
            sleep(0.5)  # what opening them left to do is not what is measured
            before, began = processes.use(server.pid), perf_counter()
            sleep(4 * effort.turn_seconds)
            busy = processes.use(server.pid).cpu_seconds - before.cpu_seconds
            return (busy / (perf_counter() - began) * _PERCENT,)

    return measure


def pairs(effort: Effort) -> Measure:
    """Report one exam after another, N-CREATE and N-SET: the median of a pair, in milliseconds."""
    fresh: dict[Server, Iterator[int]] = {}

    def measure(server: Server) -> tuple[float, ...]:
        numbers = fresh.setdefault(server, count())
        taken: list[float] = []
        with Association(server.called, wire.PERFORMED_STEP, budget=effort.budget_seconds) as association:
            until = perf_counter() + effort.turn_seconds
            while perf_counter() < until and len(taken) < _MOST_PAIRS:
                both = [association.ask(request) for request in _pair(next(numbers))]
                if any(answer.status != 0 for answer, _ in both):
                    raise wire.WireError(f"answered {both[0].answer.status:04X}, {both[1].answer.status:04X}")
                taken.append(sum(seconds for _, seconds in both))
        return (statistics.median(taken) * _MILLI,)

    return measure


def many_pairs(effort: Effort, *, clients: int) -> Measure:
    """Let many scanners report exams at once, without a pause: pairs a second, p50 and p99 of a pair in ms.

    :raises wire.WireError: there is no compiler for the client.
    """
    fresh: dict[Server, Iterator[int]] = {}
    for number in range(_MOST_PAIRS_AT_ONCE * effort.crowd_rounds):
        _pair(number)  # before the clock starts

    def measure(server: Server) -> tuple[float, ...]:
        if (crowd_in_c := compiled.program()) is None:
            raise wire.WireError("there is no C compiler for the client")
        numbers = fresh.setdefault(server, count())
        exams = [
            compiled.Question(wire.PERFORMED_STEP, _pair(number), matches=0)
            for number in islice(numbers, _MOST_PAIRS_AT_ONCE)
        ]
        seconds, latencies = compiled.load(
            crowd_in_c,
            server.called,
            exams,
            clients=clients,
            seconds=2 * effort.turn_seconds,
            budget=effort.budget_seconds,
        )
        median, most = percentile(latencies, 50), percentile(latencies, 99)
        return len(latencies) / seconds, median * _MILLI, most * _MILLI

    return measure


@cache
def _pair(number: int) -> tuple[wire.Writes, wire.Writes]:
    """Return the N-CREATE and the N-SET of an item's exam."""
    item, uid = items.item(number), study_instance_uid(f"step-{number}")
    began = scu.exam_began(item, item.scheduled_station_aetitle, datetime(2026, 11, 23, 9, 31, 7))
    ended = scu.step_completed(datetime(2026, 11, 23, 9, 58, 0), f"{uid}.1")
    return wire.create(uid, wire.encoded(began)), wire.change(uid, wire.encoded(ended))
