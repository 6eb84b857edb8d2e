"""Many clients at once, in one thread: each a generator that is resumed when its socket has something.

Their latencies include what this loop needs to get round to a socket, so a fast server looks a little slower
than it is, never faster.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from time import perf_counter
from typing import Final, NamedTuple

from tests.bench import compiled, wire
from tests.bench.client import CALLING, Called

_READ: Final = 65_536
_AT_A_TIME: Final = 4

Caller = Generator[int, None, None]
"""A client at work; yields the event it waits for."""


class Load(NamedTuple):
    """What a crowd saw.

    :param seconds: from the first query to the last answer.
    :param latencies: seconds of each query.
    """

    seconds: float
    latencies: list[float]


def load(
    called: Called, questions: list[wire.Writes], *, clients: int, seconds: float, budget: float
) -> Load:
    """Open associations, then ask on all of them for some seconds, each its next question upon an answer.

    By a program in C, where there is a compiler.

    :param budget: seconds that all of it may take.
    :raises TimeoutError: it took longer.
    :raises wire.WireError: the server refused, ended a connection, or found other than one match.
    """
    if (fast := compiled.program()) is not None:
        asked = [compiled.Question(wire.WORKLIST, (each,), matches=1) for each in questions]
        return Load(*compiled.load(fast, called, asked, clients=clients, seconds=seconds, budget=budget))
    latencies: list[float] = []
    deadline = perf_counter() + budget
    number = count()

    def question() -> wire.Writes:
        return questions[next(number) % len(questions)]

    with _opened(called, clients, deadline) as sockets:
        began = perf_counter()
        until = began + seconds
        _run({each: _asking(each, question, until, latencies) for each in sockets}, deadline)
        return Load(perf_counter() - began, latencies)


def all_served(called: Called, questions: list[wire.Writes], *, clients: int, budget: float) -> float:
    """Connect all at once, each to ask one question; return the seconds until the last one's answer."""
    began = perf_counter()
    latest = [0.0]

    def visit(sock: socket.socket, question: wire.Writes) -> Caller:
        yield from _opening(sock, called)
        yield from _answered(sock, question)
        latest[0] = perf_counter() - began
        yield from _released(sock)

    with _sockets(called, clients) as sockets:
        visits = {each: visit(each, questions[i % len(questions)]) for i, each in enumerate(sockets)}
        _run(visits, began + budget)
    return latest[0]


@contextmanager
def idle(called: Called, *, clients: int, budget: float) -> Iterator[None]:
    """Hold open associations on which nothing is said."""
    with _opened(called, clients, perf_counter() + budget) as sockets:
        yield
        _run({each: _released(each) for each in sockets}, perf_counter() + budget)


@contextmanager
def _opened(called: Called, clients: int, deadline: float) -> Iterator[list[socket.socket]]:
    """Open so many associations, a few at a time: what a rush does to a server is measured elsewhere."""
    with ExitStack() as stack:
        sockets: list[socket.socket] = []
        while len(sockets) < clients:
            few = stack.enter_context(_sockets(called, min(_AT_A_TIME, clients - len(sockets))))
            _run({each: _opening(each, called) for each in few}, deadline)
            sockets += few
        yield sockets


@contextmanager
def _sockets(called: Called, clients: int) -> Iterator[list[socket.socket]]:
    """Start so many connections at the same time."""
    sockets = [socket.socket() for _ in range(clients)]
    try:
        for each in sockets:
            each.setblocking(False)
            each.connect_ex((called.host, called.port))
        yield sockets
    finally:
        for each in sockets:
            each.close()


def _run(callers: dict[socket.socket, Caller], deadline: float) -> None:
    """Resume each caller when its socket is ready, until all are done."""
    with selectors.DefaultSelector() as selector:
        for sock, caller in callers.items():
            if (event := next(caller, None)) is not None:
                selector.register(sock, event, (event, caller))
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - perf_counter()))
            if not ready and perf_counter() >= deadline:
                raise TimeoutError("over budget")
            for key, _ in ready:
                event, caller = key.data
                following = next(caller, None)
                if following is None:
                    selector.unregister(key.fileobj)
                elif following != event:
                    selector.modify(key.fileobj, following, (following, caller))


def _opening(sock: socket.socket, called: Called) -> Caller:
    yield selectors.EVENT_WRITE
    if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise wire.WireError(f"could not be connected to (errno {error})")
    _write(sock, wire.associate(called.ae_title, CALLING, wire.WORKLIST))
    received = b""
    while not wire.accepted(received):
        yield selectors.EVENT_READ
        received += _read(sock)


def _asking(
    sock: socket.socket, question: Callable[[], wire.Writes], until: float, latencies: list[float]
) -> Caller:
    while True:
        began = perf_counter()
        yield from _answered(sock, question())
        latencies.append(perf_counter() - began)
        if perf_counter() >= until:
            break
    yield from _released(sock)


def _answered(sock: socket.socket, question: wire.Writes) -> Caller:
    answers = wire.Answers()
    for part in question:
        _write(sock, part)
    answer = None
    while answer is None:
        yield selectors.EVENT_READ
        answer = answers.feed(_read(sock))
    if answer != (0, 1):
        raise wire.WireError(f"answered {answer.status:04X} with {answer.pending} matches instead of one")


def _released(sock: socket.socket) -> Caller:
    _write(sock, wire.RELEASE_RQ)
    yield selectors.EVENT_READ
    _read(sock)


def _write(sock: socket.socket, data: bytes) -> None:
    if sock.send(data) != len(data):
        raise wire.WireError("does not read")


def _read(sock: socket.socket) -> bytes:
    data = sock.recv(_READ)
    if not data:
        raise wire.WireError("ended the connection")
    return data
