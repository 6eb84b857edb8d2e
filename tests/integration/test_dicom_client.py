"""The relay's own DICOM client against peers that break the connection, as a killed relay does."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.presentation import PresentationContext

from edge_relay.client import scu
from shared.errors import Unavailable

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
        scu.echo(scu.Peer("127.0.0.1", port, "RELAY", "SCANNER1", timeout_seconds=20))
    assert open_sockets() <= before
