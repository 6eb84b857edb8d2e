"""HTTP that ends: a call has one deadline from the first packet to the last byte of the answer.

httpx's own time limits are for each read by itself: an answer of one byte a second would never end. Here
every step of a call on the network gets what is left of the call's time. Only asking the name service is
beyond our reach: it has time limits of its own (resolv.conf(5)).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from shared.errors import Rejected

_MOST_READ: Final = 16_384  # bytes at once, so that little can be unpacked before anybody looks


class Deadline:
    """When the call that is under way has had its time."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds: Final = seconds
        self._clock: Final = clock
        self._at = clock() + seconds

    def restart(self) -> None:
        """Begin a call."""
        self._at = self._clock() + self._seconds

    def left(self, fault: type[httpcore.TimeoutException]) -> float:
        """Return the seconds that are left; raise the fault if there are none."""
        seconds = self._at - self._clock()
        if seconds <= 0:
            raise fault("the call has had its time")
        return seconds


class BoundedTransport(httpx.BaseTransport):
    """The transport of one client, which makes one call at a time.

    It goes through the proxy that the environment names, as httpx's own does.

    :param seconds: of a call as a whole.
    :param trusted: whose certificates are good; clients of one process share it, for to read the list of
        authorities is a large part of a relay's start.
    """

    def __init__(self, url: str, seconds: float, trusted: ssl.SSLContext) -> None:
        self._deadline: Final = Deadline(seconds)
        options: dict[str, Any] = {
            "ssl_context": trusted,
            "keepalive_expiry": 30.0,
            "network_backend": _Network(self._deadline),
        }
        proxy = _proxy_for(url)
        self._pool: Final = (
            httpcore.HTTPProxy(**proxy, **options) if proxy else httpcore.ConnectionPool(**options)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make one call."""
        self._deadline.restart()
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = self._pool.handle_request(asked)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
        )

    def close(self) -> None:
        """Close all connections; a call under way ends."""
        self._pool.close()


def make_client(
    cloud_url: str, timeout_seconds: float, trusted: ssl.SSLContext | None = None
) -> httpx.Client:
    """Return an HTTP client for one cloud, for one call at a time; never follows a redirect with our token.

    :param timeout_seconds: of a call as a whole.
    :param trusted: whose certificates are good; None: those of the authorities that httpx knows, or that the
        environment names.
    """
    transport = BoundedTransport(cloud_url, timeout_seconds, trusted or httpx.create_ssl_context())
    return httpx.Client(base_url=cloud_url, transport=transport, follow_redirects=False, trust_env=False)


class _Network(httpcore.NetworkBackend):
    def __init__(self, deadline: Deadline) -> None:
        self._inner: Final = httpcore.SyncBackend()
        self._deadline: Final = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(httpcore.ConnectTimeout)
        stream = self._inner.connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(stream, self._deadline)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner: Final = inner
        self._deadline: Final = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._inner.read(min(max_bytes, _MOST_READ), self._deadline.left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._inner.write(buffer, self._deadline.left(httpcore.WriteTimeout))

    def close(self) -> None:
        # Closing alone would leave a thread that reads waiting for its time to pass. The plain socket's own
        # method, because that of TLS takes away what the thread is reading from.
        connection = self._inner.get_extra_info("socket")
        if isinstance(connection, socket.socket):
            with suppress(OSError):  # the other side has closed it already
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer: Final = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        with _as_httpx():
            self._answer.close()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Turn httpcore's exceptions into httpx's, which have the same names."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.ProxyError,
        httpcore.UnsupportedProtocol,
    ) as error:
        kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__, httpx.TransportError)
        raise kind(str(error)) from error


def ssl_context(certificate: tuple[Path, Path] | None) -> ssl.SSLContext:
    """Return whose certificates are good: those that httpx knows, or that the environment names.

    :param certificate: our own, and its private key, for a cloud that asks for one; PEM files.
    :raises Rejected: these files cannot be used.
    """
    context = httpx.create_ssl_context()
    if certificate is None:
        return context
    file, private_key = certificate

    def no_password() -> str:  # without it, OpenSSL would ask at the terminal
        raise Rejected("has a password; a service cannot type one", where=str(private_key))

    try:
        context.load_cert_chain(file, private_key, no_password)
    except ssl.SSLError:
        raise Rejected("certificate and key do not belong together, or are no PEM", where=str(file)) from None
    except OSError as error:
        raise Rejected(f"certificate or key cannot be used: {error.strerror}", where=str(file)) from None
    return context


def _proxy_for(url: str) -> dict[str, Any] | None:
    parts = urlsplit(url)
    named = getproxies()
    proxy = named.get(parts.scheme) or named.get("all")
    if not proxy or proxy_bypass(parts.hostname or ""):
        return None
    there = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    address = f"{there.scheme}://{there.hostname}" + (f":{there.port}" if there.port else "")
    if there.username is None:
        return {"proxy_url": address}
    return {"proxy_url": address, "proxy_auth": (unquote(there.username), unquote(there.password or ""))}
