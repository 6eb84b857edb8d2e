"""When a source is due, over the days on which the clocks change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lambdas import schedule
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.state import FullRead, SourceState
from lambdas.sources.stored import StoredSource, Timing
from tests.rigs.redcap import classic_definition


def is_due(source: StoredSource, now: float) -> bool:
    return schedule.is_due(source.definition, source.timing, now)


NEW_YORK = ZoneInfo("America/New_York")
SPRING = datetime(2026, 3, 8, tzinfo=NEW_YORK)  # at 2:00 it is 3:00
AUTUMN = datetime(2026, 11, 1, tzinfo=NEW_YORK)  # at 2:00 it is 1:00 again


def syncs(definition: SourceDefinition, day: datetime, *, before: datetime | None = None) -> list[datetime]:
    """Return when a source is synced on a day if the schedule looks every minute."""
    return list(_syncs(definition, day, before))


def _syncs(definition: SourceDefinition, day: datetime, last: datetime | None) -> Iterator[datetime]:
    moment = day.astimezone(UTC)
    end = (day.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=NEW_YORK).astimezone(UTC)
    while moment < end:
        source = StoredSource("classic", definition, "", SourceState(last_run_at=last), 0.0)
        if is_due(source, moment.timestamp()):
            last = moment
            yield moment
        moment += timedelta(minutes=1)


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25)])
@pytest.mark.parametrize("minutes", [1, 15, 60])
def test_the_interval_counts_real_minutes_through_the_change(day: datetime, hours: int, minutes: int) -> None:
    times = syncs(classic_definition(interval_seconds=60 * minutes), day)
    assert len(times) == hours * 60 // minutes
    gaps = {later - earlier for earlier, later in pairwise(times)}
    assert gaps == {timedelta(minutes=minutes)}


@pytest.mark.parametrize(
    ("day", "opens", "closes", "hours"),
    [
        (SPRING, "06:00", "20:00", 14),
        (AUTUMN, "06:00", "20:00", 14),
        (SPRING, "00:30", "04:30", 3),  # an hour of it does not exist
        (AUTUMN, "00:30", "04:30", 5),  # an hour of it comes twice
        (AUTUMN, "01:00", "02:00", 2),
        (SPRING, "22:00", "04:00", 5),  # over midnight: 0:00 to 4:00 without an hour, and 22:00 to 24:00
        (AUTUMN, "22:00", "04:00", 7),
    ],
)
def test_the_operating_window_goes_by_the_wall_clock(
    day: datetime, opens: str, closes: str, hours: int
) -> None:
    definition = classic_definition(operating_window={"opens": opens, "closes": closes})
    times = syncs(definition, day)
    assert len(times) == hours * 60
    for moment in times:
        clock = moment.astimezone(NEW_YORK).strftime("%H:%M")
        assert opens <= clock < closes if opens < closes else clock >= opens or clock < closes


def test_an_operating_window_in_the_hour_that_does_not_come_opens_once_all_the_same() -> None:
    definition = classic_definition(operating_window={"opens": "02:00", "closes": "03:00"})
    times = syncs(definition, SPRING)
    assert len(times) == 60
    assert times[-1] - times[0] == timedelta(minutes=59)


@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_no_change_of_the_clocks_is_taken_for_a_change_before_the_watermark(day: datetime) -> None:
    definition = classic_definition(overlap_seconds=300, server_time_zone="America/New_York")
    moment = day.astimezone(UTC)
    for _ in range(24 * 60):
        since, now = moment - timedelta(seconds=300), moment + timedelta(minutes=2)
        asked = definition.server_wall_clock(since, now)
        between = since
        while between <= now:  # any change since then is at or after what is asked for, by the server's clock
            assert between.astimezone(NEW_YORK).replace(tzinfo=None) >= asked
            between += timedelta(seconds=60)
        moment += timedelta(minutes=1)


def test_an_unfinished_full_read_does_not_wait_for_the_interval_but_for_the_window() -> None:
    noon = datetime(2026, 11, 23, 17, tzinfo=UTC)
    read = FullRead(started=noon, began_at=0.0, definition="d")
    state = SourceState(last_run_at=noon, progress=read)
    source = StoredSource("classic", classic_definition(interval_seconds=3600), "", state, 0.0)
    assert is_due(source, noon.timestamp() + 1)
    closed = classic_definition(operating_window={"opens": "06:00", "closes": "08:00"})
    assert not is_due(StoredSource("classic", closed, "", state, 0.0), noon.timestamp() + 1)
    paused = state.model_copy(update={"paused_until": noon.timestamp() + 60})
    assert not is_due(StoredSource("classic", classic_definition(), "", paused, 0.0), noon.timestamp() + 1)


def test_a_message_that_waited_on_the_queue_does_not_put_the_next_off_by_a_whole_minute() -> None:
    asked = datetime(2026, 11, 23, 17, tzinfo=UTC)
    minutely = classic_definition(interval_seconds=60)
    timing = Timing(last_run_at=asked + timedelta(seconds=40), asked_at=asked.timestamp())
    assert schedule.is_due(minutely, timing, asked.timestamp() + 60)
    assert not schedule.is_due(minutely, timing, asked.timestamp() + 50)


def test_a_run_that_a_person_asked_for_counts_as_one() -> None:
    asked = datetime(2026, 11, 23, 17, tzinfo=UTC)
    minutely = classic_definition(interval_seconds=60)
    timing = Timing(last_run_at=asked + timedelta(seconds=61), asked_at=asked.timestamp())
    assert not schedule.is_due(minutely, timing, asked.timestamp() + 100)
    assert schedule.is_due(minutely, timing, asked.timestamp() + 121)


# ---------------------------------------------------------------------- how late a source is

NOON = datetime(2026, 11, 4, 12, tzinfo=NEW_YORK).timestamp()


def ran(minutes_ago: float, **more: Any) -> Timing:
    return Timing(last_run_at=datetime.fromtimestamp(NOON - 60 * minutes_ago, UTC), **more)


def late(timing: Timing, **definition: Any) -> float:
    return schedule.lateness(classic_definition(**definition), timing, NOON)


@pytest.mark.parametrize(("minutes", "seconds"), [(0, 0), (1, 0), (3, 120), (60 * 24, 60 * (60 * 24 - 1))])
def test_a_source_is_late_from_the_moment_its_sync_was_due(minutes: int, seconds: int) -> None:
    assert late(ran(minutes), interval_seconds=60) == seconds


def test_a_source_that_is_not_to_be_asked_is_not_late() -> None:
    assert late(ran(60), enabled=False) == 0
    assert late(ran(60, left_alone_until=NOON + 1)) == 0
    assert late(Timing()) == 0
    assert schedule.lateness(None, ran(60), NOON) == 0


def test_a_night_without_syncs_makes_no_source_late() -> None:
    window = {"opens": "11:50", "closes": "20:00"}
    assert late(ran(16 * 60), interval_seconds=60, operating_window=window) == pytest.approx(600, abs=60)


def test_outside_its_window_a_source_is_not_late() -> None:
    window = {"opens": "13:00", "closes": "20:00"}
    assert late(ran(16 * 60), interval_seconds=60, operating_window=window) == 0


def test_a_source_with_a_window_that_hangs_all_day_is_an_hour_late() -> None:
    window = {"opens": "06:00", "closes": "20:00"}
    assert late(ran(16 * 60), interval_seconds=60, operating_window=window) == 3600
