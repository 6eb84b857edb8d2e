"""Where notices arrive in tests: a real mail server and a real https server here, on free ports."""

from __future__ import annotations

import json
import ssl
import threading
from asyncio.base_events import Server
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.rigs.patience import PATIENCE
from tests.rigs.tls import Authority


@dataclass
class MailSink:
    """A mail server; ``answer`` is what it says to each mail."""

    answer: str = "250 OK"
    mails: list[Message] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a mail."""
        assert isinstance(envelope.content, bytes)
        if self.answer.startswith("250"):
            self.mails.append(message_from_bytes(envelope.content))
        return self.answer


class _OnAFreePort(Controller):
    """Takes the port that it was given before it tries whether it answers."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def mail_sink() -> Iterator[MailSink]:
    sink = MailSink()
    controller = _OnAFreePort(sink, hostname="127.0.0.1", port=0, ready_timeout=PATIENCE)
    controller.start()
    try:
        sink.port = controller.port
        yield sink
    finally:
        controller.stop()


@dataclass
class HookSink:
    """An https server; ``status`` is what it answers."""

    url: str
    trust: ssl.SSLContext
    status: int = 200
    calls: list[tuple[dict[str, str], Any]] = field(default_factory=list)


@contextmanager
def hook_sink(folder: Path) -> Iterator[HookSink]:
    authority = Authority(folder, "hooks")
    issued = authority.issue("hook")
    found: list[HookSink] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            found[0].calls.append(({**dict(self.headers), "path": self.path}, body))
            self.send_response(found[0].status)
            self.send_header("Location", "https://elsewhere.example.org/")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    trust = ssl.create_default_context(cafile=str(authority.file))
    found.append(HookSink(f"https://127.0.0.1:{server.server_address[1]}/secret?x=1", trust))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found[0]
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()
