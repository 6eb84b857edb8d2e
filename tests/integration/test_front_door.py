"""The front door on a real socket: what comes in goes on as it came, below the path that MiniStack takes."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from infra.deployed.front_door import FrontDoor


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        told = {
            "method": self.command,
            "path": self.path,
            "body": body.decode(),
            "headers": dict(self.headers),
        }
        answer = json.dumps(told).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Compressing(BaseHTTPRequestHandler):
    """Answers with the path, compressed for who accepts it."""

    def do_GET(self) -> None:
        compressed = "gzip" in self.headers.get("accept-encoding", "")
        body = gzip.compress(self.path.encode()) if compressed else self.path.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        if compressed:
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def door_to(handler: type[BaseHTTPRequestHandler]) -> Iterator[FrontDoor]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with FrontDoor(f"http://127.0.0.1:{server.server_port}", "abc123") as running:
                yield running
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def door() -> Iterator[FrontDoor]:
    with door_to(Echo) as running:
        yield running


def test_a_request_goes_on_below_the_apis_path_with_its_own_host_and_body(door: FrontDoor) -> None:
    answer = httpx.post(f"{door.url}/worklist/a%2Fb?q=x%20y&z=%C3%A9", content=b"{}", headers={"x-mine": "1"})
    told = answer.json()
    assert told["path"] == "/_aws/execute-api/abc123/$default/worklist/a%2Fb?q=x%20y&z=%C3%A9"
    assert (told["method"], told["body"]) == ("POST", "{}")
    assert told["headers"]["host"] == door.url.removeprefix("http://")
    assert told["headers"]["x-mine"] == "1"
    assert told["headers"]["x-forwarded-proto"] == "http"


def test_the_answer_comes_back_with_its_status_and_every_cookie(door: FrontDoor) -> None:
    answer = httpx.get(f"{door.url}/app")
    assert answer.status_code == 201
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(("asked", "told"), [("gzip", "gzip"), ("identity", None)])
def test_an_answer_is_compressed_only_for_who_asked_for_that(asked: str, told: str | None) -> None:
    with door_to(Compressing) as door:
        answer = httpx.get(f"{door.url}/a?b=c", headers={"accept-encoding": asked})
    assert answer.headers.get("content-encoding") == told
    assert answer.text == "/_aws/execute-api/abc123/$default/a?b=c"
