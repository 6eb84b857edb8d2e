"""pynetdicom as the acceptor: what it lacks and we give it, and what holds for it as for our own."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import repeat
from pathlib import Path
from time import monotonic, perf_counter

import pytest
from pynetdicom.association import Association

from edge_relay.client import scu
from edge_relay.services.tls import ServerTls, TlsFiles
from edge_relay.upper_layer.application import ConnectionLimits, Limits, Port
from edge_relay.upper_layer.message import Request
from edge_relay.upper_layer.operation import Operation, Response
from edge_relay.upper_layer.pdu import PduType, data_pdus
from edge_relay.upper_layer.pynetdicom_acceptor import PynetdicomAcceptor
from edge_relay.upper_layer.pynetdicom_tuning import accepted_socket
from tests.fuzz import corpus
from tests.rigs.patience import PATIENCE, SOON
from tests.rigs.tls import Authority
from tests.rigs.upper_layer import (
    CANCELLED,
    PENDING,
    RELEASE_RQ,
    SUCCESS,
    VERIFICATION,
    WORKLIST,
    Peer,
    Toy,
    cancel,
    echo,
    listen_for_a_moment,
    request,
)

SHORT = Limits(artim_seconds=0.4, idle_seconds=0.6, pdu_seconds=0.3)
NAME = b"\x10\0\x20\0" + (4000).to_bytes(4, "little") + b"x" * 4000  # (0010,0020), implicit VR

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
"""pynetdicom's own thread may meet a connection that has just gone: a traceback (ADR 004)."""


class Worklist(Toy):
    """Answers C-FIND as its identifier says: ``endless``, ``later``, or with one match."""

    def _yielding(self, word: str, numbers: list[int], data: bytes) -> Iterator[Response | None]:
        try:
            for _ in repeat(None) if word == "endless" else range(1):
                self.drawn += 1
                yield Response(PENDING, NAME)
            yield Response(SUCCESS)
        finally:
            with self._noting():
                self.ended += 1

    def perform(self, request: Request) -> Operation:
        return super().perform(request)


@contextmanager
def serving(
    limits: Limits | None = None,
    connections: ConnectionLimits | None = None,
    ports: tuple[Port, ...] = (Port("127.0.0.1", 0),),
) -> Iterator[tuple[Worklist, PynetdicomAcceptor]]:
    toy = Worklist()
    acceptor = PynetdicomAcceptor(
        ports, toy, [VERIFICATION, WORKLIST], limits or Limits(), connections or ConnectionLimits()
    )
    acceptor.start()
    try:
        yield toy, acceptor
    finally:
        acceptor.stop(1.0)


@contextmanager
def connected(acceptor: PynetdicomAcceptor, port: int = 0) -> Iterator[Peer]:
    peer = Peer(socket.create_connection(acceptor.addresses[port], PATIENCE))
    try:
        yield peer
    finally:
        peer.close()


@contextmanager
def associated(acceptor: PynetdicomAcceptor) -> Iterator[Peer]:
    with connected(acceptor) as peer:
        answer = peer.associate()
        assert answer is not None
        assert answer.type is PduType.A_ASSOCIATE_AC
        yield peer


def find(word: bytes) -> bytes:
    command_set = corpus.command(corpus.C_FIND, WORKLIST)
    return data_pdus(3, command_set, 16_384, is_command=True) + data_pdus(3, word, 16_384, is_command=False)


def ended(peer: Peer) -> list[PduType]:
    found = []
    while pdu := peer.pdu():
        found.append(pdu.type)
    return found


def said(toy: Toy, why: str) -> bool:
    return toy.until(lambda toy: any(why in each for *_, each in toy.refusals))


def test_a_scanner_is_served_and_its_coming_and_going_told() -> None:
    with serving() as (toy, acceptor):
        with associated(acceptor) as peer:
            assert toy.open == ["SCANNER1"]
            peer.echo()
            peer.send(find(b"who?"))
            assert [each.status for each in peer.answers()] == [PENDING, SUCCESS]
            peer.send(RELEASE_RQ)
            assert ended(peer) == [PduType.A_RELEASE_RP]
        assert toy.until(lambda toy: not toy.open)
        assert toy.answers == [(99, SUCCESS, 0), (1, SUCCESS, 1)]
        assert toy.refusals == []


def test_an_answer_leaves_at_once() -> None:
    with serving() as (_, acceptor), associated(acceptor):
        served = [each for each in threading.enumerate() if isinstance(each, Association)]
        undelayed = [
            accepted_socket(each).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for each in served
        ]
    assert undelayed, "nobody is served"
    assert all(undelayed), "Nagle's algorithm costs 40 ms for each answer"


def test_a_cancel_is_heard_in_the_midst_of_answers() -> None:
    with serving() as (toy, acceptor), associated(acceptor) as peer:
        peer.send(find(b"endless"))
        assert peer.answer().status == PENDING
        peer.send(cancel(1))
        assert peer.answers()[-1].status == CANCELLED
        peer.echo()
        assert toy.until(lambda toy: toy.ended == 1)


def test_a_peer_that_never_reads_is_dropped_and_little_is_kept_for_it() -> None:
    with serving(SHORT) as (toy, acceptor), associated(acceptor) as peer, connected(acceptor):
        peer.send(find(b"endless"))
        assert toy.until(lambda toy: toy.ended == 1)
        assert toy.drawn * len(NAME) < 16_000_000  # of which the system's buffers took a few MB
        assert toy.until(lambda toy: not toy.open)


@pytest.mark.parametrize(
    "sent", [b"", request()[:50], request() + echo(1)[:20]], ids=["nothing", "half a request", "half a PDU"]
)
def test_a_peer_that_stops_half_way_is_dropped(sent: bytes) -> None:
    with serving(SHORT) as (toy, acceptor), connected(acceptor) as peer:
        peer.send(sent)
        began = perf_counter()
        ended(peer)
        assert perf_counter() - began < SOON
        assert toy.until(lambda toy: not toy.open)


def test_an_idle_association_is_ended() -> None:
    with serving(SHORT) as (toy, acceptor), associated(acceptor) as peer:
        assert ended(peer) == [PduType.A_ABORT]
        assert toy.until(lambda toy: not toy.open)


def test_a_message_without_end_is_refused() -> None:
    limits = Limits(max_message_bytes=65_536)
    with serving(limits) as (toy, acceptor), associated(acceptor) as peer:
        piece = data_pdus(3, b"x" * 16_000, 16_384, is_command=False)
        peer.send(data_pdus(3, corpus.command(corpus.C_FIND, WORKLIST), 16_384, is_command=True))
        for _ in range(5):
            peer.send(piece[:11] + b"\0" + piece[12:])  # not the last
        assert ended(peer) == [PduType.A_ABORT]
        assert said(toy, "a message of more than 65536 bytes")
        assert toy.performed == []


def test_junk_is_told_once() -> None:
    with serving() as (toy, acceptor), associated(acceptor) as peer:
        peer.send(b"\x99" + bytes(5))
        ended(peer)
        assert said(toy, "no legal PDU")
        assert toy.until(lambda toy: not toy.open)
        assert len(toy.refusals) == 1


def test_only_so_many_may_connect_and_a_place_becomes_free_again() -> None:
    with (
        serving(connections=ConnectionLimits(total=1, per_address=1)) as (toy, acceptor),
        ExitStack() as all_,
    ):
        for _ in range(9):  # eight places are for this machine itself
            all_.enter_context(associated(acceptor)).echo()
        with connected(acceptor) as last:
            assert ended(last) == []
        assert said(toy, "too many connections are open")
        all_.close()
        assert toy.until(lambda toy: not toy.open)
        with associated(acceptor) as another:
            another.echo()


@pytest.mark.parametrize("word", [b"endless", b"later"])
def test_the_end_comes_in_time_whatever_peers_do(word: bytes) -> None:
    with (
        serving() as (toy, acceptor),
        associated(acceptor) as stalled,
        associated(acceptor),
        connected(acceptor),
    ):
        stalled.send(find(word))
        assert toy.until(lambda toy: len(toy.performed) == 1)
        began = monotonic()
        assert acceptor.stop(0.5) is False
        assert monotonic() - began < SOON
        assert toy.until(lambda toy: not toy.open)
        for future in toy.futures:
            future.set_result(Response(SUCCESS))


def test_what_is_being_answered_is_finished_first() -> None:
    with serving() as (toy, acceptor), associated(acceptor) as peer:
        peer.send(find(b"later"))
        assert toy.until(lambda toy: len(toy.futures) == 1)
        results: list[bool] = []
        stopping = threading.Thread(target=lambda: results.append(acceptor.stop(5)))
        stopping.start()
        toy.futures[0].set_result(Response(SUCCESS))
        assert peer.answer().status == SUCCESS
        stopping.join(PATIENCE)
        assert results == [True]


def test_no_thread_and_no_port_is_left_in_the_end() -> None:
    before = threading.active_count()
    for _ in range(3):
        with serving() as (_, acceptor), associated(acceptor) as peer, connected(acceptor):
            peer.echo()
            address = acceptor.addresses[0]
    deadline = monotonic() + PATIENCE
    while threading.active_count() > before:
        assert monotonic() < deadline, threading.enumerate()
    listen_for_a_moment(address)


def test_a_peer_that_only_looks_leaves_no_thread_behind() -> None:
    with serving() as (_, acceptor):
        before = threading.active_count()
        for _ in range(5):
            with connected(acceptor):
                pass
        deadline = monotonic() + PATIENCE
        while threading.active_count() > before:
            assert monotonic() < deadline, threading.enumerate()


def test_a_port_that_is_taken_is_an_error_and_the_others_are_let_go() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        other = free.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = (Port("127.0.0.1", other), Port("127.0.0.1", taken.getsockname()[1]))
        with pytest.raises(OSError, match="in use"), serving(ports=ports):
            pass
    listen_for_a_moment(("127.0.0.1", other))


# --------------------------------------------------------------------------------------------------- TLS


@pytest.fixture
def hospital(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "hospital")


def secured(hospital: Authority) -> tuple[Port, Port]:
    server = hospital.issue("relay")
    tls = ServerTls(TlsFiles(server.certificate, server.key, None, "none"), monotonic)
    return Port("127.0.0.1", 0), Port("127.0.0.1", 0, tls.context)


def ask(acceptor: PynetdicomAcceptor, hospital: Authority) -> None:
    context = ssl.create_default_context(cafile=str(hospital.file))
    host, port = acceptor.addresses[1]
    scu.echo(scu.Peer(host, port, "MWL_RELAY", "SCANNER1", 5, context))


def test_a_silent_peer_does_not_hold_up_the_handshakes_of_others(hospital: Authority) -> None:
    with serving(ports=secured(hospital)) as (toy, acceptor), connected(acceptor, 1):
        ask(acceptor, hospital)
        assert toy.until(lambda toy: len(toy.answers) == 1)


def test_a_handshake_that_fails_or_takes_too_long_is_told(hospital: Authority) -> None:
    with serving(SHORT, ports=secured(hospital)) as (toy, acceptor), connected(acceptor, 1) as silent:
        with connected(acceptor, 1) as plain:
            plain.send(request())
            ended(plain)
        assert said(toy, "the TLS handshake failed")
        ended(silent)
        assert said(toy, "it took too long")
        ask(acceptor, hospital)
