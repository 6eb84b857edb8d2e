"""What is asked for begins before the watermark, whatever REDCap's clock shows: no change goes unseen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.sources.server_clock import ServerClock
from lambdas.sources.state import SourceState
from lambdas.sync.changes import CLOCK_SECONDS, LEAST_ZONE_STEP, Changes
from shared.errors import Forbidden
from tests.rigs.redcap import classic_definition

if TYPE_CHECKING:
    from lambdas.redcap.project import RedcapProject

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
WATERMARK = NOW - timedelta(minutes=1)
ZONES = ["Europe/Berlin", "UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"]
SECOND = timedelta(seconds=1)


@dataclass
class Edits:
    """A REDCap project by the times of its edits, on a server in some zone.

    :param at: record -> when it was saved.
    :param log: the newest line of its log, None: the token may not read it.
    """

    at: dict[str, datetime] = field(default_factory=dict)
    zone: str = "Europe/Berlin"
    log: datetime | None = None
    asked: list[datetime] = field(default_factory=list)
    log_asked: int = 0

    def shown(self, moment: datetime) -> datetime:
        return moment.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)

    def changed(self, since: datetime) -> frozenset[str]:
        self.asked.append(since)
        return frozenset(record for record, moment in self.at.items() if self.shown(moment) >= since)

    def server_now(self) -> datetime:
        return NOW

    def newest_log_stamp(self, since: datetime) -> str:
        self.log_asked += 1
        if self.log is None:
            raise Forbidden("the log is not for this token")
        shown = self.shown(self.log)
        return f"{shown:%Y-%m-%d %H:%M}" if shown >= since else ""


def changes(edits: Edits, *, stated: str = "Europe/Berlin", overlap: int = 300) -> Changes:
    definition = classic_definition(server_time_zone=stated, overlap_seconds=overlap)
    return Changes(definition, cast("RedcapProject", edits), NOW.timestamp())


def offset_of(zone: str) -> int:
    offset = NOW.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds() // 60)


def known(zone: str = "Europe/Berlin") -> ServerClock:
    return ServerClock.at_least(offset_of(zone), NOW.timestamp())


def state(**given: object) -> SourceState:
    return SourceState.model_validate({"watermark": WATERMARK, "server_clock": known()} | given)


# ---------------------------------------------------------------------- what is asked for


@pytest.mark.parametrize("overlap", [1, 300, 86400])
def test_an_edit_of_the_overlap_before_the_watermark_is_seen(overlap: int) -> None:
    first = WATERMARK - timedelta(seconds=overlap)
    edits = Edits({"saved while it was read": first, "seen before": first - SECOND})
    assert changes(edits, overlap=overlap).of(state()) == {"saved while it was read"}


def test_without_an_overlap_the_watermark_itself_is_the_first_moment() -> None:
    edits = Edits({"at": WATERMARK, "before": WATERMARK - SECOND})
    assert changes(edits, overlap=0).of(state()) == {"at"}


@given(
    stated=st.sampled_from(ZONES),
    true=st.sampled_from(ZONES),
    clock=st.booleans(),
    unseen=st.integers(0, 1),
    overlap=st.integers(0, 3600),
    back=st.integers(0, 3600),
)
def test_no_edit_since_the_overlap_is_missed_whatever_is_known_of_the_clock(
    stated: str, true: str, clock: bool, unseen: int, overlap: int, back: int
) -> None:
    edits = Edits({"1": WATERMARK - timedelta(seconds=min(back, overlap))}, true)
    before = state(server_clock=known(true) if clock else None, unseen=unseen)
    assert changes(edits, stated=stated, overlap=overlap).of(before) == {"1"}


@pytest.mark.parametrize("zone", ZONES)
def test_what_the_clock_showed_is_not_believed_while_edits_go_unseen(zone: str) -> None:
    edits = Edits({"1": WATERMARK}, zone)
    wrong = ServerClock.at_least(14 * 60, NOW.timestamp())
    assert changes(edits, stated="Pacific/Kiritimati").of(state(server_clock=wrong, unseen=1)) == {"1"}


def test_the_first_sync_sees_an_edit_of_any_age() -> None:
    edits = Edits({"1": datetime(1999, 1, 1, tzinfo=UTC)})
    assert changes(edits).of(state(watermark=None)) == {"1"}


@pytest.mark.parametrize(("records", "found"), [(3, 3), (4, 1)])
def test_only_a_bulk_change_is_asked_for_again_from_the_stated_zone_on(records: int, found: int) -> None:
    old = {str(number): WATERMARK - timedelta(hours=3) for number in range(records - 1)}
    with patch("lambdas.sync.changes.ONE_GO", 3):
        assert len(changes(Edits(old | {"new": WATERMARK})).of(state(server_clock=None))) == found


def test_a_bulk_change_that_is_as_late_as_stated_is_asked_for_once() -> None:
    edits = Edits({str(number): WATERMARK for number in range(4)})
    with patch("lambdas.sync.changes.ONE_GO", 3):
        assert len(changes(edits).of(state())) == 4
    assert len(edits.asked) == 1


# ------------------------------------------------------------- what is known of the clock


@pytest.mark.parametrize("zone", ZONES)
def test_the_log_tells_the_offset(zone: str) -> None:
    told = changes(Edits(zone=zone, log=NOW)).clock(state(server_clock=None), set())
    assert told == {"server_clock": known(zone), "clock_asked_at": NOW.timestamp()}


@pytest.mark.parametrize(("ago", "asked"), [(CLOCK_SECONDS - 1, 0), (CLOCK_SECONDS, 1)])
def test_the_log_is_asked_once_an_hour(ago: float, asked: int) -> None:
    edits = Edits(log=NOW)
    changes(edits).clock(state(clock_asked_at=NOW.timestamp() - ago), set())
    assert edits.log_asked == asked


def test_the_log_is_not_asked_while_edits_go_unseen() -> None:
    edits = Edits(log=NOW)
    assert changes(edits).clock(state(unseen=1), set()) == {"server_clock": known()}
    assert edits.log_asked == 0


def test_a_log_that_may_not_be_read_takes_nothing_from_what_is_known() -> None:
    told = changes(Edits()).clock(state(), set())
    assert told == {"server_clock": known(), "clock_asked_at": NOW.timestamp()}


def confirmed(edits: Edits, before: SourceState) -> object:
    return changes(edits).clock(before, {"1"})["server_clock"]


UNCONFIRMED = {"server_clock": None, "recent": ("digest",)}


def test_an_edit_that_the_stated_zone_shows_confirms_it() -> None:
    assert confirmed(Edits({"1": NOW}), state(**UNCONFIRMED)) == known()


def test_so_does_an_edit_of_the_overlap() -> None:
    edits = Edits({"1": WATERMARK - timedelta(seconds=300)})
    assert confirmed(edits, state(**UNCONFIRMED)) == known()


def test_one_that_it_hides_does_not() -> None:
    assert confirmed(Edits({"1": NOW}, "UTC"), state(**UNCONFIRMED)) is None


@pytest.mark.parametrize(
    "lacking",
    [{"recent": ()}, {"watermark": None}, {"unseen": 1}],
    ids=["it is not known what was seen before", "there was no sync before", "edits go unseen"],
)
def test_nothing_is_confirmed_where_the_edit_may_be_of_any_time(lacking: dict[str, object]) -> None:
    assert confirmed(Edits({"1": NOW}), state(**UNCONFIRMED | lacking)) is None


def test_an_edit_of_another_record_confirms_nothing() -> None:
    assert confirmed(Edits({"2": NOW}), state(**UNCONFIRMED)) is None


@pytest.mark.parametrize(("more", "clock"), [(timedelta(), known()), (SECOND, None)])
def test_an_edit_since_longer_ago_than_zones_differ_confirms_nothing(
    more: timedelta, clock: ServerClock | None
) -> None:
    since = NOW - LEAST_ZONE_STEP - more
    edits = Edits({"1": NOW})
    before = state(**UNCONFIRMED | {"watermark": since + timedelta(seconds=300)})
    assert confirmed(edits, before) == clock


# ------------------------------------------------------------- what no sync had seen


FULL_READ = WATERMARK - timedelta(hours=20)


def unseen(saved: datetime, written: str = "1") -> int:
    before = state(reconciled_at=FULL_READ.timestamp())
    return changes(Edits({"1": saved})).unseen(before, {written})


@pytest.mark.parametrize("hours", [1, 2, 19])
def test_a_change_between_the_full_reads_that_no_sync_saw_counts(hours: int) -> None:
    assert unseen(WATERMARK - timedelta(hours=hours)) == 1


def test_one_that_the_full_read_did_not_put_right_does_not() -> None:
    assert unseen(WATERMARK - timedelta(hours=2), written="another") == 0


def test_one_that_the_next_sync_sees_does_not() -> None:
    assert unseen(WATERMARK - timedelta(seconds=300)) == 0


def test_one_of_before_the_last_full_read_does_not() -> None:
    assert unseen(WATERMARK - timedelta(hours=60)) == 0


def test_nothing_is_asked_if_the_full_read_put_nothing_right() -> None:
    edits = Edits({"1": WATERMARK - timedelta(hours=2)})
    assert changes(edits).unseen(state(reconciled_at=FULL_READ.timestamp()), set()) == 0
    assert edits.asked == []


def test_the_first_full_read_finds_nothing_unseen() -> None:
    edits = Edits({"1": WATERMARK - timedelta(hours=2)})
    assert changes(edits).unseen(state(), {"1"}) == 0
