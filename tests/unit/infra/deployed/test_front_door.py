"""The front door passes answers on as they came."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from infra.deployed.front_door import FrontDoor


class Compressing(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the base class asks for this name
        compressed = "gzip" in self.headers.get("accept-encoding", "")
        body = gzip.compress(self.path.encode()) if compressed else self.path.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        if compressed:
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def door() -> Iterator[FrontDoor]:
    with HTTPServer(("127.0.0.1", 0), Compressing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with FrontDoor(f"http://127.0.0.1:{server.server_port}", "abc") as running:
                yield running
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("asked", "told"), [("gzip", "gzip"), ("identity", None)])
def test_an_answer_is_compressed_only_for_who_asked_for_that(
    door: FrontDoor, asked: str, told: str | None
) -> None:
    answer = httpx.get(f"{door.url}/a?b=c", headers={"accept-encoding": asked})
    assert answer.headers.get("content-encoding") == told
    assert answer.text == "/_aws/execute-api/abc/$default/a?b=c"
