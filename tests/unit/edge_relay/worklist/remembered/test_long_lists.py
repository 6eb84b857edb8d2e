"""Long lists are not read again while the file is the same, and never shown once it is another."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.worklist.reader import CHUNK
from edge_relay.worklist.remembered.long_lists import LongLists, Seen
from tests.rigs.relay import item
from tests.rigs.worklist import Worklist, asking, everything

MANY = 2 * CHUNK + 1
ONE, OTHER = object(), object()


def chunks(rows: int, word: str = "row") -> list[list[tuple[str, int]]]:
    return [[(word, number)] for number in range(rows)]


def test_a_list_is_known_by_statement_values_connection_and_version() -> None:
    lists = LongLists()
    lists.keep(("sql", ("a",)), Seen(ONE, 1), chunks(2))
    assert lists.of(("sql", ("a",)), Seen(ONE, 1)) == chunks(2)
    assert lists.of(("sql", ("b",)), Seen(ONE, 1)) is None
    assert lists.of(("other", ("a",)), Seen(ONE, 1)) is None
    assert lists.of(("sql", ("a",)), Seen(OTHER, 1)) is None
    assert lists.has(("sql", ("a",)))
    assert lists.of(("sql", ("a",)), Seen(ONE, 2)) is None
    assert not lists.has(("sql", ("a",)))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 14)), max_size=40))
def test_all_lists_together_have_a_bound(kept: list[tuple[int, int]]) -> None:
    lists, newest = LongLists(most_rows=10), dict[int, int]()
    for number, size in kept:
        lists.keep((f"{number}", ()), Seen(ONE, 1), chunks(size))
        if size <= 10:
            newest[number] = size
        held = {each: lists.of((f"{each}", ()), Seen(ONE, 1)) for each in range(5)}
        assert sum(len(each) for each in held.values() if each is not None) <= 10
        assert all(each is None or len(each) == newest[at] for at, each in held.items())
        if size <= 10:
            assert held[number] is not None


class Counted:
    """A worklist whose reader's statements are counted."""

    def __init__(self, folder: Path) -> None:
        self.worklist = Worklist(folder)
        self.put()
        self.statements: list[str] = []
        self.worklist.ids(asking(PatientID="nobody"))  # opens the connection
        for db in self.worklist.reader._spare:
            db.set_trace_callback(self.statements.append)

    def put(self, *more: str) -> None:
        """Let the worklist be the usual items, and some more."""
        self.worklist.put(*(item(f"i{number:04}") for number in range(MANY)), *map(item, more))

    def selects(self) -> int:
        """Return how many lists were read since it was asked last."""
        count = sum(each.startswith("SELECT item_id") for each in self.statements)
        self.statements.clear()
        return count


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Counted]:
    made = Counted(tmp_path)
    yield made
    made.worklist.close()


def test_the_same_list_of_the_same_file_is_read_once(counted: Counted) -> None:
    first = counted.worklist.ids(everything())
    assert counted.selects() == 1
    assert counted.worklist.ids(everything()) == first
    assert counted.selects() == 0


def test_what_was_committed_since_is_shown(counted: Counted) -> None:
    first = counted.worklist.ids(everything())
    counted.put("new")
    assert set(counted.worklist.ids(everything())) - set(first) == {"new"}
    assert counted.selects() == 2
    assert len(counted.worklist.ids(everything())) == MANY + 1
    assert counted.selects() == 0


def test_what_another_process_committed_is_shown_too(counted: Counted) -> None:
    counted.worklist.ids(everything())
    with closing(sqlite3.connect(counted.worklist.path, isolation_level=None)) as other:
        other.execute("DELETE FROM items WHERE item_id = 'i0000'")
    assert len(counted.worklist.ids(everything())) == MANY - 1


def test_a_list_that_was_given_up_or_read_from_a_file_since_replaced_is_not_kept(counted: Counted) -> None:
    cancelled = counted.worklist.find(everything())
    next(cancelled.answers)
    cancelled.answers.close()
    assert not counted.worklist.reader._long._kept
    slow = counted.worklist.find(everything())
    next(slow.answers)
    counted.worklist.reader.close()
    assert len([each for each in slow.answers if each is not None]) == MANY - 1
    counted.worklist.ids(asking(PatientID="nobody"))
    assert len(counted.worklist.ids(everything())) == MANY


def test_a_list_read_while_the_file_changed_is_of_its_moment_and_not_shown_later(
    counted: Counted,
) -> None:
    slow = counted.worklist.find(everything())
    next(slow.answers)
    counted.put("new")
    assert len([each for each in slow.answers if each is not None]) == MANY - 1
    assert len(counted.worklist.ids(everything())) == MANY + 1


def test_a_short_list_is_read_each_time(counted: Counted) -> None:
    for _ in range(2):
        assert counted.worklist.ids(asking(PatientID="nobody")) == []
    assert counted.selects() == 2


def test_a_scanner_that_is_shown_other_exams_is_not_shown_the_list_of_the_first(counted: Counted) -> None:
    whole = counted.worklist.ids(everything())
    assert counted.worklist.ids(asking(PatientName="nobody*")) == []
    assert counted.worklist.ids(everything()) == whole
