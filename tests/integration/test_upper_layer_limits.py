"""How many connections there may be, what is left of them when they have gone, and how the end comes."""

from __future__ import annotations

import gc
import logging
import os
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from ipaddress import ip_address
from itertools import cycle, islice
from time import perf_counter

import pytest

from edge_relay.upper_layer import listener as listener_module
from edge_relay.upper_layer.application import ConnectionLimits, Limits, Port
from edge_relay.upper_layer.listener import Listener
from edge_relay.upper_layer.negotiation import Negotiator
from edge_relay.upper_layer.operation import Response
from edge_relay.upper_layer.pdu import PduType
from tests.rigs import upper_layer as rig
from tests.rigs.patience import PATIENCE, SOON
from tests.structure.imports import ROOT

TOO_MANY = "too many connections are open"


def ended(peer: rig.Peer) -> bool:
    while peer.pdu():
        pass
    return True


# -------------------------------------------------------------------------------------------------- how many


@pytest.fixture
def from_afar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the listener take this machine's addresses for other machines'."""
    monkeypatch.setattr(listener_module, "ip_address", lambda _: ip_address("10.0.0.1"))


@pytest.mark.usefixtures("from_afar")
def test_one_address_has_only_so_many_connections_and_leaves_room_for_others() -> None:
    limits = ConnectionLimits(total=10, per_address=2)
    with rig.serving(connections=limits) as (toy, listener), ExitStack() as open_ones:
        for _ in range(2):
            peer = open_ones.enter_context(rig.connected(listener, source="127.0.0.2"))
            peer.associate()
        with rig.connected(listener, source="127.0.0.2") as third:
            assert ended(third)
        assert toy.refusals == [("", "127.0.0.2", TOO_MANY)]
        with rig.connected(listener, source="127.0.0.3") as other:
            other.associate()
            other.echo()
        peer.echo()


@pytest.mark.usefixtures("from_afar")
def test_all_together_have_only_so_many_and_a_place_becomes_free_again() -> None:
    with rig.serving(connections=ConnectionLimits(total=2, per_address=2)) as (toy, listener):
        with rig.associated(listener), rig.connected(listener, source="127.0.0.2") as second:
            second.associate()
            with rig.connected(listener, source="127.0.0.3") as third:
                assert ended(third)
        assert toy.until(lambda toy: not toy.open)
        with rig.connected(listener, source="127.0.0.3") as fourth:
            fourth.associate()
            fourth.echo()


def test_this_machine_has_a_few_places_more_but_not_without_end() -> None:
    with (
        rig.serving(connections=ConnectionLimits(total=1, per_address=1)) as (toy, listener),
        ExitStack() as all_,
    ):
        for _ in range(9):
            all_.enter_context(rig.associated(listener)).echo()
        with rig.connected(listener) as last:
            assert ended(last)
        assert toy.refusals == [("", "127.0.0.1", TOO_MANY)]


def test_64_peers_may_connect_at_once() -> None:
    with rig.serving() as (_, listener), ExitStack() as all_:
        began = perf_counter()
        peers = [all_.enter_context(rig.connected(listener)) for _ in range(64)]
        for peer in peers:
            peer.send(rig.request() + rig.echo(1))
        for peer in peers:
            accepted = peer.pdu()
            assert accepted is not None
            assert peer.answer().status == rig.SUCCESS
        assert perf_counter() - began < SOON


# --------------------------------------------------------------------------------------------- what is left


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


CHEAP = (
    b"",
    rig.request()[:20],
    rig.request(),
    rig.request() + rig.RELEASE_RQ,
    rig.request() + rig.echo(1)[:9],
    rig.request() + rig.find(1, b"later"),
    b"GET / HTTP/1.1\r\n",
)
DEAR = (rig.request() + rig.find(1, b"silent"), rig.request() + rig.find(1, b"endless 100"))


def test_nothing_is_left_of_2000_connections_of_every_kind() -> None:
    with (
        rig.serving(limits=Limits(artim_seconds=1, pdu_seconds=1)) as (toy, listener),
        ExitStack() as keeping_up,
    ):
        pace = keeping_up.enter_context(rig.associated(listener))
        pace.echo()
        gc.collect()
        before = (descriptors(), threading.active_count())
        for number, sent in enumerate(islice(cycle(CHEAP * 20 + DEAR), 2000)):
            with rig.connected(listener) as peer:
                peer.send(sent)
            if number % 50 == 0:
                pace.echo()  # faster, and what waits to be accepted would be too many
        assert toy.until(lambda toy: len(toy.open) == 1)
        while len(listener._associations) > 1:
            pace.echo()
        # What the loop closes, and what was accepted last on a busy machine, takes a turn or two more.
        deadline = perf_counter() + PATIENCE
        while (left := (descriptors(), threading.active_count())) != before and perf_counter() < deadline:
            gc.collect()
            pace.echo()
        assert left == before
        assert listener._addresses == {"127.0.0.1": 1}
        assert not listener._opening


def test_nothing_is_left_of_a_listener_that_was_stopped() -> None:
    gc.collect()
    before = (descriptors(), threading.active_count())
    for _ in range(3):
        with rig.serving() as (_, listener), rig.associated(listener) as peer:
            peer.echo()
    gc.collect()
    assert (descriptors(), threading.active_count()) == before


STARVED = """
import logging, os, resource, sys
from tests.rigs.upper_layer import serving
logging.basicConfig(level=logging.INFO)
with serving() as (toy, listener):
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 5, used + 5))
    print(listener.addresses[0][1], flush=True)
    sys.stdin.readline()
"""


def test_a_lack_of_descriptors_is_only_waited_for() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARVED],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as starved:
        assert starved.stdout is not None
        assert starved.stderr is not None
        address = ("127.0.0.1", int(starved.stdout.readline()))
        crowd = [socket.create_connection(address, PATIENCE) for _ in range(12)]
        assert "cannot be accepted" in starved.stderr.readline()
        for each in crowd:
            each.close()
        with socket.create_connection(address, PATIENCE) as connection:
            peer = rig.Peer(connection)
            assert peer.associate() is not None
            peer.echo()
        starved.communicate("\n", timeout=PATIENCE)
    assert starved.returncode == 0


# --------------------------------------------------------------------------------------------- how it ends


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_ports_are_told_as_bound_and_serve_alike() -> None:
    ports = (Port("127.0.0.1", 0), Port("::1", 0))
    with rig.serving(ports=ports) as (_, listener):
        assert [host for host, _ in listener.addresses] == ["127.0.0.1", "::1"]
        for port in range(2):
            with rig.connected(listener, port) as peer:
                peer.associate()
                peer.echo()


def test_a_port_that_is_taken_is_an_error_and_the_others_are_let_go() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        other = free.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [Port("127.0.0.1", other), Port("127.0.0.1", taken.getsockname()[1])]
        with pytest.raises(OSError, match="in use"):
            Listener(ports, rig.Toy(), Negotiator([], 65_536), rig.PATIENT, ConnectionLimits())
    rig.listen_for_a_moment(("127.0.0.1", other))


def test_a_listener_may_be_stopped_before_it_was_started_and_twice() -> None:
    listener = Listener(
        (Port("127.0.0.1", 0),), rig.Toy(), Negotiator([], 65_536), rig.PATIENT, ConnectionLimits()
    )
    assert listener.stop(1)
    assert listener.stop(1)


def test_an_idle_association_is_aborted_at_once_when_the_end_comes() -> None:
    with (
        rig.serving() as (toy, listener),
        rig.associated(listener) as peer,
        rig.connected(listener) as silent,
    ):
        began = perf_counter()
        assert listener.stop(PATIENCE)
        assert perf_counter() - began < SOON
        aborted = peer.pdu()
        assert aborted is not None
        assert aborted.type is PduType.A_ABORT
        assert ended(peer)
        assert ended(silent)
        assert toy.open == []


def stopping(listener: Listener, timeout: float) -> tuple[threading.Thread, list[bool]]:
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(listener.stop(timeout)))
    thread.start()
    return thread, results


def refused(listener_address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(listener_address, PATIENCE).close()
    except ConnectionError:
        return True
    return False


def test_what_is_being_answered_is_finished_first_and_nobody_new_is_served() -> None:
    with rig.serving() as (toy, listener), rig.associated(listener) as peer:
        address = listener.addresses[0]
        peer.send(rig.find(1, b"later") + rig.echo(2))
        assert toy.until(lambda toy: len(toy.futures) == 1)
        thread, results = stopping(listener, PATIENCE)
        while not refused(address):
            pass
        assert thread.is_alive()
        toy.futures[0].set_result(Response(rig.SUCCESS))
        assert peer.answer()[:2] == (1, rig.SUCCESS)
        aborted = peer.pdu()
        assert aborted is not None
        assert aborted.type is PduType.A_ABORT
        thread.join(PATIENCE)
        assert results == [True]
        assert len(toy.performed) == 1


def test_a_long_answer_is_finished_first_too() -> None:
    with rig.serving() as (_, listener), rig.associated(listener) as peer:
        peer.send(rig.find(1, b"many 3000 4000"))
        assert peer.answer()[:2] == (1, 0xFF00)
        thread, results = stopping(listener, PATIENCE)
        assert len(peer.answers()) == 3000
        thread.join(PATIENCE)
        assert results == [True]


@pytest.mark.parametrize("word", [b"later", b"silent", b"endless 4000"])
def test_the_end_comes_in_time_whatever_peers_do(word: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with rig.serving() as (toy, listener), rig.associated(listener) as stalled, rig.associated(listener):
        stalled.send(rig.find(1, word))
        assert toy.until(lambda toy: len(toy.performed) == 1)
        began = perf_counter()
        assert listener.stop(0.3) is False
        assert 0.25 < perf_counter() - began < SOON
        assert ended(stalled)
        assert toy.open == []
        assert not listener._associations
    with caplog.at_level(logging.DEBUG):
        gc.collect()
    assert caplog.records == []


def test_connections_that_come_just_then_are_closed_too() -> None:
    with rig.serving(limits=rig.only(artim_seconds=0.3)) as (_, listener), ExitStack() as all_:
        peers = [all_.enter_context(rig.connected(listener)) for _ in range(50)]
        assert listener.stop(PATIENCE)
        assert all(ended(peer) for peer in peers)
