"""Peers that are slow, silent, greedy or hostile are dropped in time, and nobody else notices."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from time import perf_counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_relay.upper_layer.application import Limits
from edge_relay.upper_layer.association import Association
from edge_relay.upper_layer.listener import Listener
from edge_relay.upper_layer.negotiation import Negotiator
from edge_relay.upper_layer.operation import Response
from edge_relay.upper_layer.pdu import PduType
from edge_relay.upper_layer.states import State
from tests.rigs.patience import PATIENCE, SOON
from tests.rigs.upper_layer import (
    FIND_CONTEXT,
    PATIENT,
    PENDING,
    RELEASE_RQ,
    SUCCESS,
    VERIFICATION,
    Peer,
    Toy,
    associated,
    connected,
    echo,
    find,
    only,
    request,
    serving,
)

NOTHING = "no association was asked for in time"
PDU_LATE = "a PDU did not arrive in time"
IDLE = "nothing was asked for too long"
NOT_TAKEN = "the peer does not take its answers"


def dropped(toy: Toy, why: str) -> bool:
    return toy.until(lambda toy: why in [said for *_, said in toy.refusals])


def kinds(peer: Peer) -> list[PduType]:
    """What comes until the connection is closed."""
    found = []
    while pdu := peer.pdu():
        found.append(pdu.type)
    return found


def test_a_peer_that_says_nothing_is_dropped() -> None:
    began = perf_counter()
    with serving(limits=only(artim_seconds=0.3)) as (toy, listener), connected(listener) as peer:
        assert kinds(peer) == []
        assert 0.25 < perf_counter() - began < SOON
        assert dropped(toy, NOTHING)


def test_a_peer_that_never_comes_to_its_association_is_dropped() -> None:
    with serving(limits=only(pdu_seconds=0.25)) as (toy, listener), connected(listener) as peer:
        peer.send(request()[:-1])
        assert kinds(peer) == []
        assert dropped(toy, PDU_LATE)


def trickle(peer: Peer, data: bytes, over: threading.Event) -> None:
    for byte in data:
        if over.wait(0.02):
            return
        try:
            peer.send(bytes((byte,)))
        except OSError:
            return


def test_a_peer_that_trickles_is_dropped_at_the_deadline_of_its_pdu() -> None:
    over = threading.Event()
    with (
        serving(limits=only(pdu_seconds=0.25)) as (toy, listener),
        associated(listener) as peer,
        associated(listener) as other,
    ):
        trickling = threading.Thread(target=trickle, args=(peer, find(1, bytes(1000)), over))
        trickling.start()
        while not toy.refusals:
            other.echo()
        over.set()
        trickling.join()
        assert toy.refusals[0] == ("SCANNER1", "127.0.0.1", PDU_LATE)
        other.echo()


def test_a_peer_that_trickles_its_association_request_is_dropped_too() -> None:
    over = threading.Event()
    with serving(limits=only(pdu_seconds=0.25)) as (toy, listener), connected(listener) as peer:
        trickling = threading.Thread(target=trickle, args=(peer, request(), over))
        trickling.start()
        assert dropped(toy, PDU_LATE)
        over.set()
        trickling.join()


def test_an_idle_association_is_ended() -> None:
    began = perf_counter()
    with serving(limits=only(idle_seconds=0.4)) as (toy, listener), associated(listener) as peer:
        assert kinds(peer) == [PduType.A_ABORT]
        assert 0.35 < perf_counter() - began < SOON
        assert dropped(toy, IDLE)
        assert toy.open == []


def test_an_association_is_not_idle_while_it_waits_for_us() -> None:
    with serving(limits=only(idle_seconds=1.5)) as (toy, listener), associated(listener) as peer:
        peer.send(find(1, b"later"))
        with associated(listener):
            assert dropped(toy, IDLE)  # this one
        assert toy.until(lambda toy: len(toy.open) == 1)
        toy.futures[0].set_result(Response(SUCCESS))
        assert peer.answer().status == SUCCESS


def test_a_message_that_never_ends_is_not_waited_for() -> None:
    value = b"\x04\0\0\0\0\x06\0\0\0\x02" + bytes((FIND_CONTEXT, 1))
    over = threading.Event()
    with serving(limits=only(idle_seconds=0.4)) as (toy, listener), associated(listener) as peer:
        sending = threading.Thread(target=trickle_values, args=(peer, value, over))
        sending.start()
        assert dropped(toy, IDLE)
        over.set()
        sending.join()


def trickle_values(peer: Peer, value: bytes, over: threading.Event) -> None:
    while not over.wait(0.01):
        try:
            peer.send(value * 10)
        except OSError:
            return


def test_a_peer_that_never_closes_after_its_release_is_dropped() -> None:
    with serving(limits=only(artim_seconds=0.3)) as (toy, listener), associated(listener) as peer:
        began = perf_counter()
        peer.send(RELEASE_RQ)
        assert kinds(peer) == [PduType.A_RELEASE_RP]
        assert 0.2 < perf_counter() - began < SOON
        assert toy.refusals == []


def test_a_peer_that_never_closes_after_our_abort_is_dropped_and_heard_no_more() -> None:
    with serving(limits=only(artim_seconds=0.3)) as (toy, listener), associated(listener) as peer:
        peer.send(b"\x99\0\0\0\0\0" + echo(1))
        assert kinds(peer) == [PduType.A_ABORT]
        assert toy.performed == []
        assert [why for *_, why in toy.refusals] == ["a PDU of unknown type"]


def test_a_peer_that_never_reads_is_dropped_and_little_is_kept_for_it() -> None:
    with (
        serving(limits=only(pdu_seconds=0.25)) as (toy, listener),
        associated(listener) as peer,
        associated(listener) as other,
    ):
        peer.send(find(1, b"endless 4000"))
        while not toy.refusals:
            other.echo()
        assert toy.refusals[0][2] == NOT_TAKEN
        assert toy.until(lambda toy: toy.ended == 1)
        # Of what was drawn the system's buffers took a few MB.
        assert toy.drawn * 4000 < 16_000_000
        other.echo()


def test_a_peer_that_reads_slowly_gets_all_of_it() -> None:
    with serving(limits=only(pdu_seconds=2)) as (toy, listener), associated(listener) as peer:
        peer.send(find(1, b"many 3000 4000"))
        found = []
        for number in range(3001):
            found.append(peer.answer())
            if number % 500 == 0:
                threading.Event().wait(0.35)  # more than the limit, in all
        assert [each.status for each in found] == [PENDING] * 3000 + [SUCCESS]
        assert toy.refusals == []


def test_a_peer_that_asks_and_never_reads_has_nothing_more_performed() -> None:
    with serving(limits=only(pdu_seconds=0.25)) as (toy, listener), associated(listener) as peer:
        peer.send(find(1, b"many 4000 4000"))
        peer.send(find(2, b"later") * 20)
        assert dropped(toy, NOT_TAKEN)
        assert [each.command.message_id for each in toy.performed] == [1]


class Deaf(asyncio.Transport):
    """A transport to a peer that takes nothing."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__({"socket": connection})
        self.written = 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += len(data)


async def deaf_peer(sent: bytes) -> int:
    """Return how much is kept for a peer that releases, takes nothing, and goes on sending."""
    association = Association(Toy(), Negotiator([], 65_536), PATIENT, lambda _: None, lambda _: None)
    with socket.socket() as connection:
        transport = Deaf(connection)
        association.connection_made(transport)
        association.data_received(request() + RELEASE_RQ)
        while association._connection.state is not State.STA13:
            await asyncio.sleep(0)
        association.pause_writing()
        before = transport.written
        association.data_received(sent)
    return transport.written - before


def test_what_a_deaf_peer_must_be_told_again_and_again_is_not_kept_for_it() -> None:
    assert asyncio.run(deaf_peer(b"\x01\0\0\0\0\0" * 1000)) == 0


async def flooded(toy: Toy, requests: int) -> int:
    """Return how many of the requests that came at once were performed before others had their turn."""
    association = Association(
        toy, Negotiator([VERIFICATION], 65_536), PATIENT, lambda _: None, lambda _: None
    )
    with socket.socket() as connection:
        association.connection_made(Deaf(connection))
        association.data_received(request() + echo(1) * requests)
        at_once = len(toy.performed)
        while len(toy.performed) < requests:
            await asyncio.sleep(0)
    return at_once


def test_others_get_their_turn_in_the_midst_of_a_flood_of_requests() -> None:
    assert asyncio.run(flooded(Toy(), 20_000)) < 10_000


JUNK = {
    "half a PDU": b"\x01\x00\x00\x00\x00\x64half",
    "half a header": b"\x04\x00\x00",
    "300 MB": b"\x01\x00" + struct.pack(">L", 300_000_000) + b"x" * 100,
    "no type": b"\x99\x00\x00\x00\x00\x00",
    "web": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "data first": echo(1),
    "release first": RELEASE_RQ,
    "abort first": b"\x07\0\0\0\0\x04\0\0\0\0",
    "an answer": b"\x02\0\0\0\0\x04\0\0\0\0",
    "an empty request": b"\x01\0\0\0\0\0",
    "a request of zeros": b"\x01\0\0\0\0\x60" + bytes(96),
}


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
@pytest.mark.parametrize("first", [b"", request()], ids=["connected", "associated"])
def test_junk_ends_the_connection_and_nothing_else(first: bytes, junk: bytes) -> None:
    with serving(limits=only(artim_seconds=0.5, idle_seconds=1, pdu_seconds=0.5)) as (toy, listener):
        with connected(listener) as peer:
            peer.send(first + junk)
            found = kinds(peer)
            assert set(found[:1]) <= {PduType.A_ABORT, PduType.A_ASSOCIATE_AC, PduType.A_ASSOCIATE_RJ}
            assert set(found[1:]) <= {PduType.A_ABORT, PduType.A_RELEASE_RP, PduType.P_DATA_TF}
        with associated(listener) as other:
            other.echo()
        assert toy.until(lambda toy: not toy.open)


@pytest.fixture(scope="module")
def served() -> Iterator[Listener]:
    with serving(limits=only()) as (_, listener):
        yield listener


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.sampled_from([request(), echo(1), find(2, b"hello"), RELEASE_RQ]),
            st.binary(max_size=40),
            st.sampled_from([request(), find(2, b"hello")]).flatmap(
                lambda whole: st.integers(0, len(whole)).map(lambda end: whole[:end])
            ),
        ),
        max_size=6,
    )
)
def test_whatever_is_sent_the_next_peer_is_served(served: Listener, sent: list[bytes]) -> None:
    with connected(served) as peer:
        peer.send(b"".join(sent))
    with associated(served) as other:
        other.echo()


def test_silent_peers_keep_nobody_out() -> None:
    with serving(limits=Limits(artim_seconds=PATIENCE)) as (_, listener):
        peers = [connected(listener) for _ in range(100)]
        for each in peers:
            each.__enter__()
        began = perf_counter()
        with associated(listener) as other:
            other.echo()
        assert perf_counter() - began < SOON
        for each in peers:
            each.__exit__(None, None, None)
