"""The opening hours of all sites: noted every hour, read by whoever answers relays."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from lambdas import schedule
from lambdas.store.site_hours.spans import LEAD_SECONDS
from lambdas.store.site_hours.table import GOOD_SECONDS, READ_AGAIN_SECONDS, SiteHours
from shared.feed import POLL_INTERVAL
from tests.rigs.api import ApiRig, RelayClient, api
from tests.rigs.builders import an_item
from tests.rigs.dynamodb import TableModel, modelled
from tests.rigs.lambda_events import Answer, Context, schedule_event
from tests.rigs.redcap import classic_definition

WINDOW = {"opens": "07:00", "closes": "19:00"}
SOURCE = classic_definition(site="north", operating_window=WINDOW, time_zone="UTC")
NIGHT = datetime(2026, 11, 23, 1, tzinfo=UTC).timestamp()
MORNING = datetime(2026, 11, 23, 7, tzinfo=UTC).timestamp()


@pytest.fixture
def table() -> Iterator[TableModel]:
    with modelled() as model:
        yield model


@pytest.fixture
def rig(table: TableModel) -> Iterator[ApiRig]:
    with api(DEFAULT_SITE="north") as running:
        running.clock.seconds = NIGHT - 3600
        running.services.worklist.put_if_changed([an_item("R1", scheduled_start_date="20261123")])
        running.clock.seconds = NIGHT
        yield running


def current(relay: RelayClient) -> tuple[str, str]:
    """Return path and tag of a relay that has everything."""
    first = relay.http.get("/relay/worklist").json()["cursor"]
    relay.clock.advance(20)
    page = relay.http.get(f"/relay/worklist?cursor={first}")
    assert page.headers[POLL_INTERVAL.lower()] == "0"
    return f"/relay/worklist?cursor={page.json()['cursor']}", page.headers["etag"]


def poll(relay: RelayClient) -> Answer:
    path, tag = current(relay)
    answer = relay.http.get(path, headers={"If-None-Match": tag})
    assert answer.status == 304
    return answer


def interval(answer: Answer) -> str:
    return answer.headers[POLL_INTERVAL.lower()]


def test_at_night_a_relay_is_told_that_it_need_not_ask_for_a_minute(rig: ApiRig) -> None:
    SiteHours(rig.cloud.tables).note([SOURCE], NIGHT)
    assert interval(poll(rig.relay())) == "60"


def test_it_is_awake_before_the_site_opens(rig: ApiRig) -> None:
    SiteHours(rig.cloud.tables).note([SOURCE], MORNING - 3600)
    rig.clock.seconds = MORNING - LEAD_SECONDS - 50
    assert interval(poll(rig.relay())) == "30"  # 20 of the 50 seconds have passed
    rig.clock.advance(30)
    assert interval(poll(rig.relay())) == "0"


def test_a_change_at_night_makes_relays_ask_often(rig: ApiRig) -> None:
    SiteHours(rig.cloud.tables).note([SOURCE], NIGHT)
    rig.services.worklist.put_if_changed([an_item("R2")])
    assert interval(poll(rig.relay())) == "0"


def test_an_exam_booked_for_the_night_keeps_relays_awake(rig: ApiRig) -> None:
    rig.clock.seconds = NIGHT - 3600
    start = {"scheduled_start_date": "20261123", "scheduled_start_time": "023000"}
    rig.services.worklist.put_if_changed([an_item("R3", **start)])
    rig.clock.seconds = NIGHT
    SiteHours(rig.cloud.tables).note([SOURCE], NIGHT)
    assert interval(poll(rig.relay())) == "0"


def test_where_the_hours_are_not_known_relays_ask_often(rig: ApiRig) -> None:
    assert interval(poll(rig.relay())) == "0"


def test_hours_that_nobody_renews_hold_no_longer(rig: ApiRig) -> None:
    SiteHours(rig.cloud.tables).note([SOURCE], NIGHT - GOOD_SECONDS)
    assert interval(poll(rig.relay())) == "0"


def test_zero_turns_it_off(table: TableModel) -> None:
    with api(DEFAULT_SITE="north", QUIET_POLL_SECONDS="0") as running:
        running.clock.seconds = NIGHT - 3600
        running.services.worklist.put_if_changed([an_item("R1")])
        running.clock.seconds = NIGHT
        SiteHours(running.cloud.tables).note([SOURCE], NIGHT)
        assert interval(poll(running.relay())) == "0"


def test_the_hourly_work_notes_the_hours_of_every_source(
    rig: ApiRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.services.sources.put(SOURCE)
    monkeypatch.setattr("lambdas.schedule.time", SimpleNamespace(time=lambda: NIGHT))
    schedule.no_shows(schedule_event(), Context())
    days = [(MORNING + day * 86_400, MORNING + day * 86_400 + 12 * 3600) for day in (0, 1)]
    assert SiteHours(rig.cloud.tables).of_site("north", NIGHT) == tuple(days)


def test_a_process_reads_them_again_after_some_minutes_only(rig: ApiRig, table: TableModel) -> None:
    hours = SiteHours(rig.cloud.tables)
    hours.note([SOURCE], NIGHT)
    before = copy(table.calls)
    for second in range(int(READ_AGAIN_SECONDS)):
        assert hours.of_site("north", NIGHT + second)
    assert table.calls - before == {"GetItem": 1}
    hours.of_site("north", NIGHT + READ_AGAIN_SECONDS)
    assert table.calls - before == {"GetItem": 2}
