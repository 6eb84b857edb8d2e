"""Who cannot be reached: the message names a next step."""

from __future__ import annotations

import errno
import socket

import pytest

from edge_relay.client import scu
from edge_relay.client.no_connection import hint
from shared.errors import Unavailable


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "does the relay run"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "is this its DICOM port"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "host's name"),
        (TimeoutError("timed out"), "firewall"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "firewall"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "firewall"),
        (OSError("something new"), "address"),
    ],
)
def test_each_reason_has_a_next_step(error: OSError, advice: str) -> None:
    assert advice in hint(error)


def test_a_port_where_nothing_listens_says_what_to_look_at() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, so that nobody else takes it, and not listening
        with pytest.raises(Unavailable, match=r"refused \(nothing listens there: does the relay run"):
            scu.echo(scu.Peer("127.0.0.1", taken.getsockname()[1], "RELAY", "SCANNER1"))
