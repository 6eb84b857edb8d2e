"""One SQLite file: whole transactions, what goes with a commit, and what need not wait for the disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_relay.storage.sqlite_file import connect, transaction, unhurried


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = connect(tmp_path / "file.db", "FULL")
    opened.execute("CREATE TABLE said (word TEXT)")
    yield opened
    opened.close()


def words(db: sqlite3.Connection) -> list[str]:
    return [word for (word,) in db.execute("SELECT word FROM said")]


def test_a_block_that_fails_leaves_nothing(db: sqlite3.Connection) -> None:
    def half() -> None:
        db.execute("INSERT INTO said VALUES ('half')")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"), transaction(db):
        half()
    assert words(db) == []


def test_what_goes_with_the_commit_begins_before_it_and_ends_after_it(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    other = connect(tmp_path / "file.db", "FULL")
    seen = []

    @contextmanager
    def watched() -> Iterator[None]:
        seen.append(words(other))
        yield
        seen.append(words(other))

    with transaction(db, watched):
        db.execute("INSERT INTO said VALUES ('whole')")
    other.close()
    assert seen == [[], ["whole"]]


def test_what_goes_with_the_commit_is_told_of_its_failure(db: sqlite3.Connection) -> None:
    told = []

    @contextmanager
    def watched() -> Iterator[None]:
        try:
            yield
        except sqlite3.Error:
            told.append("failed")
            raise

    db.execute("CREATE TABLE parts (of INTEGER REFERENCES whole (id) DEFERRABLE INITIALLY DEFERRED)")
    db.execute("CREATE TABLE whole (id INTEGER PRIMARY KEY)")
    db.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(sqlite3.IntegrityError), transaction(db, watched):
        db.execute("INSERT INTO parts VALUES (1)")
    assert told == ["failed"]
    assert not db.in_transaction


def test_an_unhurried_commit_does_not_wait_for_the_disk_and_the_next_one_does(db: sqlite3.Connection) -> None:
    def synchronous() -> int:
        return int(db.execute("PRAGMA synchronous").fetchone()[0])

    with unhurried(db):
        assert synchronous() == 1
        with transaction(db):
            db.execute("INSERT INTO said VALUES ('soon')")
    assert synchronous() == 2
    assert words(db) == ["soon"]


def test_after_an_unhurried_block_that_failed_commits_wait_again(db: sqlite3.Connection) -> None:
    with pytest.raises(RuntimeError, match="no"), unhurried(db):
        raise RuntimeError("no")
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)
