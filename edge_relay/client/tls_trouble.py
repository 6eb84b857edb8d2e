"""Why DICOM over TLS came to nothing, found out by trying the handshake alone.

pynetdicom says only that there is no association. In TLS 1.3 the server says what is wrong with our
certificate after the handshake, when it has already closed.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final, NamedTuple

_ALERT_SECONDS: Final = 2.0
_WANTS_ONE: Final = "it wants a client certificate: give one that it accepts with {own}"
_CLOSED: Final = (
    "it closed the connection in the handshake: either it wants a client certificate that it accepts "
    "({own}), or this port does not speak TLS ({port})"
)
_NO_TLS: Final = "this port does not speak TLS: leave {trusted} out, or give {port} the TLS port"
_NOT_TRUSTED: Final = "its certificate is not trusted ({why}): give {trusted} the one it shows"
_ALERTS: Final = {
    "eof": _CLOSED,
    "connection reset": _CLOSED,
    "certificate required": _WANTS_ONE,
    "handshake failure": _WANTS_ONE,
    "bad certificate": _WANTS_ONE,
    "unknown ca": _WANTS_ONE,
    "wrong version number": _NO_TLS,
}


class TlsNames(NamedTuple):
    """Where a person says how to call: the names of options, or of settings.

    :param trusted: of whom to trust. ``own``: of the certificate to show. ``port``: of the port.
    """

    trusted: str = "--tls"
    own: str = "--tls-client"
    port: str = "--port"


COMMAND_LINE: Final = TlsNames()
"""The options of `mwl-relay` that ask a relay."""


def tls_trouble(
    host: str, port: int, context: ssl.SSLContext, timeout_seconds: float, names: TlsNames = COMMAND_LINE
) -> str:
    """Say what a TLS connection lacks that came to nothing: what to give, or what is there instead.

    :param names: what the person who reads it can give.
    """
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
        return _reason(error, names)
    return _WANTS_ONE.format(**names._asdict()) if closed else "the handshake was good; is it a DICOM port?"


def _reason(error: OSError, names: TlsNames) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _NOT_TRUSTED.format(why=error.verify_message, **names._asdict())
    said = (
        (getattr(error, "reason", None) or error.strerror or type(error).__name__).lower().replace("_", " ")
    )
    known = next((sentence for alert, sentence in _ALERTS.items() if alert in said), "")
    return known.format(**names._asdict()) or f"the TLS handshake failed: {said}"
