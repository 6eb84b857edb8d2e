"""All we touch of pynetdicom beyond its documented surface: keeping it quiet, and both its sides quick.

Written for pynetdicom 3.0.4, the version pyproject.toml pins; `PRIVATE_NAMES` lists every undocumented name
used, and a test proves that each is there.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import warnings
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import pydicom.config
from pynetdicom import _config, evt
from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

EventHandler = Any
"""An entry of pynetdicom's event table: (event, function) or (event, function, [arguments])."""

PRIVATE_NAMES: Final = (
    "pynetdicom._config.LOG_HANDLER_LEVEL",
    "pynetdicom._config.LOG_REQUEST_IDENTIFIERS",
    "pynetdicom._config.LOG_RESPONSE_IDENTIFIERS",
    "pynetdicom.dimse.DIMSEServiceProvider.get_msg",
    "pynetdicom.dimse.DIMSEServiceProvider.msg_queue",
    "pynetdicom.dul.DULServiceProvider._decode_pdu",
    "pynetdicom.dul.DULServiceProvider.kill_dul",
    "pynetdicom.dul.DULServiceProvider.receive_pdu",
    "pynetdicom.dul.DULServiceProvider.socket",
    "pynetdicom.dul.DULServiceProvider.to_provider_queue",
    "pynetdicom.dul.DULServiceProvider.to_user_queue",
    "pynetdicom.transport.AssociationSocket._shutdown_socket",
)

_LOOK_SECONDS: Final = 0.1


def quiet() -> None:
    """Keep pynetdicom and pydicom from formatting, logging or warning about what passes through them."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    # What scanners send is judged by our own parsers; pydicom's warnings would quote values.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


def write_in_silence() -> None:
    """Keep pydicom from warning of character sets it does not know: it would quote what was sent."""
    warnings.filterwarnings("ignore", module=r"pydicom\.charset")


def close_broken_connections() -> None:
    """Let pynetdicom close each connection that it ends, also if the peer has broken it.

    Its own function closes only what it could shut down first, which a broken connection cannot be: each
    leaves a file descriptor open. Called again, it changes nothing.
    """
    AssociationSocket._shutdown_socket = _shut_down  # type: ignore[assignment]


def _shut_down(connection: AssociationSocket) -> None:
    if connection.socket is not None:
        with contextlib.suppress(OSError):  # the peer has broken it already
            connection.socket.shutdown(socket.SHUT_RDWR)
        connection.socket.close()


def no_delay(event: evt.Event) -> None:
    """Set TCP_NODELAY on the connection of an event, which has just been opened."""
    accepted_socket(event.assoc).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def wait_only_while_connected(event: evt.Event) -> None:
    """Let whoever waits for an answer on the association of an event be told when the connection has gone.

    pynetdicom tells it once, to whichever of its threads asks first. If that is not the one that waits, the
    latter waits until its time is over, for an answer that nobody can send any more.
    """
    association: Any = event.assoc
    provider, messages, receive = association.dul, association.dimse, association.dul.receive_pdu

    def message(seconds: float) -> Any:
        try:
            return messages.msg_queue.get(block=seconds > 0, timeout=seconds)
        except queue.Empty:
            return None

    def get_msg(block: bool = False) -> Any:
        return _waited(provider, message, messages.dimse_timeout if block else 0) or (None, None)

    def receive_pdu(wait: bool = False, timeout: float | None = None) -> Any:
        return _waited(provider, lambda seconds: receive(seconds > 0, seconds), timeout if wait else 0)

    messages.get_msg = get_msg
    provider.receive_pdu = receive_pdu


def _waited(provider: Any, take: Callable[[float], Any], seconds: float | None) -> Any:
    """Return what there is to take within a time, None for ever; None if nothing is, or can come any more."""
    until = None if seconds is None else monotonic() + seconds
    while True:
        connected = provider.is_alive()  # before looking: what it left last is found
        left = _LOOK_SECONDS if until is None else max(0.0, min(_LOOK_SECONDS, until - monotonic()))
        found = take(left if connected else 0)
        if found is not None or not connected or not left:
            return found


def read_requests_by(event: evt.Event, readable: Callable[[bytes], bytes]) -> None:
    """Let the association requests of a connection be read after they were made readable.

    pynetdicom would end an association for what PS3.8 tells a receiver to ignore. What ``readable`` raises is
    to it like any other PDU that cannot be read.
    """
    provider: Any = event.assoc.dul
    decode = provider._decode_pdu

    def decode_readable(raw: bytearray) -> Any:
        return decode(bytearray(readable(bytes(raw))) if raw[:1] == b"\x01" else raw)

    provider._decode_pdu = decode_readable


def accepted_socket(association: Association) -> socket.socket:
    """Return the socket of an association that has just been opened."""
    connection: Any = association.dul.socket
    found: socket.socket = connection.socket
    return found


def all_sent(association: Association) -> bool:
    """Tell whether all that an association was given to send has been taken by the system."""
    return association.dul.to_provider_queue.empty()


def end_thread(association: Association) -> None:
    """Let the threads of an association end whose connection has gone; they would go on polling."""
    if association.requestor.primitive is None:
        nothing: Any = None
        association.dul.to_user_queue.put(nothing)  # else one waits for a request until ARTIM ends
    association.dul.kill_dul()
