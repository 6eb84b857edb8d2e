"""journal.db when things go wrong: damaged, full, read-only, gone, too new. Nothing is lost or hidden."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_file import MIGRATIONS, VERSION, backup
from shared.errors import AlreadyExists, Unavailable
from shared.steps.procedure_step import Progress, Step
from shared.worklist_item import Status
from tests.rigs.mpps import again, began, completed, event, with_images


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path, clock: Clock) -> Iterator[Journal]:
    opened = Journal(path, clock=clock)
    yield opened
    opened.close()


def filled(path: Path, steps: int = 60) -> None:
    journal = Journal(path)
    create = event(0, began())
    for number in range(steps):
        journal.append(again(create, number, f"2.25.{number + 1}"), ["a"])
    journal.close()


def kept(path: Path) -> dict[str, bytes]:
    """Return what the files hold; a reader may leave an empty -wal behind."""
    files = [each for each in path.parent.iterdir() if not each.name.endswith("-shm")]
    return {each.name: held for each in files if (held := each.read_bytes())}


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def make_not_a_database(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 200)


def make_damaged(path: Path) -> None:
    filled(path)
    overwrite(path, 4096 * 5, b"\xff" * 4096 * 4)


def make_newer(path: Path) -> None:
    filled(path)
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()


def make_parted_from_its_wal(path: Path) -> None:
    path.with_name("journal.db-wal").write_bytes(b"events that were not yet in the main file")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (make_not_a_database, "not a database"),
        (make_damaged, "damaged"),
        (make_newer, "format 99"),
        (make_parted_from_its_wal, "journal.db-wal is there"),
    ],
)
def test_a_journal_that_cannot_be_used_is_left_as_it_is_and_refuses_events_only(
    path: Path, make: Callable[[Path], None], said: str
) -> None:
    make(path)
    before = kept(path)
    clock = Clock()
    journal = Journal(path, clock=clock)
    assert journal.overlay() == {}
    assert journal.confirmed_overlay() == {}
    for _ in range(3):
        with pytest.raises(Unavailable, match=said):
            journal.append(event(900, began()))
        assert said in journal.problem
        with pytest.raises(Unavailable, match=said):
            journal.due(10)
        clock.seconds += 5
    journal.close()
    assert kept(path) == before


def test_a_journal_that_is_repaired_is_taken_up_by_itself(path: Path, clock: Clock) -> None:
    filled(path, 3)
    good = path.read_bytes()
    make_not_a_database(path)
    journal = Journal(path, clock=clock)
    assert journal.problem
    path.write_bytes(good)
    with pytest.raises(Unavailable):
        journal.due(10)  # not tried again within the same second
    clock.seconds += 1
    assert len(journal.due(10)) == 3
    assert journal.problem == ""
    assert journal.overlay()["a"].status is Status.IN_PROGRESS
    assert isinstance(journal.append(event(900, began(), "2.25.900")), Step)
    journal.close()


def test_a_folder_that_is_not_there_yet_is_no_end(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "later" / "journal.db"
    journal = Journal(path, clock=clock)
    assert "could not be opened" in journal.problem
    path.parent.mkdir()
    clock.seconds += 1
    assert isinstance(journal.append(event(1, began())), Step)
    assert journal.problem == ""
    journal.close()


def test_a_full_disk_refuses_the_event_changes_nothing_and_heals(journal: Journal, clock: Clock) -> None:
    pages = journal._file.db.execute("PRAGMA page_count").fetchone()[0]
    journal._file.db.execute(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for number in range(1, 100):
            journal.append(event(number, began(), f"2.25.{number}"), ["a"])

    with pytest.raises(Unavailable, match=r"journal\.db: could not be written: the disk is full"):
        fill()
    held = journal.open_events()
    assert len(held) < 99
    assert journal.step(f"2.25.{len(held) + 1}") is None
    assert "full" in journal.problem
    clock.seconds += 5
    assert len(journal.due(200)) == len(held)  # what is there still goes to the cloud
    assert "full" in journal.problem
    journal._file.db.execute("PRAGMA max_page_count = 100000")
    clock.seconds += 5
    journal.due(1)  # nobody scans, and yet the alarm ends
    assert journal.problem == ""
    assert isinstance(journal.append(event(500, began(), "2.25.500")), Step)


def test_a_batch_that_hits_a_full_disk_is_undone_whole(journal: Journal) -> None:
    journal.append(event(1, began(), "2.25.1"))
    journal._file.db.execute(
        f"PRAGMA max_page_count = {journal._file.db.execute('PRAGMA page_count').fetchone()[0]}"
    )

    def fill() -> None:
        with journal.batch() as batch:
            batch.append(event(2, began(), "2.25.2"), ["b"])
            batch.append(event(3, with_images(1900), "2.25.2"))

    with pytest.raises(Unavailable, match="full"):
        fill()
    assert journal.step("2.25.2") is None
    assert "b" not in journal.overlay()
    journal._file.db.execute("PRAGMA max_page_count = 100000")
    fill()
    assert journal.overlay()["b"].status is Status.COMPLETED


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    mount = shutil.which("mount")
    if (
        mount is None
        or os.geteuid() != 0
        or subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode
    ):
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_really_full_disk_fails_the_event_and_heals_when_there_is_room(small_disk: Path) -> None:
    clock = Clock()
    journal = Journal(small_disk / "journal.db", clock=clock)
    journal.append(event(1, began(), "2.25.1"), ["a"])
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    with pytest.raises(Unavailable, match="full"):
        journal.append(event(2, with_images(500), "2.25.1"))
    assert journal.overlay()["a"].status is Status.IN_PROGRESS
    ballast.unlink()
    clock.seconds += 5
    journal.due(1)
    assert journal.problem == ""
    assert isinstance(journal.append(event(3, with_images(500), "2.25.1")), Step)
    journal.close()


def test_a_disk_mounted_read_only_fails_the_event_and_heals(small_disk: Path) -> None:
    filled(small_disk / "journal.db", 2)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    clock = Clock()
    journal = Journal(small_disk / "journal.db", clock=clock)
    with pytest.raises(Unavailable):
        journal.append(event(3, began(), "2.25.3"))
    assert journal.problem
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    clock.seconds += 1
    assert isinstance(journal.append(event(3, began(), "2.25.3")), Step)
    assert journal.problem == ""
    journal.close()


def test_a_file_that_turns_read_only_in_use_is_an_alarm_until_it_can_be_written(journal: Journal) -> None:
    journal.append(event(1, began()), ["a"])
    journal._file.db.execute("PRAGMA query_only = ON")
    with pytest.raises(Unavailable, match="read-only"):
        journal.append(event(2, completed()))
    assert "read-only" in journal.problem
    assert journal.overlay()["a"].status is Status.IN_PROGRESS
    assert len(journal.open_events()) == 1
    journal._file.db.execute("PRAGMA query_only = OFF")
    assert isinstance(journal.append(event(2, completed())), Step)
    assert journal.problem == ""


def test_damage_in_the_middle_found_in_use_stops_the_writing(path: Path, clock: Clock) -> None:
    filled(path, 300)
    good = path.read_bytes()
    journal = Journal(path, clock=clock)
    overwrite(path, 4096, b"\xff" * (len(good) - 4096))
    with pytest.raises(Unavailable, match="damaged"):
        journal.attributes("2.25.7")
    damaged = path.read_bytes()
    clock.seconds += 5
    with pytest.raises(Unavailable, match="damaged"):
        journal.append(event(900, began(), "2.25.900"))
    assert "recover" in journal.problem
    assert path.read_bytes() == damaged
    assert journal.overlay()["a"].status is Status.IN_PROGRESS  # C-FIND goes on with what was known
    path.write_bytes(good)
    clock.seconds += 5
    assert isinstance(journal.append(event(900, began(), "2.25.900")), Step)
    assert len(journal.open_events()) == 301
    journal.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_journal_moved_away_in_use_takes_nothing_until_it_is_back(
    journal: Journal, path: Path, clock: Clock, replaced: bool
) -> None:
    journal.append(event(1, began()), ["a"])
    path.rename(path.with_name("elsewhere"))
    if replaced:
        path.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(Unavailable, match="moved or replaced"):
            journal.append(event(2, completed()))
        clock.seconds += 5
    path.with_name("elsewhere").rename(path)
    journal.due(1)
    assert journal.problem == ""
    assert isinstance(journal.append(event(2, completed())), Step)
    assert len(journal.open_events()) == 2


def version_1(path: Path) -> None:
    """Write a journal as the first version did, with a step of two items and an event not delivered."""
    create = event(1, began(), "2.25.1").model_copy(update={"item_id": "a", "warnings": ("odd",)})
    step = Step(sop_instance_uid="2.25.1", status="IN_PROGRESS", item_ids=("a", "b"))
    old = sqlite3.connect(path, isolation_level=None)
    old.execute("PRAGMA journal_mode = WAL")
    for statement in MIGRATIONS[1]:
        old.execute(statement)
    old.execute("PRAGMA user_version = 1")
    old.execute(
        "INSERT INTO events (event_id, sop_instance_uid, kind, received_at, body) VALUES (?, ?, ?, ?, ?)",
        (create.event_id, "2.25.1", "N-CREATE", create.received_at.isoformat(), create.model_dump_json()),
    )
    old.execute("INSERT INTO steps VALUES (?, ?)", ("2.25.1", step.model_dump_json()))
    for item_id in step.item_ids:
        old.execute("INSERT INTO overlay VALUES (?, 'IN_PROGRESS', ?, NULL)", (item_id, create.event_id))
    old.close()


def test_a_journal_of_the_first_version_is_brought_forward_with_all_it_holds(path: Path) -> None:
    version_1(path)
    journal = Journal(path)
    assert journal._file.db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert [each.event_id for each in journal.due(10)] == [event(1, began()).event_id]
    assert journal._file.db.execute("SELECT * FROM links ORDER BY item_id").fetchall() == [
        ("a", "2.25.1"),
        ("b", "2.25.1"),
    ]
    assert journal._file.db.execute("SELECT warned FROM events").fetchall() == [(1,)]
    journal.append(event(2, completed(), "2.25.1"))
    step = journal.step("2.25.1")
    assert step is not None
    assert Progress.of([step]).status() is Status.COMPLETED
    assert {key: entry.status for key, entry in journal.overlay().items()} == {
        "a": Status.COMPLETED,
        "b": Status.COMPLETED,
    }
    journal.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version_1(path)
    monkeypatch.setitem(MIGRATIONS, 2, (*MIGRATIONS[2], "SELECT nonsense FROM nowhere"))
    journal = Journal(path)
    assert "SQLITE_ERROR" in journal.problem
    journal.close()
    old = sqlite3.connect(path)
    assert old.execute("PRAGMA user_version").fetchone() == (1,)
    assert old.execute("SELECT name FROM sqlite_master WHERE name = 'links'").fetchall() == []
    old.close()


def test_a_backup_is_sound_complete_one_file_and_private(journal: Journal, path: Path) -> None:
    journal.append(event(1, began()), ["a"])
    target = path.with_name("copy.db")
    backup(path, target)
    assert target.stat().st_mode & 0o777 == 0o600
    assert not path.with_name("copy.db-wal").exists()
    journal.append(event(2, completed()))
    copy = Journal(target)
    assert len(copy.open_events()) == 1
    copy.close()
    with pytest.raises(AlreadyExists, match="exists"):
        backup(path, target)


def test_a_backup_of_a_damaged_journal_says_so_and_leaves_no_copy(path: Path) -> None:
    make_damaged(path)
    target = path.with_name("copy.db")
    with pytest.raises(Unavailable):
        backup(path, target)
    assert not target.exists()
