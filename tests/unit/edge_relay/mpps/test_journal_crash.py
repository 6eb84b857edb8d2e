"""The journal as a crash would leave it, between every two steps of what it writes: nothing is lost.

SQLite calls back before each statement; the files are copied there, and around each write of the mark. A
copy is what a process killed at that moment leaves behind. Each is opened and must hold every event
acknowledged until then, know of no loss, and take the next event. What is promised beside the commit is
promised before it, after it, or at the same time. Opened in another start of the machine, after a power cut
that is, nothing may be told as missing but what was being committed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

import pytest

from edge_relay.exchange.portion import Portion
from edge_relay.exchange.push import push_once
from edge_relay.mpps.event_times import Stamp
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_mark.high_water import MarkFile
from edge_relay.mpps.journal_mark.promises import Beside, Wait
from edge_relay.mpps.journal_reader import JournalReader
from shared.steps.procedure_step import Step
from tests.rigs.mpps import NOW
from tests.unit.edge_relay.mpps.test_journal import ScriptedCloud, complete, create


class Crashes:
    """Copies the files whenever it is called, with what had been acknowledged by then."""

    def __init__(self, folder: Path, images: Path) -> None:
        self.folder, self.images = folder, images
        self.acknowledged: list[str] = []
        self.last: tuple[dict[str, bytes], list[str]] | None = None
        self.cloud = ScriptedCloud()
        self._one_at_a_time = Lock()
        self.taken: list[tuple[Path, list[str], set[str]]] = []

    def __call__(self, *_: object) -> None:
        with self._one_at_a_time:
            self._copy()

    def _copy(self) -> None:
        files = {f.name: f.read_bytes() for f in self.folder.iterdir() if not f.name.endswith("-shm")}
        if (files, self.acknowledged) == self.last:
            return  # nothing has reached the files since
        self.last = files, list(self.acknowledged)
        image = self.images / str(len(self.taken))
        shutil.copytree(self.folder, image)
        self.taken.append((image, list(self.acknowledged), {each.event_id for each in self.cloud.kept}))


def around(method: Callable[..., Any], crash: Crashes) -> Callable[..., Any]:
    def wrapped(self: MarkFile, *arguments: Any, **named: Any) -> Any:
        crash()
        result = method(self, *arguments, **named)
        crash()
        return result

    return wrapped


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, if there is one: what is written through to a disk takes its time."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def crash(memory: Path, monkeypatch: pytest.MonkeyPatch) -> Crashes:
    (memory / "state").mkdir()
    (memory / "images").mkdir()
    crashes = Crashes(memory / "state", memory / "images")
    for name in ("promise", "keep", "begin"):
        monkeypatch.setattr(MarkFile, name, around(getattr(MarkFile, name), crashes))
    return crashes


def first(work: Callable[[], None]) -> Wait:
    work()
    return lambda: None


def last(work: Callable[[], None]) -> Wait:
    return work


ORDERS = {"promised first": first, "promised last": last, "at the same time": None}


@pytest.mark.parametrize("beside", ORDERS.values(), ids=ORDERS.keys())
def test_whenever_it_crashes_what_was_acknowledged_is_there(crash: Crashes, beside: Beside | None) -> None:
    known = False
    journal = Journal(
        crash.folder / "journal.db",
        stamp=lambda: Stamp(NOW, "boot", 9.0, known=known),
        boot="boot",
        beside=beside,
    )
    journal._file.db.set_trace_callback(crash)
    for number in range(1, 3):
        for event in (create(number, f"2.25.{number}"), complete(10 + number, f"2.25.{number}")):
            assert isinstance(journal.append(event, [f"item-{number}"]), Step)
            crash.acknowledged.append(event.event_id)
        known = number > 1
        push_once(crash.cloud, journal, Portion(10))
        journal.checkpoint()
    journal.close()
    assert len(crash.taken) > 20
    for image, acknowledged, delivered in crash.taken:
        shutil.copytree(image, image.with_suffix(".power"))
        assert opened(image, "boot", acknowledged, delivered) == []
        told = opened(image.with_suffix(".power"), "another", acknowledged, delivered)
        assert len(told) <= 1
        assert not set(told) & set(acknowledged)


def opened(image: Path, boot: str, acknowledged: list[str], delivered: set[str]) -> list[str]:
    """Open what a crash left, as the relay does; return the events it tells as missing."""
    path = image / "journal.db"
    with closing(Journal(path, boot=boot)) as again:
        with closing(JournalReader(path)) as reader:
            missing = [each.event_id for each in reader.missing()]
            there = [each.event_id for each in reader.open_events()]
        assert set(acknowledged) - delivered <= set(there), image
        assert isinstance(again.append(create(99, "2.25.99")), Step)
    return missing
