"""A message to a webhook: https, to a public address, and no redirect is followed.

Whoever may make a notice may not make us call what only we can reach (server-side request forgery). So the
name is looked up once, each address it has is judged, and the connection goes to the one that was judged: it
is no matter what the name means a moment later. The address is a secret: no error tells it.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Collection, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from shared.errors import Forbidden, Unavailable

SECONDS: Final = 10.0
_PORT: Final = 443
Lookup = Callable[[str, int], Collection[str]]
"""Returns the IP addresses of a host's name; raises `OSError`."""
Network = IPv4Network | IPv6Network


def lookup(host: str, port: int) -> list[str]:
    """Return a host's addresses, as this machine finds them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Webhooks:
    """Calls webhooks.

    :param allowed: private networks that may be called all the same.
    :param trust: which certificates are believed; None: those that this machine believes.
    """

    def __init__(
        self,
        *,
        allowed: Collection[Network] = (),
        lookup: Lookup = lookup,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed, self._lookup = tuple(allowed), lookup
        self._trust = trust or ssl.create_default_context()

    def post(self, url: str, body: Mapping[str, Any], *, message_id: str) -> None:
        """Send JSON.

        :param message_id: goes along as ``Idempotency-Key``.
        :raises Forbidden: the address is one that may not be called.
        :raises Unavailable: it did not take it.
        """
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORT
        if parts.scheme != "https" or not host:
            raise Forbidden("the webhook's address is not https")
        connection = _Pinned(host, port, self._judged(host, port), self._trust)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Content-Type": "application/json", "Idempotency-Key": message_id}
        try:
            connection.request("POST", path, json.dumps(body).encode(), headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"the webhook could not be reached: {type(error).__name__}") from None
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise Unavailable(f"the webhook answered {status}")

    def _judged(self, host: str, port: int) -> str:
        try:
            found = self._lookup(host, port)
        except OSError:
            raise Unavailable("the webhook's host is not known") from None
        if not found or not all(map(self._may_be_called, found)):
            raise Forbidden(
                "the webhook is at a private address", hint="list its network in WEBHOOK_PRIVATE_NETWORKS"
            )
        return next(iter(found))

    def _may_be_called(self, text: str) -> bool:
        address = ip_address(text.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        if any(address.version == each.version and address in each for each in self._allowed):
            return True
        return address.is_global and not address.is_multicast


class _Pinned(http.client.HTTPSConnection):
    """A connection to an address that was judged, with the certificate of the name."""

    def __init__(self, host: str, port: int, address: str, trust: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=SECONDS, context=trust)
        self._address, self._trust = address, trust

    def connect(self) -> None:
        """Connect to the address; the name stands in the certificate and in the request."""
        plain = socket.create_connection((self._address, self.port), SECONDS)
        try:
            self.sock = self._trust.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise
