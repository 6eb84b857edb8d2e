"""The journal's file as its owner holds it: tried again once a second, its problem told once."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_relay.mpps.journal_mark.high_water import MarkFile
from edge_relay.mpps.journal_opened import OpenedJournal
from shared.errors import Unavailable


class Held:
    """A journal's file, a clock that is moved by hand, and how often it was opened."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.db"
        self.now = 100.0
        self.opened = 0
        mark = MarkFile(folder / "journal.mark", "boot")
        self.file = OpenedJournal(self.path, mark, lambda: self.now, self._on_open)

    def _on_open(self, _: sqlite3.Connection) -> None:
        self.opened += 1

    def use(self) -> None:
        """Write to it."""
        with self.file.using("written") as db:
            db.execute("DELETE FROM events")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    made = Held(tmp_path)
    yield made
    made.file.close()


def test_it_is_opened_when_it_is_first_used_and_once(held: Held) -> None:
    assert held.opened == 0
    held.use()
    held.use()
    assert held.opened == 1
    assert held.file.problem == ""


def test_a_file_that_cannot_be_opened_is_tried_again_a_second_later(
    held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    held.path.mkdir()
    for moment in (100.0, 100.5, 101.0, 101.5):
        held.now = moment
        with pytest.raises(Unavailable, match="the disk fails"):
            held.use()
    assert len([each for each in caplog.records if each.levelno == logging.ERROR]) == 1
    assert held.file.problem
    held.path.rmdir()
    with pytest.raises(Unavailable, match="the disk fails"):
        held.use()  # too early
    held.now = 103.0
    held.use()
    assert held.file.problem == ""


def test_a_file_put_in_its_place_is_not_written(held: Held) -> None:
    held.use()
    held.path.rename(held.path.with_name("elsewhere"))
    with pytest.raises(Unavailable, match="moved or replaced while in use"):
        held.use()
    held.path.write_bytes(b"")
    with pytest.raises(Unavailable, match="moved or replaced while in use"):
        held.use()
    assert held.path.read_bytes() == b""


def test_a_problem_with_reading_does_not_keep_anybody_from_writing(held: Held) -> None:
    held.use()
    with pytest.raises(Unavailable), held.file.using("read") as db:
        db.execute("SELECT * FROM nowhere")
    assert held.file.problem == ""
    held.use()


def test_while_there_is_a_problem_a_probe_finds_out_whether_it_is_gone(held: Held) -> None:
    held.use()
    with pytest.raises(Unavailable), held.file.using("written") as db:
        db.execute("SELECT * FROM nowhere")
    assert held.file.problem
    held.now += 2
    held.file.probe()
    assert held.file.problem == ""
