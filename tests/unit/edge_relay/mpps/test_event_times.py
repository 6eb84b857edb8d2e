"""When events were received: told again once the time is known, and never in another order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_relay.exchange.portion import Portion
from edge_relay.exchange.push import push_once
from edge_relay.mpps.event_times import Stamp, Stamped, corrected
from edge_relay.mpps.journal import Journal
from edge_relay.mpps.journal_times import NOT_CERTAIN
from shared.steps.procedure_step import Step
from shared.worklist_item import Status
from tests.rigs.mpps import discontinued, event
from tests.unit.edge_relay.mpps.test_journal import ScriptedCloud, create

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WRONG = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2027, 11, 22, tzinfo=UTC), NOW - 3 * MINUTE]


class Machine:
    """A machine whose clock may be wrong, and may become known."""

    def __init__(self, wall: datetime) -> None:
        self.wall, self.uptime, self.boot, self.known = wall, 100.0, "boot-1", False

    def __call__(self) -> Stamp:
        return Stamp(self.wall, self.boot, self.uptime, self.known)

    def pass_by(self, span: timedelta) -> None:
        self.wall += span
        self.uptime += span.total_seconds()

    def learn(self, at: datetime) -> None:
        self.wall, self.known = at, True

    def start_again(self, wall: datetime) -> None:
        self.wall, self.uptime, self.boot, self.known = wall, 5.0, "boot-2", False


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def received(journal: Journal) -> list[datetime]:
    return [each.received_at for each in journal.due(50)]


@pytest.mark.parametrize("wall", WRONG)
def test_events_from_before_the_time_was_known_are_sent_with_their_right_time(
    path: Path, wall: datetime
) -> None:
    machine = Machine(wall)
    journal = Journal(path, stamp=machine)
    journal.append(create(1, "2.25.1"))
    machine.pass_by(10 * MINUTE)
    journal.append(create(2, "2.25.2"))
    machine.pass_by(5 * MINUTE)
    assert not journal.settle_times()
    machine.learn(NOW)
    assert journal.settle_times()
    assert received(journal) == [NOW - 15 * MINUTE, NOW - 5 * MINUTE]
    assert [each.received_at for each in journal.open_events()] == [
        (NOW - 15 * MINUTE).isoformat(),
        (NOW - 5 * MINUTE).isoformat(),
    ]
    journal.close()


@pytest.mark.parametrize("wall", WRONG)
def test_a_new_start_of_the_relay_on_the_same_machine_changes_nothing(path: Path, wall: datetime) -> None:
    machine = Machine(wall)
    first = Journal(path, stamp=machine)
    first.append(create(1, "2.25.1"))
    first.close()
    machine.pass_by(MINUTE)
    machine.learn(NOW)
    journal = Journal(path, stamp=machine)
    assert journal.settle_times()
    assert received(journal) == [NOW - MINUTE]
    journal.close()


@pytest.mark.parametrize("wall", WRONG[:2])
def test_after_a_new_start_of_the_machine_a_time_that_cannot_be_is_no_later_than_what_came_after(
    path: Path, wall: datetime
) -> None:
    machine = Machine(wall)
    journal = Journal(path, stamp=machine)
    journal.append(create(1, "2.25.1"))
    machine.start_again(NOW)
    machine.learn(NOW)
    journal.append(create(2, "2.25.2"))
    journal.settle_times()
    first, second = journal.due(10)
    assert first.warnings[-1] == NOT_CERTAIN
    assert first.received_at < second.received_at <= NOW + timedelta(seconds=1)
    assert NOT_CERTAIN not in second.warnings
    journal.close()


@pytest.mark.parametrize("first", WRONG)
@pytest.mark.parametrize("second", WRONG)
def test_what_the_scanner_said_last_counts_whatever_the_clock_said(
    path: Path, first: datetime, second: datetime
) -> None:
    """A step given up, then another freed as the wrong entry had been selected: the exam is to be done."""
    machine = Machine(first)
    journal = Journal(path, stamp=machine)
    journal.append(create(1, "2.25.1"), ["a"])
    journal.append(event(2, discontinued(), "2.25.1"))
    machine.start_again(second)
    journal.append(create(3, "2.25.2"), ["a"])
    journal.append(event(4, discontinued(wrong_entry=True), "2.25.2"))
    assert journal.overlay()["a"].status is Status.SCHEDULED
    machine.learn(NOW)
    journal.settle_times()
    assert journal.overlay()["a"].status is Status.SCHEDULED
    assert isinstance(journal.append(create(5, "2.25.3"), ["a"]), Step)
    journal.append(event(6, discontinued(), "2.25.3"))
    assert journal.overlay()["a"].status is Status.DISCONTINUED
    journal.close()


def test_before_such_events_are_sent_the_cloud_is_asked_for_the_time(path: Path) -> None:
    machine = Machine(WRONG[1])
    journal = Journal(path, stamp=machine)
    journal.append(create(1, "2.25.1"))

    class Teaching(ScriptedCloud):
        def push(self, events):  # type: ignore[no-untyped-def]
            machine.learn(NOW)
            return super().push(events)

    cloud = Teaching()
    push_once(cloud, journal, Portion(10))
    assert [each.received_at for each in cloud.kept] == [NOW]
    journal.close()


STAMPS = st.lists(
    st.builds(
        Stamp,
        st.datetimes(datetime(1970, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
        st.sampled_from(["boot-1", "boot-2"]),
        st.floats(0, 1e6),
        st.just(False),
    ),
    max_size=8,
)


@given(STAMPS)
def test_no_correction_changes_the_order_or_reaches_beyond_now(stamps: list[Stamp]) -> None:
    now = Stamp(NOW, "boot-2", 1e6, known=True)
    told = corrected([Stamped(number, stamp) for number, stamp in enumerate(stamps)], now)
    assert [each.seq for each in told] == list(range(len(stamps)))
    assert all(one.at < other.at for one, other in pairwise(told))
    assert all(each.at <= NOW + timedelta(microseconds=len(told)) for each in told)
