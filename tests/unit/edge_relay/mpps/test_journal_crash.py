"""The journal as a crash would leave it, between every two steps of what it writes: nothing is lost.

SQLite calls back before each statement; the files are copied there, and around each write of the mark. A
copy is what a process killed at that moment leaves behind. Each is opened and must hold every event
acknowledged until then, know of no loss, and take the next event.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge_relay.exchange.portion import Portion
from edge_relay.exchange.push import push_once
from edge_relay.mpps.event_times import Stamp
from edge_relay.mpps.high_water import MarkFile
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_reader import JournalReader
from shared.steps.procedure_step import Step
from tests.rigs.mpps import NOW
from tests.unit.edge_relay.mpps.test_journal import ScriptedCloud, complete, create


class Crashes:
    """Copies the files whenever it is called, with what had been acknowledged by then."""

    def __init__(self, folder: Path, images: Path) -> None:
        self.folder, self.images = folder, images
        self.acknowledged: list[str] = []
        self.cloud = ScriptedCloud()
        self.taken: list[tuple[Path, list[str], set[str]]] = []

    def __call__(self, *_: object) -> None:
        image = self.images / str(len(self.taken))
        shutil.copytree(self.folder, image)
        self.taken.append((image, list(self.acknowledged), {each.event_id for each in self.cloud.kept}))


def around(method: Callable[..., Any], crash: Crashes) -> Callable[..., Any]:
    def wrapped(self: MarkFile, *arguments: Any) -> Any:
        crash()
        result = method(self, *arguments)
        crash()
        return result

    return wrapped


@pytest.fixture
def crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crashes:
    (tmp_path / "state").mkdir()
    (tmp_path / "images").mkdir()
    crashes = Crashes(tmp_path / "state", tmp_path / "images")
    for name in ("add", "begin"):
        monkeypatch.setattr(MarkFile, name, around(getattr(MarkFile, name), crashes))
    return crashes


def test_whenever_it_crashes_what_was_acknowledged_is_there(crash: Crashes) -> None:
    known = False
    journal = Journal(crash.folder / "journal.db", stamp=lambda: Stamp(NOW, "boot", 9.0, known=known))
    journal._db.set_trace_callback(crash)
    for number in range(1, 4):
        for event in (create(number, f"2.25.{number}"), complete(10 + number, f"2.25.{number}")):
            assert isinstance(journal.append(event, [f"item-{number}"]), Step)
            crash.acknowledged.append(event.event_id)
        known = number > 1
        push_once(crash.cloud, journal, Portion(10))
        journal.checkpoint()
    journal.close()
    assert len(crash.taken) > 100
    for image, acknowledged, delivered in crash.taken:
        path = image / "journal.db"
        with closing(Journal(path)) as again:
            with closing(JournalReader(path)) as reader:
                assert reader.missing() == [], image
                there = [each.event_id for each in reader.open_events()]
            assert set(acknowledged) - delivered <= set(there), image
            assert isinstance(again.append(create(99, "2.25.99")), Step)
