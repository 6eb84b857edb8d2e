"""What happens on a connection, as whoever drives a `Connection` learns of it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from edge_relay.upper_layer.message import Request
from edge_relay.upper_layer.negotiation import Proposal


class Proposed(NamedTuple):
    """An association was asked for: `Connection.decide` answers, and nothing else happens before."""

    proposal: Proposal


class Opened(NamedTuple):
    """The association is open."""

    calling_ae_title: str


class Asked(NamedTuple):
    """A request is to be answered: `Connection.respond`, up to a final response; the next one comes after."""

    request: Request


class CancelAsked(NamedTuple):
    """A C-CANCEL came for the request being answered; who can cancel it responds with ``CANCELLED``."""

    request: Request


class Ended(NamedTuple):
    """The association is over, or will never be: nothing more is to be answered.

    :param was_open: whether `Opened` came before.
    :param why: why we refused or aborted it; empty if the peer ended it.
    """

    calling_ae_title: str
    was_open: bool
    why: str


Event = Proposed | Opened | Asked | CancelAsked | Ended


class Answered(NamedTuple):
    """How a request was answered.

    :param status: the final one.
    :param seconds: from its `Asked` to the final response.
    :param answers: the pending responses before it.
    """

    request: Request
    status: int
    seconds: float
    answers: int


class Deadline(NamedTuple):
    """When a peer is too late, in the seconds of whoever passes the time in, and with what."""

    at: float
    why: str
