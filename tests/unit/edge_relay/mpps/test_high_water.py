"""What a journal lacks is told exactly when it is opened: the mark beside it knows how far it had come."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edge_relay.mpps import journal_file
from edge_relay.mpps.high_water import MarkFile
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_reader import JournalReader
from tests.unit.edge_relay.mpps.test_journal import create


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "before"
    folder.mkdir()
    return folder / "journal.db"


def append(journal: Journal, first: int, last: int) -> None:
    for number in range(first, last + 1):
        journal.append(create(number, f"2.25.{number}"))


def killed(path: Path, to: Path, *, settled: int = 3, after: int = 2) -> Path:
    """Return a copy of the files as a crash leaves them: some events are only in the ``-wal``."""
    journal = Journal(path)
    append(journal, 1, settled)
    journal.checkpoint()
    append(journal, settled + 1, settled + after)
    shutil.copytree(path.parent, to)
    journal.close()
    return to / path.name


def missing(path: Path) -> list[tuple[int, str]]:
    Journal(path).close()
    with closing(JournalReader(path)) as reader:
        return [(each.seq, each.event_id) for each in reader.missing()]


def wal(path: Path) -> Path:
    return path.with_name("journal.db-wal")


def delete_wal(path: Path) -> None:
    wal(path).unlink()


def empty_wal(path: Path) -> None:
    os.truncate(wal(path), 0)


def flip_in_wal(path: Path) -> None:
    content = bytearray(wal(path).read_bytes())
    content[60] ^= 1
    wal(path).write_bytes(content)


@pytest.mark.parametrize("harm", [delete_wal, empty_wal, flip_in_wal])
def test_events_lost_with_the_wal_are_named_one_by_one(
    path: Path, tmp_path: Path, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    copy = killed(path, tmp_path / "after")
    harm(copy)
    with caplog.at_level(logging.ERROR):
        assert missing(copy) == [(4, create(4).event_id), (5, create(5).event_id)]
    assert "2 MPPS events that scanners were told Success for are missing" in caplog.text
    assert "2.25" not in caplog.text


@pytest.mark.parametrize("share", [n / 12 for n in range(12)])
def test_wherever_the_wal_is_cut_off_what_is_there_and_what_is_missing_are_all(
    path: Path, tmp_path: Path, share: float
) -> None:
    copy = killed(path, tmp_path / "after", settled=2, after=12)
    os.truncate(wal(copy), int(wal(copy).stat().st_size * share))
    lost = [event_id for _, event_id in missing(copy)]
    with closing(JournalReader(copy)) as reader:
        there = [each.event_id for each in reader.open_events()]
    assert there + lost == [create(number).event_id for number in range(1, 15)]


def test_a_crash_that_harmed_nothing_lacks_nothing(path: Path, tmp_path: Path) -> None:
    assert missing(killed(path, tmp_path / "after")) == []


def test_a_copy_of_the_main_file_alone_has_all_that_was_settled(path: Path, tmp_path: Path) -> None:
    journal = Journal(path)
    append(journal, 1, 5)
    journal.checkpoint()
    shutil.copy(path, tmp_path / "journal.db")
    journal.close()
    with closing(JournalReader(tmp_path / "journal.db")) as reader:
        assert len(reader.open_events()) == 5


def test_a_backup_put_back_lacks_what_came_after_it(path: Path) -> None:
    journal = Journal(path)
    append(journal, 1, 2)
    journal_file.backup(path, path.with_name("copy"))
    append(journal, 3, 4)
    journal.close()
    path.with_name("copy").replace(path)
    assert [seq for seq, _ in missing(path)] == [3, 4]


def test_another_journal_in_its_place_is_noticed(path: Path) -> None:
    journal = Journal(path)
    append(journal, 1, 3)
    journal.checkpoint()
    append(journal, 4, 4)
    journal.close()
    path.unlink()
    assert missing(path) == [(3, ""), (4, create(4).event_id)]


def test_numbers_go_on_after_what_is_missing_and_are_told_of_until_somebody_has_looked(
    path: Path, tmp_path: Path
) -> None:
    copy = killed(path, tmp_path / "after")
    delete_wal(copy)
    Journal(copy).close()
    journal = Journal(copy)
    journal.append(create(9, "2.25.9"))
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT max(seq) FROM events").fetchone() == (6,)
    assert len(missing(copy)) == 2
    assert journal.forget_missing() == 2
    journal.close()
    assert missing(copy) == []


def test_a_mark_that_is_gone_or_no_mark_begins_anew(path: Path) -> None:
    journal = Journal(path)
    append(journal, 1, 3)
    journal.close()
    for harm in (b"", b"\xff\xfe", b"[]\n", b'{"journal": 1, "seq": "x"}\n'):
        path.with_name("journal.mark").write_bytes(harm)
        assert missing(path) == []
    path.with_name("journal.mark").unlink()
    assert missing(path) == []
    mark = MarkFile(path.with_name("journal.mark")).read()
    assert mark is not None
    assert mark.last == 3


def test_a_line_cut_off_in_the_mark_is_of_an_event_nobody_was_told_of(path: Path, tmp_path: Path) -> None:
    copy = killed(path, tmp_path / "after")
    mark = copy.with_name("journal.mark")
    mark.write_bytes(mark.read_bytes() + b'{"seq": 6, "event_id": "ab')
    assert missing(copy) == []


def test_an_event_is_noted_before_its_scanner_is_answered(path: Path) -> None:
    journal = Journal(path)
    append(journal, 1, 1)
    mark = MarkFile(path.with_name("journal.mark")).read()
    assert mark is not None
    assert [(each.seq, each.event_id, each.kind) for each in mark.noted] == [
        (1, create(1).event_id, "N-CREATE")
    ]
    journal.close()


def test_a_mark_that_cannot_be_written_is_a_warning_and_the_event_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MarkFile, "add", fail)
    append(journal, 1, 3)
    assert len(journal.due(10)) == 3
    assert caplog.text.count("journal.mark cannot be written") == 1
    journal.close()
