"""Why DICOM over TLS came to nothing, found out by trying the handshake alone.

pynetdicom says only that there is no association. In TLS 1.3 the server says what is wrong with our
certificate after the handshake, when it has already closed.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final

_ALERT_SECONDS: Final = 2.0
_WANTS_ONE: Final = "it wants a client certificate: give one that it accepts with --tls-client"
_CLOSED: Final = (
    "it closed the connection in the handshake: most likely it wants a client certificate that it accepts "
    "(--tls-client)"
)
_ALERTS: Final = {
    "eof": _CLOSED,
    "connection reset": _CLOSED,
    "certificate required": _WANTS_ONE,
    "handshake failure": _WANTS_ONE,
    "bad certificate": _WANTS_ONE,
    "unknown ca": _WANTS_ONE,
    "wrong version number": "this port does not speak TLS: leave --tls out, or give --port the TLS port",
}


def tls_trouble(host: str, port: int, context: ssl.SSLContext, timeout_seconds: float) -> str:
    """Say what a TLS connection lacks that came to nothing: what to give, or what is there instead."""
    try:
        with (
            socket.create_connection((host, port), timeout_seconds) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            secured.settimeout(_ALERT_SECONDS)
            closed = secured.recv(1) == b""  # what is wrong with our certificate comes after the handshake
    except TimeoutError:
        return "the handshake was good; is it a DICOM port?"
    except OSError as error:
        return _reason(error)
    return _WANTS_ONE if closed else "the handshake was good; is it a DICOM port?"


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}): give --tls the one it shows"
    said = (
        (getattr(error, "reason", None) or error.strerror or type(error).__name__).lower().replace("_", " ")
    )
    known = next((sentence for alert, sentence in _ALERTS.items() if alert in said), "")
    return known or f"the TLS handshake failed: {said}"
