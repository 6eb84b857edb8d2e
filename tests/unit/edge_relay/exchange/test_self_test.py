from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from pydicom.dataset import Dataset

from edge_relay.client import scu
from edge_relay.exchange.self_test import SelfTester
from edge_relay.mpps.journal import Journal
from edge_relay.worklist.cache import Cache
from shared.errors import Unavailable
from shared.feed import FeedPage
from shared.steps.procedure_step import ProcedureStepEvent
from shared.steps.self_test import FeedSelfTest, Hop, SelfTestReport, exam_of, id_of, step_uid
from shared.worklist_item import Status
from tests.rigs.builders import an_event, an_item

NOW = datetime(2026, 11, 27, 6, 30, tzinfo=UTC)
EXAM = exam_of(id_of(UUID(int=1)), "oslo", NOW)
PEER = scu.Peer("127.0.0.1", 1, "RELAY", "RELAY")


@dataclass
class Rig:
    """A tester whose DICOM client and cloud do as told."""

    cache: Cache
    journal: Journal
    reports: list[SelfTestReport] = field(default_factory=list)
    cloud_away: bool = False
    now: datetime = NOW

    def report_self_test(self, test_id: str, report: SelfTestReport) -> bool:
        if self.cloud_away:
            raise Unavailable("away")
        self.reports.append(report)
        return True

    def tester(self) -> SelfTester:
        clock = lambda: self.now  # noqa: E731
        return SelfTester(
            self,
            self.cache,
            self.journal,
            lambda: PEER,
            now=clock,
            local_now=clock,
            new_uuid=lambda: UUID(int=9),
        )

    def hear(self, status: Status = Status.SCHEDULED, seq: int = 1) -> None:
        exam = EXAM.model_copy(update={"performed_procedure_step_status": status})
        test = FeedSelfTest(feed_seq=seq, relay_id="r", expires_at=NOW + timedelta(minutes=3), item=exam)
        self.cache.apply_page(
            FeedPage(
                epoch="e", snapshot=False, items=(), tombstones=(), cursor="", next="", more=False,
                self_tests=(test,),
            ),
            "",
        )  # fmt: skip

    def last(self) -> list[tuple[Hop, str]]:
        return [(each.hop, each.failure) for each in self.reports[-1].hops]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    found = Dataset()
    found.StudyInstanceUID = EXAM.study_instance_uid
    monkeypatch.setattr(scu, "find", lambda *_: [found])
    monkeypatch.setattr(scu, "create_step", lambda *_: "")
    monkeypatch.setattr(scu, "set_step", lambda *_: None)
    with closing(Cache(tmp_path / "cache.db")) as cache, closing(Journal(tmp_path / "journal.db")) as journal:
        yield Rig(cache, journal)


def failing(sentence: str) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise Unavailable(sentence)

    return fail


def test_what_has_come_is_found_begun_and_ended_in_one_go(rig: Rig) -> None:
    rig.hear()
    rig.tester().exchange_once()
    assert rig.last() == [(hop, "") for hop in (Hop.FETCHED, Hop.FOUND, Hop.BEGUN, Hop.ENDED)]
    assert not rig.reports[-1].over


def test_what_came_back_completed_has_been_all_the_way_and_is_forgotten(rig: Rig) -> None:
    tester = rig.tester()
    rig.hear()
    tester.exchange_once()
    rig.hear(Status.COMPLETED, 2)
    tester.exchange_once()
    assert rig.last()[-1] == (Hop.BACK, "")
    assert rig.reports[-1].over
    assert rig.cache.self_tests() == []


def test_nothing_is_told_or_done_twice(rig: Rig) -> None:
    tester = rig.tester()
    rig.hear()
    tester.exchange_once()
    tester.exchange_once()
    assert len(rig.reports) == 1


@pytest.mark.parametrize(
    ("call", "hop"), [("find", Hop.FOUND), ("create_step", Hop.BEGUN), ("set_step", Hop.ENDED)]
)
def test_a_hop_that_fails_is_the_last_and_says_why(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, call: str, hop: Hop
) -> None:
    monkeypatch.setattr(scu, call, failing("no answer"))
    rig.hear()
    rig.tester().exchange_once()
    assert rig.last()[-1] == (hop, "no answer")
    assert rig.reports[-1].over
    assert rig.cache.self_tests() == []


def test_an_answer_that_is_another_exam_is_a_failure(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Dataset()
    other.StudyInstanceUID = "2.25.1"
    monkeypatch.setattr(scu, "find", lambda *_: [other])
    rig.hear()
    rig.tester().exchange_once()
    assert rig.last()[-1] == (Hop.FOUND, "the query found 1 exams, not this one")


def test_a_test_begun_before_the_relay_was_started_anew_is_not_gone_on_with(rig: Rig) -> None:
    event: ProcedureStepEvent = an_event(an_item("1"), step_uid(EXAM.id))
    rig.journal.append(event, (EXAM.id,))
    rig.hear()
    rig.tester().exchange_once()
    assert "start the test again" in rig.last()[-1][1]


def test_a_cloud_that_is_away_is_told_later_and_nothing_is_done_again(rig: Rig) -> None:
    tester = rig.tester()
    rig.hear()
    rig.cloud_away = True
    with pytest.raises(Unavailable):
        tester.exchange_once()
    rig.cloud_away = False
    rig.now += timedelta(seconds=20)
    tester.exchange_once()
    assert [each.at for each in rig.reports[-1].hops] == [NOW] * 4


def test_what_is_too_old_is_forgotten_and_said_to_be_over(rig: Rig) -> None:
    tester = rig.tester()
    rig.hear()
    tester.exchange_once()
    rig.now += timedelta(minutes=3)
    tester.exchange_once()
    assert rig.reports[-1].over
    assert rig.cache.self_tests() == []
