"""What to do if a DICOM peer cannot be reached, by what the system says of it."""

from __future__ import annotations

import errno
import socket
from typing import Final

NO_DICOM: Final = "is this its DICOM port? another program may listen there"
"""For who connected, and got no answer."""

_NOTHING_THERE: Final = "nothing listens there: does the relay run, and is this its DICOM port?"
_NO_WAY: Final = "is the address right, and does a firewall let this machine through?"
_UNKNOWN_NAME: Final = "is the host's name right? try its IP address"

_HINTS: Final = {
    errno.ECONNREFUSED: _NOTHING_THERE,
    errno.ECONNRESET: NO_DICOM,
    errno.EHOSTUNREACH: _NO_WAY,
    errno.ENETUNREACH: _NO_WAY,
    errno.ETIMEDOUT: _NO_WAY,
}


def hint(error: OSError) -> str:
    """Return what to look at, as a question or an advice in one line."""
    if isinstance(error, socket.gaierror):
        return _UNKNOWN_NAME
    if isinstance(error, TimeoutError):
        return _NO_WAY
    return _HINTS.get(error.errno or 0, _NO_WAY)
