"""A call ends in its time, whatever the other side does; certificates that are refused are told apart."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from edge_relay.exchange import answers
from edge_relay.exchange.answers import Away, Ended, read
from edge_relay.exchange.transport import make_client, ssl_context
from shared.errors import Rejected
from tests.rigs.patience import PATIENCE, SOON
from tests.rigs.tls import Authority

SECONDS = 0.5
PAUSE = 0.05
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Speak = Callable[[socket.socket], None]


@contextmanager
def server(speak: Speak) -> Iterator[str]:
    """Answer each connection in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                speak(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def drip(text: bytes) -> Speak:
    """Say a text byte by byte, for longer than `SOON`, until nobody listens any more."""
    assert len(text) * PAUSE > SOON

    def speak(connection: socket.socket) -> None:
        for byte in text:
            connection.sendall(bytes([byte]))
            sleep(PAUSE)

    return speak


def silence(connection: socket.socket) -> None:
    while connection.recv(4096):  # until the other side has closed
        pass


def half_a_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
    silence(connection)


def endless(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"\r\n")
    while True:
        connection.sendall(b" " * 65536)


def bomb(connection: socket.socket) -> None:
    packed = gzip.compress(bytes(64 * 1024 * 1024))
    connection.sendall(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)


@pytest.mark.parametrize(
    "speak",
    [silence, half_a_body, drip(HEAD * 20), drip(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000)],
    ids=["silence", "half a body", "a head byte by byte", "a body byte by byte"],
)
def test_a_call_has_one_deadline_as_a_whole(speak: Speak) -> None:
    with server(speak) as url, make_client(url, SECONDS) as client:
        began = monotonic()
        with pytest.raises(Away, match="in time") as caught:
            read(client, "GET", "/")
        assert monotonic() - began < SOON
        assert caught.value.too_much


@pytest.mark.parametrize("speak", [endless, bomb])
def test_an_answer_is_read_up_to_a_limit_and_no_further(
    speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MOST_BYTES", 1 << 20)
    with server(speak) as url, make_client(url, 20) as client, pytest.raises(Away, match="more than 1 MB"):
        read(client, "GET", "/")


def test_an_answer_in_time_is_whole_and_the_next_call_has_its_own_time() -> None:
    def twice(connection: socket.socket) -> None:
        for _ in range(2):
            connection.recv(65536)
            connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")

    with server(twice) as url, make_client(url, SECONDS) as client:
        assert read(client, "GET", "/").content == b"{}"
        sleep(SECONDS)
        assert read(client, "GET", "/").json_object() == {}


def test_the_proxy_of_the_environment_is_used_and_one_that_is_away_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard = []

    def proxy(connection: socket.socket) -> None:
        heard.append(connection.recv(65536).split(b"\r\n")[0])
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")

    with server(proxy) as url:
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.delenv("no_proxy", raising=False)
        with make_client("http://cloud.test", SECONDS) as client:
            assert read(client, "GET", "/x").content == b"{}"
    assert heard == [b"GET http://cloud.test/x HTTP/1.1"]


def test_a_closed_client_ends_the_call_under_way() -> None:
    with server(silence) as url:
        client = make_client(url, 2 * PATIENCE)
        threading.Timer(0.2, client.close).start()
        began = monotonic()
        with pytest.raises(Ended, match="this relay stops"):
            read(client, "GET", "/")
        assert monotonic() - began < SOON
        with pytest.raises(Ended, match="this relay stops"):
            read(client, "GET", "/")
        assert monotonic() - began < SOON


@pytest.mark.parametrize(
    ("issued", "trusted", "says"),
    [
        ({"begins": timedelta(days=1), "lasts": timedelta(days=2)}, True, "not yet valid.*clock"),
        ({"lasts": timedelta(days=-1)}, True, "has expired.*clock"),
        ({}, False, "authority this machine does not trust"),
        ({"address": "127.0.0.9"}, True, "another name"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issued: dict[str, Any], trusted: bool, says: str
) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    certificate = (ours if trusted else theirs).issue("cloud", **issued)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.file))

    def speak(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True)

    with (
        server(speak) as url,
        make_client(url.replace("http:", "https:"), 5) as client,
        pytest.raises(Away, match=says) as caught,
    ):
        read(client, "GET", "/")
    assert not caught.value.too_much


def asking_for_certificates(folder: Path, authority: Authority) -> Speak:
    """Return a server that answers only who has a certificate of an authority."""
    server_side = authority.issue("cloud")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_side.certificate, server_side.key)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED

    def speak(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            secured.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")

    return speak


def test_a_cloud_that_asks_for_a_certificate_gets_the_relays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    own = authority.issue("relay")
    with server(asking_for_certificates(tmp_path, authority)) as url:
        secured = url.replace("http:", "https:")
        with make_client(secured, 5, ssl_context((own.certificate, own.key))) as client:
            assert read(client, "GET", "/").status == 200
        with make_client(secured, 5) as client, pytest.raises(Away):
            read(client, "GET", "/")


@pytest.mark.parametrize("spoiled", ["another key", "a password", "no file", "no PEM"])
def test_a_client_certificate_that_cannot_be_used_is_refused_at_once(tmp_path: Path, spoiled: str) -> None:
    authority = Authority(tmp_path, "authority")
    own = authority.issue("relay", password=b"secret" if spoiled == "a password" else None)
    key = authority.issue("other").key if spoiled == "another key" else own.key
    if spoiled == "no file":
        key.unlink()
    if spoiled == "no PEM":
        key.write_bytes(b"no key")
    with pytest.raises(
        Rejected, match="password" if spoiled == "a password" else "cannot be used|do not belong"
    ):
        ssl_context((own.certificate, key))


def test_clients_that_share_whom_they_trust_call_side_by_side(tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    certificate = ours.issue("cloud")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)

    def speak(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(65536)
            encrypted.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")

    trusted = ssl.create_default_context(cafile=ours.file)
    with server(speak) as url:
        secure = url.replace("http:", "https:")
        with make_client(secure, SOON, trusted) as one, make_client(secure, SOON, trusted) as other:
            assert [read(each, "GET", "/").content for each in (one, other, one)] == [b"{}"] * 3
