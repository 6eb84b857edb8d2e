"""The relay's own DICOM client against peers that break the connection, as a killed relay does."""

from __future__ import annotations

import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.acse import ACSE
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.pdu import A_ABORT_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.presentation import PresentationContext

from edge_relay.client import scu
from shared.errors import MwlError, Unavailable
from tests.rigs.patience import PATIENCE, SOON
from tests.rigs.relay import began, completed, item, query

ENOUGH = 65_536
Peer = Callable[[socket.socket], None]


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _accept(connection: socket.socket) -> None:
    asked = A_ASSOCIATE_RQ()
    asked.decode(connection.recv(ENOUGH))
    primitive = asked.to_primitive()
    primitive.result = 0
    accepted = []
    for context in primitive.presentation_context_definition_list:
        answer = PresentationContext()
        answer.context_id, answer.abstract_syntax, answer.result = (
            context.context_id,
            context.abstract_syntax,
            0,
        )
        answer.transfer_syntax = [context.transfer_syntax[0]]
        accepted.append(answer)
    primitive.presentation_context_definition_results_list = accepted
    connection.sendall(A_ASSOCIATE_AC(primitive).encode())


def closes_at_once(connection: socket.socket) -> None:
    """Leave without a word."""


def resets_at_once(connection: socket.socket) -> None:
    """Leave with a TCP reset."""
    _reset(connection)


def resets_instead_of_an_answer(connection: socket.socket) -> None:
    """Read the request, and leave."""
    connection.recv(ENOUGH)
    _reset(connection)


def breaks_off_in_its_acceptance(connection: socket.socket) -> None:
    """Send the beginning of an A-ASSOCIATE-AC."""
    connection.recv(ENOUGH)
    connection.sendall(b"\x02\x00\x00\x00\x01\x00abc")
    _reset(connection)


def resets_after_its_acceptance(connection: socket.socket) -> None:
    """Accept, and leave."""
    _accept(connection)
    _reset(connection)


def closes_after_its_acceptance(connection: socket.socket) -> None:
    """Accept, and close."""
    _accept(connection)


def aborts_after_its_acceptance(connection: socket.socket) -> None:
    """Accept, and abort, as a relay does that has waited too long for a request."""
    _accept(connection)
    abort = A_ABORT_RQ()
    abort.source, abort.reason_diagnostic = 2, 0
    connection.sendall(abort.encode())


def closes_instead_of_a_response(connection: socket.socket) -> None:
    """Accept, read the C-ECHO, and leave."""
    _accept(connection)
    connection.recv(ENOUGH)


def resets_in_its_response(connection: socket.socket) -> None:
    """Accept, read the C-ECHO, and leave in the middle of the answer."""
    _accept(connection)
    connection.recv(ENOUGH)
    connection.sendall(b"\x04\x00\x00\x00\x10\x00abc")
    _reset(connection)


PEERS = [
    closes_at_once,
    resets_at_once,
    resets_instead_of_an_answer,
    breaks_off_in_its_acceptance,
    resets_after_its_acceptance,
    closes_instead_of_a_response,
    resets_in_its_response,
]


@contextmanager
def listening(peer: Peer) -> Iterator[int]:
    """Serve one association as the peer does, after the client's look whether anybody is there."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            server.accept()[0].close()
            connection, _ = server.accept()
            with connection:
                peer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            thread.join()


def open_sockets() -> set[str]:
    links = Path("/proc/self/fd").iterdir()
    return {str(link.readlink()) for link in links if link.is_symlink() and "socket:" in str(link.readlink())}


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_that_breaks_the_connection_is_told_of_and_costs_no_socket(peer: Peer) -> None:
    before = open_sockets()
    with listening(peer) as port, pytest.raises(Unavailable):
        scu.echo(scu.Peer("127.0.0.1", port, "RELAY", "SCANNER1", timeout_seconds=PATIENCE))
    assert open_sockets() <= before


# pynetdicom says once that a connection has gone, to whichever of its threads asks first. In what follows the
# wrong one has asked: the request is sent when the connection has gone, and the word of it has been taken.

LEAVINGS = [resets_after_its_acceptance, closes_after_its_acceptance, aborts_after_its_acceptance]
REQUESTS: dict[str, Callable[[scu.Peer], object]] = {
    "C-ECHO": scu.echo,
    "C-FIND": lambda peer: scu.find(peer, query()),
    "N-CREATE": lambda peer: scu.create_step(peer, began(item()), "2.25.1"),
    "N-SET": lambda peer: scu.set_step(peer, completed(), "2.25.1"),
}


def gone_and_taken(association: Any) -> None:
    """Wait until the connection of an association has gone, and take the word of it."""
    association.dul.join(PATIENCE)
    for waiting in (association.dimse.msg_queue, association.dul.to_user_queue):
        with suppress(queue.Empty):
            while True:
                waiting.get(block=False)


def seconds_of(call: Callable[[scu.Peer], object], peer: Peer) -> float:
    """Return how long a call takes that fails, to a peer that may be waited for."""
    with listening(peer) as port:
        began_at = monotonic()
        with suppress(MwlError):
            call(scu.Peer("127.0.0.1", port, "RELAY", "SCANNER1", timeout_seconds=PATIENCE))
        return monotonic() - began_at


@pytest.mark.parametrize("peer", LEAVINGS)
@pytest.mark.parametrize("service", REQUESTS)
def test_nobody_waits_for_an_answer_once_the_connection_has_gone(
    service: str, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = DIMSEServiceProvider.send_msg

    def late(provider: DIMSEServiceProvider, primitive: Any, context_id: int) -> None:
        gone_and_taken(provider.assoc)
        send(provider, primitive, context_id)

    monkeypatch.setattr(DIMSEServiceProvider, "send_msg", late)
    assert seconds_of(REQUESTS[service], peer) < SOON


@pytest.mark.parametrize("peer", LEAVINGS)
def test_nobody_waits_for_a_release_once_the_connection_has_gone(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = ACSE.send_release

    def late(acse: ACSE, is_response: bool = False) -> None:
        gone_and_taken(acse.assoc)
        send(acse, is_response)

    monkeypatch.setattr(ACSE, "send_release", late)
    monkeypatch.setattr(Association, "send_c_echo", lambda _: success())
    assert seconds_of(scu.echo, peer) < SOON


def test_an_association_that_ended_before_it_was_asked_anything_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ask = Association.send_c_echo

    def late(association: Association) -> Dataset:
        association.join(PATIENCE)  # its thread ends with the connection
        return ask(association)

    monkeypatch.setattr(Association, "send_c_echo", late)
    with (
        listening(aborts_after_its_acceptance) as port,
        pytest.raises(Unavailable, match=f"RELAY at 127.0.0.1:{port}: ended the association"),
    ):
        scu.echo(scu.Peer("127.0.0.1", port, "RELAY", "SCANNER1", timeout_seconds=PATIENCE))


def success() -> Dataset:
    """Return the status of a request that went well."""
    status = Dataset()
    status.Status = 0
    return status
