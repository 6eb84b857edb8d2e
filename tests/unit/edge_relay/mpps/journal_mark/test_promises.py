"""What is committed is promised in the mark at the same time, and said to be kept once both are done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_relay.mpps.journal_mark.high_water import MarkFile, Noted
from edge_relay.mpps.journal_mark.promises import OwnThread, Promises
from tests.rigs.patience import PATIENCE
from tests.unit.edge_relay.mpps.journal_mark.test_high_water import noted


class SlowMark(MarkFile):
    """A mark whose promise ends when it is let."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "boot")
        self.began, self.may_end = threading.Event(), threading.Event()

    def promise(self, events: list[Noted]) -> None:  # type: ignore[override]
        self.began.set()
        assert self.may_end.wait(PATIENCE)
        super().promise(events)


@pytest.fixture
def thread() -> Iterator[OwnThread]:
    with closing(OwnThread("test")) as running:
        yield running


@pytest.fixture
def mark(tmp_path: Path) -> SlowMark:
    made = SlowMark(tmp_path / "journal.mark")
    made.begin("j", 0)
    return made


def numbers(mark: MarkFile) -> list[int]:
    found = mark.read()
    assert found is not None
    return [each.seq for each in found.noted]


def test_the_promise_is_made_while_the_commit_is_under_way(thread: OwnThread, mark: SlowMark) -> None:
    with Promises(mark, thread).while_committing([noted(1), noted(2)]):
        assert mark.began.wait(PATIENCE)
        assert numbers(mark) == []
        mark.may_end.set()
    assert numbers(mark) == [1, 2]


def test_a_commit_that_fails_waits_for_the_promise_and_takes_it_back(
    thread: OwnThread, mark: SlowMark
) -> None:
    def commit() -> None:
        assert mark.began.wait(PATIENCE)
        mark.may_end.set()
        raise RuntimeError("the disk is full")

    with (
        pytest.raises(RuntimeError, match="the disk is full"),
        Promises(mark, thread).while_committing([noted(1)]),
    ):
        commit()
    assert numbers(mark) == []
    assert numbers(MarkFile(mark._path, "another")) == []


def test_nothing_is_promised_where_nothing_is_appended(thread: OwnThread, mark: SlowMark) -> None:
    with Promises(mark, thread).while_committing([]):
        pass
    assert not mark.began.is_set()


def test_a_mark_that_cannot_be_written_is_told_once_until_it_can(
    thread: OwnThread, mark: SlowMark, caplog: pytest.LogCaptureFixture
) -> None:
    mark.may_end.set()
    promises, elsewhere = Promises(mark, thread), mark._path.with_name("moved")
    for gone in (True, True, False, True):
        if gone and mark._path.exists():
            mark._path.rename(elsewhere)
        elif not gone:
            elsewhere.rename(mark._path)
        with promises.while_committing([noted(1)]):
            pass
    assert caplog.text.count("journal.mark cannot be written (No such file or directory)") == 2
