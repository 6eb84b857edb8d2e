"""What a journal lacks is told exactly when it is opened: the mark beside it knows how far it had come."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from edge_relay.mpps import journal_file, journal_losses
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_mark.high_water import MarkFile, Noted
from edge_relay.mpps.journal_reader import JournalReader
from shared.errors import Unavailable
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


def missing(path: Path, boot: str = "") -> list[tuple[int, str]]:
    Journal(path, boot=boot).close()
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

    monkeypatch.setattr(MarkFile, "promise", fail)
    append(journal, 1, 3)
    assert len(journal.due(10)) == 3
    assert caplog.text.count("journal.mark cannot be written") == 1
    journal.close()


def noted(number: int) -> Noted:
    return Noted(
        seq=number,
        event_id=f"event-{number}",
        sop_instance_uid=f"2.25.{number}",
        kind="N-SET",
        calling_aetitle="PRISMA1",
        received_at="2026-11-22T09:31:00+00:00",
    )


def mark_with(path: Path, *lines: dict[str, object] | Noted | tuple[Noted, str]) -> None:
    """Write a mark: what was kept, what was noted, and what was promised in which start of the machine."""
    text = [json.dumps({"journal": "j", "seq": 0})]
    for line in lines:
        if isinstance(line, tuple):
            text.append(json.dumps({**line[0].model_dump(), "promised": line[1]}))
        else:
            text.append(json.dumps(line if isinstance(line, dict) else line.model_dump()))
    path.write_text("".join(f"{each}\n" for each in text))


@pytest.mark.parametrize(
    ("lines", "boot", "numbers"),
    [
        ([noted(1), noted(2)], "here", [1, 2]),  # of an earlier version
        ([(noted(1), "here"), {"kept": 1}], "here", [1]),
        ([(noted(1), "here"), {"kept": 1}], "there", [1]),
        ([(noted(1), "here")], "here", []),
        ([(noted(1), "here")], "there", [1]),
        ([(noted(1), "here")], "", [1]),
        ([(noted(1), "")], "", [1]),
        ([(noted(1), "here"), {"kept": 0}], "there", []),  # it could not be committed
        ([(noted(1), "here"), (noted(2), "here"), {"kept": 1}], "there", [1]),
        ([(noted(1), "here"), {"kept": 1}, (noted(2), "here")], "here", [1]),
        ([(noted(1), "here"), {"kept": 1}, (noted(2), "here")], "there", [1, 2]),
        ([(noted(1), "here"), (noted(2), "here"), {"kept": 2}], "here", [1, 2]),
    ],
)
def test_what_was_promised_counts_if_it_was_kept_or_if_nobody_can_know(
    tmp_path: Path, lines: list[Noted | tuple[Noted, str] | dict[str, object]], boot: str, numbers: list[int]
) -> None:
    mark_with(tmp_path / "mark", *lines)
    mark = MarkFile(tmp_path / "mark", boot).read()
    assert mark is not None
    assert [each.seq for each in mark.noted] == numbers
    assert mark.last == max(numbers, default=0)


def test_a_number_that_was_promised_twice_is_of_the_event_that_was_kept(tmp_path: Path) -> None:
    first, second = noted(1), noted(1).model_copy(update={"event_id": "second"})
    mark_with(tmp_path / "mark", (first, "here"), {"kept": 0}, (second, "here"), {"kept": 1})
    mark = MarkFile(tmp_path / "mark", "here").read()
    assert mark is not None
    assert [each.event_id for each in mark.noted] == ["second"]


def test_what_a_killed_process_had_promised_is_not_told_as_missing_after_the_next_power_cut(
    path: Path,
) -> None:
    journal = Journal(path, boot="first")
    append(journal, 1, 2)
    journal.close()
    mark = MarkFile(path.with_name("journal.mark"), "first")
    mark.promise([noted(3)])  # and then it was killed, before its commit
    assert missing(path, boot="first") == []
    assert missing(path, boot="second") == []


def test_what_was_being_committed_as_the_power_was_cut_is_told_if_it_is_not_there(path: Path) -> None:
    journal = Journal(path, boot="first")
    append(journal, 1, 2)
    journal.close()
    MarkFile(path.with_name("journal.mark"), "first").promise([noted(3)])
    assert missing(path, boot="second") == [(3, "event-3")]


def test_what_was_promised_and_is_there_is_not_missing_although_the_power_was_cut(path: Path) -> None:
    journal = Journal(path, boot="first")
    append(journal, 1, 2)
    journal.close()
    mark = path.with_name("journal.mark")
    assert mark.read_text().splitlines()[-1] == '{"kept": 2}'
    mark.write_text("\n".join(mark.read_text().splitlines()[:-1]) + "\n")  # it had not reached the disk
    assert missing(path, boot="second") == []


def test_a_commit_that_fails_takes_back_what_was_promised(path: Path) -> None:
    journal = Journal(path, boot="first")
    append(journal, 1, 1)
    pages = journal._file.db.execute("PRAGMA page_count").fetchone()[0]
    journal._file.db.execute(f"PRAGMA max_page_count = {pages}")
    journal._file.db.execute("PRAGMA cache_spill = OFF")
    with suppress(Unavailable):
        append(journal, 2, 60)
    kept = len(journal.due(100))
    journal._file.db.execute("PRAGMA max_page_count = 100000")
    append(journal, 61, 61)
    assert len(journal.due(100)) == kept + 1
    journal.close()
    wal(path).unlink(missing_ok=True)
    assert missing(path, boot="second") == []


def test_a_promise_that_a_killed_process_left_open_is_settled_when_the_journal_is_opened(path: Path) -> None:
    journal = Journal(path, boot="first")
    append(journal, 1, 2)
    journal.close()
    mark = MarkFile(path.with_name("journal.mark"), "first")
    mark.promise([noted(3)])
    with closing(journal_file.open_journal(path)) as db:
        assert journal_losses.hold_against(db, mark) == 0
    left = mark.read()
    assert left is not None
    assert (left.last, left.is_open) == (2, False)
