"""The status page over real HTTP: what it answers, to whom, and that nobody can keep others out."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from edge_relay.health import status
from edge_relay.health.report import Health
from edge_relay.mpps.journal import Journal
from edge_relay.operations import status_page
from edge_relay.operations.status_page import MOST_CONNECTIONS, Sources, StatusPage
from edge_relay.worklist.cache import Cache
from shared.errors import Unavailable
from shared.worklist_item import WorklistItem
from tests.rigs.builders import an_item
from tests.rigs.patience import PATIENCE

Visible = Callable[[str], Iterable[WorklistItem] | None]


def one_scanner(ae_title: str) -> Iterable[WorklistItem] | None:
    return [an_item(patient_name="Secret^Sara")] if ae_title == "MR 1/A" else None


@pytest.fixture(autouse=True)
def ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_page, "_LOOK_EVERY_SECONDS", 0.02)


@pytest.fixture
def health() -> Health:
    return Health(lambda: datetime.now(UTC))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    Cache(tmp_path / "cache.db").close()
    Journal(tmp_path / "journal.db").close()
    return tmp_path


@contextmanager
def serving(
    state: Path,
    health: Health,
    visible: Visible = one_scanner,
    *,
    host: str = "127.0.0.1",
    names: bool = False,
) -> Iterator[StatusPage]:
    def look() -> status.RelayStatus:
        return status.look(state, datetime.now(UTC), health.report("0.0.0.0:11112", ae_title="MWL_RELAY"))

    page = StatusPage(host, 0, Sources(look, health.traffic, visible), show_names=names)
    page.start()
    try:
        yield page
    finally:
        page.stop()


@pytest.fixture
def page(state: Path, health: Health) -> Iterator[StatusPage]:
    with serving(state, health) as running:
        yield running


def ask(
    page: StatusPage, path: str, method: str = "GET", host: str | None = None
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", page.address[1], timeout=PATIENCE)
    try:
        connection.putrequest(method, path, skip_host=host is not None)
        if host is not None:
            connection.putheader("Host", host)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


def is_ended(connection: socket.socket) -> bool:
    """Wait for the other side to end a connection, in order or not."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def test_the_first_page_is_html_for_people(page: StatusPage) -> None:
    code, headers, body = ask(page, "/")
    assert (code, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "All is well" in body


def test_every_answer_tells_the_browser_to_trust_nothing(page: StatusPage) -> None:
    for path in ("/", "/health", "/metrics", "/scanners/MR%201%2FA", "/nothing"):
        _, headers, _ = ask(page, path)
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert headers["Server"] == "mwl-relay"


def test_metrics_are_prometheus_text(page: StatusPage, health: Health) -> None:
    health.answered("PRISMA1", "C-ECHO", 0, 0.001)
    code, headers, body = ask(page, "/metrics")
    assert (code, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert 'mwl_relay_requests_total{ae_title="PRISMA1",service="C-ECHO",status="0000"} 1.0' in body


def test_health_is_200_while_all_is_well_and_503_when_something_needs_attention(
    page: StatusPage, health: Health
) -> None:
    code, _, body = ask(page, "/health")
    assert (code, json.loads(body)["problems"]) == (200, [])
    health.note("journal", "the disk is full")
    code, _, body = ask(page, "/health")
    assert code == 503
    assert "the disk is full" in json.loads(body)["problems"][0]


def test_a_scanners_page_hides_names_unless_the_settings_show_them(state: Path, health: Health) -> None:
    with serving(state, health) as page:
        code, _, body = ask(page, "/scanners/MR%201%2FA")
        assert (code, "Secret" in body) == (200, False)
        assert ask(page, "/scanners/NOBODY")[0] == 404
    with serving(state, health, names=True) as page:
        assert "Secret^Sara" in ask(page, "/scanners/MR%201%2FA")[2]


def test_a_long_worklist_is_cut_without_being_read_to_its_end(state: Path, health: Health) -> None:
    taken = []

    def endless(_: str) -> Iterable[WorklistItem]:
        item = an_item()
        while True:
            taken.append(1)
            yield item

    with serving(state, health, endless) as page:
        assert f"the first {status_page.MOST_ITEMS} exams" in ask(page, "/scanners/PRISMA1")[2]
    assert len(taken) == status_page.MOST_ITEMS + 1


def test_a_worklist_that_cannot_be_read_is_503_and_says_nothing_of_why(
    state: Path, health: Health, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(_: str) -> Iterable[WorklistItem]:
        raise Unavailable("Secret^Sara is in the way")

    with serving(state, health, failing) as page:
        code, _, body = ask(page, "/scanners/PRISMA1")
    assert (code, "Secret" in body) == (503, False)
    assert "Secret" not in caplog.text


def test_head_has_the_headers_and_no_body(page: StatusPage) -> None:
    code, headers, body = ask(page, "/", "HEAD")
    assert (code, body) == (200, "")
    assert int(headers["Content-Length"]) > 1000


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(page: StatusPage, method: str) -> None:
    code, headers, _ = ask(page, "/", method)
    assert (code, headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path", ["/../etc/passwd", "/scanners", "/style.css", "/scanners/%00", "/health/", "//"]
)
def test_there_are_no_other_pages(page: StatusPage, path: str) -> None:
    assert ask(page, path)[0] in {404, 200 if path == "//" else 404}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8112", "[::1]:8112"])
def test_it_goes_by_the_names_of_this_machine(page: StatusPage, host: str) -> None:
    assert ask(page, "/health", host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "10.1.2.3", "[", "localhost@evil"]
)
def test_another_name_is_refused_so_that_no_web_page_can_read_it(page: StatusPage, host: str) -> None:
    code, _, body = ask(page, "/health", host=host)
    assert (code, "problems" in body) == (421, False)


def test_on_every_address_it_goes_by_numbers_too(state: Path, health: Health) -> None:
    with serving(state, health, host="0.0.0.0") as page:
        assert ask(page, "/health", host="10.1.2.3:8112")[0] == 200
        assert ask(page, "/health", host="evil.example")[0] == 421


def test_it_can_listen_on_ipv6(state: Path, health: Health) -> None:
    with serving(state, health, host="::1") as page:
        connection = http.client.HTTPConnection("::1", page.address[1], timeout=PATIENCE)
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 9]
)
def test_garbage_is_answered_or_dropped_and_the_next_is_served(page: StatusPage, garbage: bytes) -> None:
    with socket.create_connection(page.address, 10) as connection:
        connection.sendall(garbage)
        connection.shutdown(socket.SHUT_WR)
        assert b"\x16" not in connection.recv(65536)
    assert ask(page, "/health")[0] == 200


def test_those_who_say_nothing_are_sent_away(
    state: Path, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_page, "_CONNECTION_SECONDS", 0.2)
    with serving(state, health) as page, ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(page.address, 10))
            for _ in range(MOST_CONNECTIONS + 4)
        ]
        for connection in silent:
            assert is_ended(connection)
        assert ask(page, "/health")[0] == 200


def test_who_sends_byte_by_byte_is_sent_away_all_the_same(
    state: Path, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_page, "_CONNECTION_SECONDS", 0.3)
    with serving(state, health) as page, socket.create_connection(page.address, 10) as connection:
        gone = Event()

        def trickle() -> None:
            while not gone.wait(0.02):
                try:
                    connection.send(b"G")
                except OSError:
                    return

        thread = Thread(target=trickle)
        thread.start()
        try:
            assert is_ended(connection)
        finally:
            gone.set()
            thread.join()


def test_stopping_does_not_wait_for_visitors(state: Path, health: Health) -> None:
    with serving(state, health) as page:
        connection = socket.create_connection(page.address, 10)
        connection.sendall(b"GET / HTTP/1.0\r\n")
    with connection:
        assert is_ended(connection)


def test_a_port_in_use_is_an_error_of_the_system(state: Path, health: Health, page: StatusPage) -> None:
    sources = Sources(lambda: pytest.fail("not asked"), health.traffic, one_scanner)
    with pytest.raises(OSError, match="in use"):
        StatusPage("127.0.0.1", page.address[1], sources)
