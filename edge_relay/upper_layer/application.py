"""What the upper layer asks of whoever answers its requests, what it offers, and its bounds. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from edge_relay.upper_layer.message import Request
from edge_relay.upper_layer.negotiation import Proposal, Rejection
from edge_relay.upper_layer.operation import Operation

if TYPE_CHECKING:  # a name only: nothing here does any I/O
    import ssl


_MAPPED: Final = "::ffff:"


@dataclass(frozen=True)
class Limits:
    """Bounds of one connection; times in seconds.

    :param max_message_bytes: of an N-CREATE or N-SET: a step may refer to hundreds of thousands of images.
    :param large_message_bytes: longer ones are large: no other request may be, and only so many are taken at
        once (`edge_relay.upper_layer.message.LargeMessages`).
    :param artim_seconds: from connecting to the A-ASSOCIATE-RQ, and from the end to the close (PS3.8 9.1.5).
    :param idle_seconds: without a request, and for one message to arrive.
    :param pdu_seconds: for one PDU to arrive, and for written bytes to be taken.
    """

    max_pdu_bytes: int = 65_536
    max_message_bytes: int = 32 << 20
    large_message_bytes: int = 1 << 20
    artim_seconds: float = 30.0
    idle_seconds: float = 60.0
    pdu_seconds: float = 10.0


@dataclass(frozen=True)
class Port:
    """Where to listen.

    :param tls: returns the context for the next connection, so that a renewed certificate is used from then
        on; None: no encryption.
    """

    host: str
    port: int
    tls: Callable[[], ssl.SSLContext] | None = None


@dataclass(frozen=True)
class ConnectionLimits:
    """Most connections at once, in total and from one address; the relay's own machine is not counted."""

    total: int = 512
    per_address: int = 128


def address_of(peer: Sequence[object]) -> str:
    """Return a peer's address as its network writes it; a socket for both has IPv4 as ``::ffff:10.1.2.3``.

    :param peer: what the socket says, its address first.
    """
    text = str(peer[0])
    return text.removeprefix(_MAPPED) if text.startswith(_MAPPED) and "." in text else text


class Application(Protocol):
    """Who answers the requests. Called by one thread at a time; nothing here may wait or raise."""

    def admit(self, proposal: Proposal, address: str) -> Rejection | None:
        """Return why an association is refused, None if it may be opened."""

    def opened(self, calling_ae_title: str) -> None:
        """Note that an association is open."""

    def closed(self, calling_ae_title: str) -> None:
        """Note that one is no longer."""

    def refused(self, calling_ae_title: str, address: str, why: str) -> None:
        """Note that an association was refused or aborted by us, and why."""

    def perform(self, request: Request) -> Operation:
        """Begin to answer a request."""

    def answered(self, request: Request, status: int, seconds: float, answers: int) -> None:
        """Note how a request was answered: the last status, the time taken, the pending answers before it."""


class Acceptor(Protocol):
    """Bound ports, and what serves them."""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each port, as bound, in the order given."""

    def start(self) -> None:
        """Accept connections from now on."""

    def stop(self, timeout: float) -> bool:
        """Stop accepting, let what is being answered end, then close everything.

        :return: whether all of it ended within the time, in seconds; it is over in any case.
        """
