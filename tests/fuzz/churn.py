"""Thousands of associations, opened and dropped in every way there is; the relay holds on to none of them."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterator
from random import Random
from struct import pack
from typing import Final, NamedTuple

from edge_relay.upper_layer.pdu import Framer, PduType
from tests.bench.processes import Use
from tests.fuzz import corpus
from tests.fuzz.relay import Mistreated

_MOST_HALF_OPEN: Final = 60
_READ: Final = 65_536
_LINGER_NOT: Final = pack("ii", 1, 0)
_ASKED: Final = b"".join(
    corpus.message(
        corpus.WORKLIST, corpus.command(corpus.C_FIND, corpus.WORKLIST), corpus.IDENTIFIERS[True][0]
    )
)
_ECHO: Final = b"".join(corpus.message(corpus.VERIFICATION, corpus.COMMANDS[0]))


class Sample(NamedTuple):
    """What the relay takes after so many associations."""

    associations: int
    use: Use


class _Peer:
    def __init__(self, relay: Mistreated) -> None:
        self.half_open: deque[socket.socket] = deque()
        self._relay = relay

    def associated(self) -> socket.socket:
        connection = self._relay.connect()
        connection.sendall(corpus.associate())
        received = connection.recv(_READ)
        assert received[:1] == bytes((PduType.A_ASSOCIATE_AC,)), f"not accepted: {received[:10].hex()}"
        return connection

    def released(self) -> None:
        with self.associated() as connection:
            connection.sendall(_ECHO + corpus.RELEASE_RQ)
            framer, arrived = Framer(_READ), set[PduType]()
            while PduType.A_RELEASE_RP not in arrived:
                received = connection.recv(_READ)
                assert received, "closed before the release was answered"
                arrived |= {pdu.type for pdu in framer.feed(received)}

    def aborted(self) -> None:
        with self.associated() as connection:
            connection.sendall(corpus.ABORT)
            assert connection.recv(_READ) == b""

    def cut(self) -> None:
        self.associated().close()

    def reset(self) -> None:
        with self.associated() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)

    def cut_while_answered(self) -> None:
        with self.associated() as connection:
            connection.sendall(_ASKED)
            connection.recv(100)

    def cut_in_a_pdu(self) -> None:
        with self.associated() as connection:
            connection.sendall(_ASKED[:50])

    def never_asked(self) -> None:
        with self._relay.connect() as connection:
            connection.sendall(corpus.associate()[:60])

    def refused(self) -> None:
        with self._relay.connect() as connection:
            connection.sendall(corpus.associate(calling="STRANGER"))
            connection.recv(_READ)

    def left_open(self) -> None:
        """Hold an association and say nothing more; the relay ends it. The oldest ones are let go of."""
        self.half_open.append(self.associated())
        if len(self.half_open) > _MOST_HALF_OPEN:
            self.half_open.popleft().close()

    def close(self) -> None:
        while self.half_open:
            self.half_open.popleft().close()


WAYS: Final[tuple[Callable[[_Peer], None], ...]] = (
    _Peer.released, _Peer.aborted, _Peer.cut, _Peer.reset, _Peer.cut_while_answered, _Peer.cut_in_a_pdu,
    _Peer.never_asked, _Peer.refused, _Peer.left_open,
)  # fmt: skip


def run(relay: Mistreated, seed: int, associations: int, samples: int = 10) -> Iterator[Sample]:
    """Open and drop so many associations; yield now and then what the relay takes, at last at rest."""
    random, peer = Random(seed), _Peer(relay)
    before = relay.use()
    every = max(1, associations // samples)
    for number in range(1, associations + 1):
        random.choice(WAYS)(peer)
        if number % every == 0 and number < associations:
            yield Sample(number, relay.use())
    peer.close()
    yield Sample(associations, relay.at_rest(before))
