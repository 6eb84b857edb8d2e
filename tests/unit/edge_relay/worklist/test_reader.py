"""The reader: waits for no write, shows one moment, notices what happens to its file, never blocks long."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_relay.worklist.cache import Cache, WorklistReader, delete
from edge_relay.worklist.finding import Answer, Found, find
from edge_relay.worklist.reader import CHUNK
from shared.errors import Unavailable
from tests.rigs.relay import item
from tests.rigs.worklist import ANYONE, TODAY, UTF8, Worklist, asking, encoded, everything, page

MANY = 3 * CHUNK + 1


@pytest.fixture
def worklist(tmp_path: Path) -> Iterator[Worklist]:
    opened = Worklist(tmp_path)
    yield opened
    opened.close()


def fill(worklist: Worklist, prefix: str = "i") -> None:
    worklist.put(*(item(f"{prefix}{number}") for number in range(MANY)))


def ids(found: Found) -> list[str]:
    return [each.item_id for each in found.answers if each is not None]


def test_before_anything_was_received_it_says_so_instead_of_showing_nothing(tmp_path: Path) -> None:
    with closing(Cache(tmp_path / "cache.db")) as cache, closing(cache.reader()) as reader:

        def ask() -> Found:
            return find(
                encoded(everything()),
                implicit=True,
                scanner=ANYONE,
                charset=UTF8,
                today=TODAY,
                worklist=reader,
                overlay={},
            )

        with pytest.raises(Unavailable, match="no worklist has been received"):
            ask()
        cache.begin_snapshot()
        cache.apply_page(page((1, item()), snapshot=True, more=True), "")
        with pytest.raises(Unavailable):
            ask()
        cache.apply_page(page(snapshot=True), "")
        assert ids(ask()) == ["item-1"]
        cache.forget_bookmark()  # the next pull starts from nothing, and the worklist stays
        assert ids(ask()) == ["item-1"]


def test_an_empty_worklist_is_an_answer(worklist: Worklist) -> None:
    assert worklist.ids(everything()) == []


def test_a_long_search_looks_up_every_few_hundred_rows(worklist: Worklist) -> None:
    fill(worklist)
    nothing = list(worklist.find(asking(PatientName="nobody*")).answers)
    assert nothing == [None, None, None]
    rows = 0
    for each in worklist.find(asking(PatientName="doe*")).answers:
        rows = rows + 1 if each is not None else 0
        assert rows <= CHUNK


def test_a_short_answer_has_nothing_but_its_matches(worklist: Worklist) -> None:
    worklist.put(item())
    assert all(isinstance(each, Answer) for each in worklist.find(everything()).answers)


def test_a_long_answer_is_of_one_moment_and_the_others_see_the_next(worklist: Worklist) -> None:
    fill(worklist, "old")
    slow = worklist.find(everything())
    first = next(slow.answers)
    assert first is not None
    fill(worklist, "new")
    assert {each[:3] for each in worklist.ids(everything())} == {"new"}
    assert {each[:3] for each in ids(slow)} == {"old"}


def test_many_slow_readers_leave_few_connections_open(worklist: Worklist) -> None:
    fill(worklist)
    slow = [worklist.find(everything()) for _ in range(12)]
    for each in slow:
        next(each.answers)
    for each in slow[:6]:
        each.answers.close()  # how a scanner's C-CANCEL ends it
    for each in slow[6:]:
        assert len(ids(each)) == MANY - 1
    assert len(worklist.reader._spare) <= 4


def test_no_write_holds_a_reader_up(worklist: Worklist) -> None:
    worklist.put(item())
    with closing(sqlite3.connect(worklist.path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM items")
        assert worklist.ids(everything()) == ["item-1"]
        writer.execute("ROLLBACK")


@pytest.mark.slow
def test_snapshots_are_swapped_while_scanners_ask(worklist: Worklist) -> None:
    fill(worklist, "a")
    stop = threading.Event()
    faults: list[BaseException] = []

    def swap() -> None:
        try:
            for prefix in "bcdefg":
                fill(worklist, prefix)
        except BaseException as error:  # noqa: BLE001  shown below
            faults.append(error)
        finally:
            stop.set()

    writer = threading.Thread(target=swap)
    writer.start()
    asked = 0
    while not stop.is_set() or asked == 0:
        found = worklist.ids(everything())
        assert len(found) == MANY
        assert len({each[0] for each in found}) == 1
        asked += 1
    writer.join()
    assert faults == []


def test_a_file_started_anew_is_opened_again(worklist: Worklist) -> None:
    worklist.put(item("before"))
    assert worklist.ids(everything()) == ["before"]
    delete(worklist.path)
    worklist.cache.ensure_on_disk()
    with pytest.raises(Unavailable):
        worklist.find(everything())
    worklist.put(item("after"))
    assert worklist.ids(everything()) == ["after"]


def test_damage_found_while_reading_is_reported_and_repaired_by_the_next_pull(worklist: Worklist) -> None:
    fill(worklist)
    worklist.cache._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with worklist.path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * (worklist.path.stat().st_size - 8192))
    worklist.reader.close()  # what it holds in memory is still whole
    with pytest.raises(Unavailable):
        worklist.ids(everything())
    worklist.cache.ensure_on_disk()
    worklist.put(item("healed"))
    assert worklist.ids(everything()) == ["healed"]


def test_a_file_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with closing(WorklistReader(tmp_path / "none.db")) as reader, pytest.raises(Unavailable):
        reader.chunks("SELECT 1")


def test_another_process_may_look_on(worklist: Worklist) -> None:
    worklist.put(item())
    with closing(WorklistReader(worklist.path)) as reader:
        assert list(reader.chunks("SELECT item_id FROM items")) == [[("item-1",)]]
