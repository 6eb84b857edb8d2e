"""What either side lost: asked for after a snapshot, a start and once a day; sent again, or taken back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from edge_relay.exchange.answers import Away
from edge_relay.exchange.redelivery import Retrieval, checked_push, send_again_if_due
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_mark.high_water import Noted
from edge_relay.worklist.cache import Cache
from shared.errors import Unavailable
from shared.steps.procedure_step import EventReference, EventResult, ProcedureStepEvent
from tests.unit.edge_relay.mpps.test_journal import complete, create, recorded

DAY = 24 * 3600.0


class Files(NamedTuple):
    journal: Journal
    cache: Cache


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    both = Files(Journal(tmp_path / "journal.db"), Cache(tmp_path / "cache.db"))
    yield both
    both.journal.close()
    both.cache.close()


class Forgetful:
    """A cloud that lacks what it is told to, and notes what it is asked."""

    def __init__(self, *lacks: ProcedureStepEvent) -> None:
        self.lacks = {event.event_id for event in lacks}
        self.has: dict[str, list[ProcedureStepEvent]] = {}
        self.asked: list[int] = []
        self.steps_asked: list[str] = []
        self.down = False

    def lacking(self, events: Sequence[EventReference]) -> list[str]:
        if self.down:
            raise Away("down")
        self.asked.append(len(events))
        return [event.event_id for event in events if event.event_id in self.lacks]

    def recorded(self, sop_instance_uid: str) -> list[ProcedureStepEvent]:
        if self.down:
            raise Away("down")
        self.steps_asked.append(sop_instance_uid)
        return self.has.get(sop_instance_uid, [])


def delivered(journal: Journal, *events: ProcedureStepEvent) -> None:
    for event in events:
        journal.append(event, ["a"])
        journal.record_result(recorded(event, a=7))


def pending(journal: Journal) -> list[str]:
    return [event.event_id for event in journal.open_events() if event.state == "pending"]


def test_nothing_is_asked_while_no_snapshot_came(files: Files) -> None:
    delivered(files.journal, create(1))
    cloud = Forgetful(create(1))
    assert send_again_if_due(cloud, *files) == set()
    assert cloud.asked == []


def test_a_snapshot_makes_it_ask_once(files: Files) -> None:
    delivered(files.journal, create(1), complete(2))
    cloud = Forgetful(complete(2))
    files.cache.begin_snapshot()
    assert send_again_if_due(cloud, *files) == {"a"}
    assert pending(files.journal) == [complete(2).event_id]
    assert send_again_if_due(cloud, *files) == set()
    assert cloud.asked == [2]


def test_an_empty_journal_has_nothing_to_ask(files: Files) -> None:
    cloud = Forgetful()
    files.cache.begin_snapshot()
    send_again_if_due(cloud, *files)
    assert cloud.asked == []
    assert files.cache.is_verified()


def test_a_cloud_that_does_not_answer_is_asked_again(files: Files) -> None:
    delivered(files.journal, create(1))
    cloud = Forgetful(create(1))
    files.cache.begin_snapshot()
    cloud.down = True
    with pytest.raises(Away):
        send_again_if_due(cloud, *files)
    cloud.down = False
    assert send_again_if_due(cloud, *files) == {"a"}


def test_that_it_is_due_survives_a_restart(files: Files, tmp_path: Path) -> None:
    files.cache.begin_snapshot()
    again = Cache(tmp_path / "cache.db")
    assert not again.is_verified()
    again.close()


def test_a_month_of_events_is_asked_for_in_portions_of_what_one_call_takes(files: Files) -> None:
    files.journal.append(create(1))
    files.journal.record_result(recorded(create(1)))
    with sqlite3.connect(files.journal._file._path) as db:
        columns = "sop_instance_uid, kind, received_at, body, state, checksum"
        db.executemany(
            f"INSERT INTO events (event_id, {columns}) SELECT ?, {columns} FROM events WHERE seq = 1",
            [(f"{number:032x}",) for number in range(100, 1100)],
        )
    db.close()
    cloud = Forgetful()
    files.cache.begin_snapshot()
    send_again_if_due(cloud, *files)
    assert cloud.asked == [500, 500, 1]


def test_what_is_pending_or_parked_is_not_asked_for(files: Files) -> None:
    files.journal.append(create(1))
    files.journal.append(create(2, "2.25.2"))
    files.journal.park(create(2).event_id, "no")
    cloud = Forgetful()
    files.cache.begin_snapshot()
    send_again_if_due(cloud, *files)
    assert cloud.asked == []


class Elapsed:
    def __init__(self) -> None:
        self.seconds = 50.0

    def __call__(self) -> float:
        return self.seconds


def test_it_is_asked_after_the_start_and_once_a_day(files: Files) -> None:
    delivered(files.journal, create(1))
    cloud, elapsed = Forgetful(), Elapsed()
    exchange_once = checked_push(lambda: False, cloud, files.journal, files.cache, elapsed)
    for _ in range(3):
        exchange_once()
    assert len(cloud.asked) == 1
    elapsed.seconds += DAY - 1
    exchange_once()
    assert len(cloud.asked) == 1
    elapsed.seconds += 1
    exchange_once()
    assert len(cloud.asked) == 2


def test_what_is_to_be_sent_again_is_sent_at_once(files: Files) -> None:
    delivered(files.journal, create(1))
    exchange_once = checked_push(lambda: False, Forgetful(create(1)), files.journal, files.cache)
    assert exchange_once()


def test_nothing_is_asked_while_pushing_itself_fails(files: Files) -> None:
    def fails() -> bool:
        raise Away("down")

    cloud = Forgetful()
    delivered(files.journal, create(1))
    with pytest.raises(Away):
        checked_push(fails, cloud, files.journal, files.cache)()
    assert cloud.asked == []


def test_a_cache_that_cannot_be_used_is_named(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> bool:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(files.cache, "is_verified", broken)
    with pytest.raises(Unavailable, match=r"cache\.db"):
        send_again_if_due(Forgetful(), *files)


def lost(journal: Journal, event: ProcedureStepEvent) -> None:
    noted = Noted(
        seq=1,
        event_id=event.event_id,
        sop_instance_uid=event.sop_instance_uid,
        kind=event.kind.value,
        calling_aetitle="MR1",
        received_at="2026-11-22T09:31:00+00:00",
    )
    with sqlite3.connect(journal._file._path) as db:
        db.execute("INSERT INTO missing VALUES (1, ?)", (noted.model_dump_json(),))
    db.close()


def test_a_missing_event_that_the_cloud_has_is_missing_no_longer(files: Files) -> None:
    lost(files.journal, create(1))
    cloud = Forgetful()
    cloud.has = {"2.25.1": [create(1)]}
    assert Retrieval(cloud, files.journal).take_back() == 1
    assert files.journal.missing() == []
    assert files.journal.step("2.25.1") is not None
    assert files.journal.open_events() == []


def test_a_missing_event_that_the_cloud_has_not_stays_missing_and_is_asked_for_once(files: Files) -> None:
    lost(files.journal, complete(2))
    cloud = Forgetful()
    retrieval = Retrieval(cloud, files.journal)
    assert retrieval.take_back() == retrieval.take_back() == 0
    assert cloud.steps_asked == ["2.25.1"]
    assert len(files.journal.missing()) == 1


def test_a_cloud_that_is_away_is_asked_for_missing_events_when_it_is_back(files: Files) -> None:
    lost(files.journal, create(1))
    cloud = Forgetful()
    cloud.has, cloud.down = {"2.25.1": [create(1)]}, True
    retrieval = Retrieval(cloud, files.journal)
    with pytest.raises(Away):
        retrieval.take_back()
    cloud.down = False
    assert retrieval.take_back() == 1


def test_what_the_journal_has_of_a_step_beside_what_came_back_is_kept(files: Files) -> None:
    files.journal.append(create(1), ["a"])
    lost(files.journal, complete(2))
    cloud = Forgetful()
    cloud.has = {"2.25.1": [create(1), complete(2)]}
    assert Retrieval(cloud, files.journal).take_back() == 1
    step = files.journal.step("2.25.1")
    assert step is not None
    assert (step.status, step.item_ids) == ("COMPLETED", ("a",))
    assert pending(files.journal) == [create(1).event_id]


def test_an_answer_for_an_event_sent_again_is_taken_down_as_any_other(files: Files) -> None:
    delivered(files.journal, create(1))
    files.cache.begin_snapshot()
    send_again_if_due(Forgetful(create(1)), *files)
    assert files.journal.overlay()["a"].confirmed_seq is None
    files.journal.record_result(EventResult(event_id=create(1).event_id, outcome="recorded"))
    assert files.journal.open_events() == []
