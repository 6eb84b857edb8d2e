"""Associations over sockets, on both acceptors: the odd are accepted, the refused are known by name."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random

import pytest

from edge_relay.services.scp import SERVICES
from edge_relay.upper_layer.application import Acceptor, ConnectionLimits, Limits, Port
from edge_relay.upper_layer.listener import Listener
from edge_relay.upper_layer.negotiation import UNKNOWN_CALLING, Negotiator
from edge_relay.upper_layer.pdu import PduType
from edge_relay.upper_layer.pynetdicom_acceptor import PynetdicomAcceptor
from shared.dicom.dicom_text import parse_uid
from shared.errors import Rejected
from tests.fuzz import associations, corpus
from tests.rigs.patience import PATIENCE
from tests.rigs.upper_layer import Peer, Toy, only

Serving = Callable[[Toy, Limits], AbstractContextManager[Acceptor]]
PLAIN = corpus.associate()
ECHO = b"".join(corpus.message(corpus.VERIFICATION, corpus.COMMANDS[0]))
ABORTED, REJECTED = PduType.A_ABORT, PduType.A_ASSOCIATE_RJ


@contextmanager
def running(acceptor: Acceptor) -> Iterator[Acceptor]:
    acceptor.start()
    try:
        yield acceptor
    finally:
        acceptor.stop(1.0)


def on_asyncio(toy: Toy, limits: Limits) -> AbstractContextManager[Acceptor]:
    negotiator = Negotiator(SERVICES, limits.max_pdu_bytes)
    return running(Listener([Port("127.0.0.1", 0)], toy, negotiator, limits, ConnectionLimits()))


def on_pynetdicom(toy: Toy, limits: Limits) -> AbstractContextManager[Acceptor]:
    ports = [Port("127.0.0.1", 0)]
    return running(PynetdicomAcceptor(ports, toy, SERVICES, limits, ConnectionLimits()))


BOTH = pytest.mark.parametrize("serving", [on_asyncio, on_pynetdicom])


@contextmanager
def connected(acceptor: Acceptor) -> Iterator[Peer]:
    peer = Peer(socket.create_connection(acceptor.addresses[0], PATIENCE))
    try:
        yield peer
    finally:
        peer.close()


@BOTH
def test_odd_and_legal_requests_are_accepted(serving: Serving) -> None:
    with serving(Toy(), only()) as acceptor:
        for number in range(40):
            raw = associations.odd_request(Random(number))
            with connected(acceptor) as peer:
                peer.send(raw)
                answer = peer.pdu()
                assert answer is not None, number
                assert answer.type is PduType.A_ASSOCIATE_AC, number
                peer.send(b"\x05\0\0\0\0\x04\0\0\0\0")
                released = peer.pdu()
                assert released is not None
                assert released.type is PduType.A_RELEASE_RP


def item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def with_items(items: bytes, calling: bytes = b"SCANNER1") -> bytes:
    body = PLAIN[6:26] + calling.ljust(16) + PLAIN[42:74] + items
    return b"\1\0" + struct.pack(">L", len(body)) + body


USER = item(0x50, item(0x51, struct.pack(">L", 16_384)) + item(0x52, b"1.2.3"))
APPLICATION = item(0x10, corpus.APPLICATION_CONTEXT.encode())
UNREADABLE = item(0x20, b"\1\0\0\0") + item(0x20, b"\3\0\0\0" + item(0x30, b"rubbish"))


@BOTH
def test_contexts_that_nobody_can_read_are_refused_one_by_one(serving: Serving) -> None:
    with serving(Toy(), only()) as acceptor, connected(acceptor) as peer:
        peer.send(with_items(APPLICATION + UNREADABLE + USER))
        answer = peer.pdu()
    assert answer is not None
    assert answer.type is PduType.A_ASSOCIATE_AC
    assert b"\x21\0\0\x19\1\0\3\0" in answer.raw  # presentation context 1: abstract syntax not supported
    assert b"\x21\0\0\x19\3\0\3\0" in answer.raw


@BOTH
@pytest.mark.parametrize(
    ("raw", "answered", "name", "why"),
    [
        (with_items(APPLICATION + USER), REJECTED, "SCANNER1", "no presentation context"),
        (PLAIN[:6] + b"\0\2" + PLAIN[8:], REJECTED, "SCANNER1", "does not have version 1"),
        (with_items(APPLICATION + b"\x20\0\xff\xff"), ABORTED, "SCANNER1", "cut off"),
        (with_items(APPLICATION + item(0x50, b"\x51\0\0\x09")), ABORTED, "SCANNER1", "cut off"),
        (with_items(PLAIN[74:], b""), REJECTED, "", "not known"),
        (with_items(PLAIN[74:], b"\0" * 16), REJECTED, "", "not known"),
    ],
    ids=["no context", "version", "item cut off", "sub-item cut off", "no name", "NUL"],
)
def test_whoever_is_refused_or_aborted_is_known_by_name_and_address(
    serving: Serving, raw: bytes, answered: PduType, name: str, why: str
) -> None:
    toy = Toy()
    with serving(toy, only()) as acceptor, connected(acceptor) as peer:
        peer.send(raw)
        answer = peer.pdu()
        assert answer is not None
        assert answer.type is answered
        assert toy.until(lambda toy: bool(toy.refusals))
    ((calling, address, said),) = toy.refusals
    assert (calling, address) == (name, "127.0.0.1")
    assert why in said


@BOTH
def test_whoever_the_application_refuses_is_told_so_by_the_name_it_gave(serving: Serving) -> None:
    toy = Toy()
    toy.rejection = UNKNOWN_CALLING
    with serving(toy, only()) as acceptor, connected(acceptor) as peer:
        peer.send(with_items(PLAIN[74:], b"M\xfcnster"))
        assert peer.pdu() is not None
        assert toy.until(lambda toy: bool(toy.refusals))
    assert toy.refusals[0][0] == "M\ufffdnster"


@BOTH
def test_whoever_breaks_the_protocol_later_is_known_too(serving: Serving) -> None:
    toy = Toy()
    with serving(toy, only()) as acceptor, connected(acceptor) as peer:
        peer.send(PLAIN)
        assert peer.pdu() is not None
        peer.send(b"\x99\0\0\0\0\0")
        assert toy.until(lambda toy: bool(toy.refusals))
    assert toy.refusals[0][:2] == ("SCANNER1", "127.0.0.1")


@pytest.mark.parametrize(
    "begun",
    [PLAIN[:42], PLAIN[:-1], PLAIN[:2] + b"\xff\xff\xff\xff" + PLAIN[6:42]],
    ids=["titles only", "all but the end", "an impossible length"],
)
def test_whoever_never_ends_the_request_is_known_by_what_came(begun: bytes) -> None:
    toy = Toy()
    with on_asyncio(toy, only(artim_seconds=0.3, pdu_seconds=0.3)) as acceptor, connected(acceptor) as peer:
        peer.send(begun)
        assert toy.until(lambda toy: bool(toy.refusals))
    assert toy.refusals[0][:2] == ("SCANNER1", "127.0.0.1")


@BOTH
@pytest.mark.parametrize("instance", ["abc", "1" * 65, "1..2", "1.02"])
def test_an_instance_uid_that_is_none_is_answered_by_the_service_and_never_aborted(
    serving: Serving, instance: str
) -> None:
    toy = Toy()
    raw = instance.encode() + b"\0" * (len(instance) % 2)
    command = corpus.command(corpus.N_CREATE, corpus.STEP, instance="2.25.1")
    command = command.replace(
        struct.pack("<HHL", 0, 0x1000, 6) + b"2.25.1", struct.pack("<HHL", 0, 0x1000, len(raw)) + raw
    )
    command = command[:8] + struct.pack("<L", len(command) - 12) + command[12:]
    with serving(toy, only()) as acceptor, connected(acceptor) as peer:
        peer.send(PLAIN)
        assert peer.pdu() is not None
        peer.send(b"".join(corpus.message(corpus.STEP, command, corpus.CREATES[True][0])))
        assert peer.answer().status == 0
        peer.send(ECHO)
        assert peer.answer().status == 0
    with pytest.raises(Rejected):
        parse_uid(toy.performed[0].command.sop_instance_uid)
