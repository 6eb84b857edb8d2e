"""All we touch of pynetdicom beyond its documented surface: keeping it quiet, and our client quick.

Its codecs and its client are used as they are; its server is not (docs/adr/004-own-acceptor.md). Written for
pynetdicom 3.0.4, the version pyproject.toml pins; `PRIVATE_NAMES` lists every undocumented name used, and a
test proves that each is there.
"""

from __future__ import annotations

import logging
import socket
from typing import Any, Final

import pydicom.config
from pynetdicom import _config, evt

EventHandler = Any
"""An entry of pynetdicom's event table: (event, function) or (event, function, [arguments])."""

PRIVATE_NAMES: Final = (
    "pynetdicom._config.LOG_HANDLER_LEVEL",
    "pynetdicom._config.LOG_REQUEST_IDENTIFIERS",
    "pynetdicom._config.LOG_RESPONSE_IDENTIFIERS",
    "pynetdicom.dul.DULServiceProvider.socket",
)


def quiet() -> None:
    """Keep pynetdicom and pydicom from formatting, logging or warning about what passes through them."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    # What scanners send is judged by our own parsers; pydicom's warnings would quote values.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


def no_delay(event: evt.Event) -> None:
    """Set TCP_NODELAY on a connection we make ourselves."""
    connection: Any = event.assoc.dul.socket
    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
