"""The status page: a small, read-only web server.

    /                  how the relay is, for people
    /scanners/<AE>     what a scanner would be shown now
    /metrics           figures for Prometheus
    /health            everything as JSON; 200 if all is well, 503 if something needs attention

It may be reached by anyone who reaches its address, so: GET and HEAD only, no more than a few connections, a
few seconds for each, nothing cached, no script, and no name unless the settings allow it. A request whose
Host is a name we do not go by is refused: a web page elsewhere could have made its name point here (DNS
rebinding) and read us through its visitor's browser.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from itertools import islice
from time import monotonic
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from edge_relay.health.report import Traffic
from edge_relay.health.status import RelayStatus
from edge_relay.operations import metrics, status_html
from shared.worklist_item import WorklistItem

log = logging.getLogger(__name__)

MOST_CONNECTIONS: Final = 16
MOST_ITEMS: Final = 500
_CONNECTION_SECONDS: Final = 10.0
_LOOK_EVERY_SECONDS: Final = 0.5
_HTML: Final = "text/html; charset=utf-8"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; style-src '{status_html.STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Sources:
    """Where the pages get their content; all are called from the server's threads.

    :param look: how the relay is now.
    :param traffic: what was counted since the start.
    :param visible: what a scanner would be shown now; None if it is not configured. What it raises becomes
        503 Service Unavailable.
    """

    look: Callable[[], RelayStatus]
    traffic: Callable[[], Traffic]
    visible: Callable[[str], Iterable[WorklistItem] | None]


class _Answer(NamedTuple):
    status: HTTPStatus
    kind: str
    body: bytes


class StatusPage:
    """The server, listening once it is made.

    :param host: an address or a name of this machine.
    :param port: 0 takes a free one.
    :param show_names: whether participants' names and ids are shown to whoever asks.
    :raises OSError: if it cannot listen there.
    """

    def __init__(self, host: str, port: int, sources: Sources, *, show_names: bool = False) -> None:
        self._server: Final = _Server(host, port, _Pages(sources, show_names=show_names))
        self._thread: Final = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK_EVERY_SECONDS,), name="status page", daemon=True
        )

    @property
    def address(self) -> tuple[str, int]:
        """The host and port it listens on."""
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """End, with every connection; takes half a second at most."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Pages:
    """Which path has which page."""

    def __init__(self, sources: Sources, *, show_names: bool) -> None:
        self._sources: Final = sources
        self._show_names: Final = show_names

    def answer(self, path: str) -> _Answer:
        if path == "/":
            return _page(HTTPStatus.OK, status_html.overview(self._sources.look()))
        if path == "/health":
            return self._health()
        if path == "/metrics":
            body = metrics.exposition(self._sources.look(), self._sources.traffic())
            return _Answer(HTTPStatus.OK, metrics.CONTENT_TYPE, body)
        if path.startswith("/scanners/"):
            return self._scanner(unquote(path.removeprefix("/scanners/"), errors="replace"))
        return not_found()

    def _health(self) -> _Answer:
        found = self._sources.look()
        status = HTTPStatus.SERVICE_UNAVAILABLE if found.problems else HTTPStatus.OK
        return _Answer(status, "application/json", found.model_dump_json(indent=2).encode())

    def _scanner(self, ae_title: str) -> _Answer:
        visible = self._sources.visible(ae_title)
        if visible is None:
            return not_found()
        items = list(islice(visible, MOST_ITEMS + 1))
        page = status_html.worklist(
            ae_title,
            items[:MOST_ITEMS],
            self._sources.look(),
            more=len(items) > MOST_ITEMS,
            show_names=self._show_names,
        )
        return _page(HTTPStatus.OK, page)


def not_found() -> _Answer:
    """Return the answer for a path that is no page."""
    return _page(HTTPStatus.NOT_FOUND, status_html.message("Not found", "There is no such page or scanner."))


def _page(status: HTTPStatus, text: str) -> _Answer:
    return _Answer(status, _HTML, text.encode("utf-8", "replace"))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # what a visitor does must not hold up our end
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, host: str, port: int, pages: _Pages) -> None:
        self.pages: Final = pages
        self._names: Final = {"localhost", host.lower()}
        self._open: Final[dict[socket.socket, float]] = {}
        self._lock: Final = threading.Lock()
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self.address_family = family
        self._everywhere: Final = str(address[0]) in {"0.0.0.0", "::"}  # noqa: S104  (compared, not bound)
        super().__init__(address[:2], _Handler)  # type: ignore[arg-type]

    def server_bind(self) -> None:
        # HTTPServer's own also asks the DNS for this machine's name, which may take long and is not used.
        if os.name == "posix":  # on Windows it would let another program take the port
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def goes_by(self, host: str) -> bool:
        """Tell whether a Host header names this server, and not a page that points here."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._names:
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self._everywhere  # a number cannot be made to point elsewhere

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002
        with self._lock:
            if len(self._open) >= MOST_CONNECTIONS:
                return False
            self._open[request] = monotonic()
        return True

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End connections that have had their time: a request sent byte by byte would stay for ever."""
        self._end(older_than=monotonic() - _CONNECTION_SECONDS)

    def server_close(self) -> None:
        super().server_close()
        self._end(older_than=monotonic())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a visitor went away."""

    def _end(self, older_than: float) -> None:
        with self._lock:
            overdue = [request for request, began in self._open.items() if began <= older_than]
        for request in overdue:
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has ended by itself


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _CONNECTION_SECONDS

    def do_GET(self) -> None:
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not self.server.goes_by(hosts[0]):
            self._send(
                _page(
                    HTTPStatus.MISDIRECTED_REQUEST,
                    status_html.message(
                        "Another name", "This relay does not go by that name; see status.host."
                    ),
                )
            )
            return
        try:
            answer = self.server.pages.answer(urlsplit(self.path).path)
        except Exception as error:  # noqa: BLE001  (a page that fails must not look like one that is there)
            log.warning("a status page could not be made (%s)", type(error).__name__)
            sentence = "The relay cannot read what belongs here at the moment. Scanners may still be served."
            answer = _page(
                HTTPStatus.SERVICE_UNAVAILABLE, status_html.message("Cannot be shown now", sentence)
            )
        self._send(answer)

    do_HEAD = do_GET  # noqa: N815  (http.server finds methods by these names)

    def do_POST(self) -> None:
        text = status_html.message("Read only", "Nothing can be changed here.")
        self._send(_page(HTTPStatus.METHOD_NOT_ALLOWED, text))

    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_POST  # noqa: N815

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer what is no HTTP request at all, without repeating it."""
        status = HTTPStatus(code)
        self.close_connection = True
        self._send(_page(status, status_html.message(status.phrase, "This request is not valid.")))

    def version_string(self) -> str:
        return "mwl-relay"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the log is for what happens to scanners."""

    def _send(self, answer: _Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
