"""Lists that have grown old say so: to scanners that are told to ask for it, and wherever a list is shown."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from edge_relay.cli import app
from edge_relay.client import scu
from edge_relay.clock.cloud_clock import Clock
from edge_relay.health import status
from edge_relay.relay import Relay
from shared.errors import Rejected
from tests.rigs.relay import FakeCloud, eventually, item, names, running_relay, scanner


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with FakeCloud() as running:
        running.put(item("a"))
        yield running


def grown_old(relay: Relay, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    eventually(lambda: names(relay))
    cloud.always = "503"
    monkeypatch.setattr(relay.health, "pull_age", lambda: timedelta(hours=5).total_seconds())


def final_comment(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> str:
    comments: list[str] = []
    real = scu._check

    def check(answer: Dataset, service: str, **more: bool) -> None:
        comments.append(str(answer.get("ErrorComment", "")))
        real(answer, service, **more)

    monkeypatch.setattr(scu, "_check", check)
    names(relay)
    return comments[-1]


def test_an_old_worklist_is_answered_with_its_age_in_the_comment(
    tmp_path: Path, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_relay(tmp_path, cloud, max_worklist_age_hours=4) as relay:
        grown_old(relay, cloud, monkeypatch)
        assert names(relay) == ["Doe^Jane"]
        assert final_comment(relay, monkeypatch) == "worklist is 5 h old: the cloud cannot be reached"


def test_an_old_worklist_is_refused_if_the_settings_say_so(
    tmp_path: Path, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_relay(tmp_path, cloud, max_worklist_age_hours=4, old_worklist="refuse") as relay:
        grown_old(relay, cloud, monkeypatch)
        with pytest.raises(Rejected, match=r"A700.*5 h old"):
            scu.find(scanner(relay), scu.worklist_query())


@pytest.mark.parametrize("settings", [{}, {"max_worklist_age_hours": 6}, {"old_worklist": "refuse"}])
def test_without_a_limit_or_within_it_nothing_is_said(
    tmp_path: Path, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    with running_relay(tmp_path, cloud, **settings) as relay:
        grown_old(relay, cloud, monkeypatch)
        assert final_comment(relay, monkeypatch) == ""


def test_a_list_on_the_command_line_says_how_old_it_is(tmp_path: Path, cloud: FakeCloud) -> None:
    with running_relay(tmp_path, cloud) as relay:
        eventually(lambda: names(relay))
        relay.write_health()
    result = CliRunner().invoke(app, ["list", "--state-dir", str(tmp_path), "--json"])
    assert "worklist as of" in result.stderr
    assert result.stdout.startswith("[")


@pytest.fixture
def dripping() -> Iterator[str]:
    """A cloud that answers one byte a time, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    connection.sendall(b" ")
                    sleep(0.05)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def test_a_cloud_that_drips_is_named_as_one_that_does_not_answer_in_time(
    tmp_path: Path, cloud: FakeCloud, dripping: str
) -> None:
    with running_relay(tmp_path, cloud, cloud_url=dripping, cloud_timeout_seconds=0.3) as relay:
        report = eventually(lambda: (told := relay.report()).pull.failure and told)
        assert "did not answer in time" in report.pull.failure
        later = report.written_at + timedelta(seconds=50)
        found = status.look(tmp_path, later, report)
        assert any("may be out of date" in problem for problem in found.problems)


def test_a_clock_that_is_wrong_is_named_and_the_clouds_time_counts(tmp_path: Path, cloud: FakeCloud) -> None:
    cloud.clock_skew_seconds = 2 * 86_400
    with running_relay(tmp_path, cloud) as relay:
        eventually(lambda: names(relay))
        problem = relay.report().clock.failure
        assert "2 days behind" in problem
        assert isinstance(relay._outside.clock, Clock)
        assert abs(relay._outside.clock.offset - timedelta(days=2)) < timedelta(seconds=5)
