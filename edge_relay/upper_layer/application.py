"""What the upper layer asks of whoever answers its requests, and the bounds it keeps them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_relay.upper_layer.message import Request
from edge_relay.upper_layer.negotiation import Proposal, Rejection
from edge_relay.upper_layer.operation import Operation


@dataclass(frozen=True)
class Limits:
    """Bounds of one connection; times in seconds.

    :param artim_seconds: from connecting to the A-ASSOCIATE-RQ, and from the end to the close (PS3.8 9.1.5).
    :param idle_seconds: without a request, and for one message to arrive.
    :param pdu_seconds: for one PDU to arrive, and for written bytes to be taken.
    """

    max_pdu_bytes: int = 65_536
    max_message_bytes: int = 1 << 20
    artim_seconds: float = 30.0
    idle_seconds: float = 60.0
    pdu_seconds: float = 10.0


class Application(Protocol):
    """Who answers the requests. Called on the event loop's thread; nothing here may wait or raise."""

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
