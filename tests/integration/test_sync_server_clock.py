"""No edit goes unseen because REDCap's clock is in another zone than the definition says."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from infra.redcap_simulator import Quirks, classic
from lambdas.redcap.project import RedcapProject
from lambdas.sources.file import definition_from
from lambdas.sync.project_check import check_project
from lambdas.sync.status import SourceStatus, reason_of, status_of
from shared.errors import Rejected
from tests.rigs.redcap import Rig, Stack, classic_data

PID = 11


def source(stack: Stack, server: str, *, user: str = "relay", **changes: Any) -> Rig:
    """Return a source at a server in a zone, read once; its definition says nothing of that zone."""
    data = classic_data(**{"server_time_zone": "", "time_zone": "Europe/Berlin", **changes})
    data["token_secret"] = f"of-{user}"
    rig = stack.fresh(classic(6), data, Quirks(zone=ZoneInfo(server)))
    rig.register(rig.sources.get("classic"), user)
    assert rig.sync().outcome == "ok"
    return rig


def book(rig: Rig, day: str, record: str = "000001") -> None:
    rig.simulator.save_form(PID, record, "mri", {"mri_date": day}, instance=1)


def shown(rig: Rig, record: str = "000001") -> str:
    return rig.items()[record, 1].scheduled_start_date


def later(rig: Rig, seconds: float) -> None:
    """Let REDCap's time pass, and its watermark with it."""
    rig.simulator.clock.advance(seconds)
    assert rig.sync().outcome == "ok"


def everything(rig: Rig) -> None:
    rig.remember(rig.state().model_copy(update={"reconciled_at": 1.0}))


def log_requests(rig: Rig) -> int:
    return sum(request.content == "log" for request in rig.simulator.requests.all())


SERVERS = ["UTC", "America/Los_Angeles", "Asia/Tokyo", "Asia/Kolkata", "Europe/Berlin"]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("user", ["relay", "reader"])  # the reader may not read the log
def test_an_edit_is_seen_by_the_next_sync_whatever_the_zone(stack: Stack, server: str, user: str) -> None:
    rig = source(stack, server, user=user)
    later(rig, 4000)
    for day in ("2026-12-24", "2026-12-27"):
        book(rig, day)
        later(rig, 60)
        assert shown(rig) == day.replace("-", "")
        later(rig, 4000)


@pytest.mark.parametrize(("server", "requests"), [("Europe/Berlin", 1), ("UTC", 2)])
def test_the_log_is_asked_once_an_hour_and_twice_if_the_zone_is_not_the_stated_one(
    stack: Stack, server: str, requests: int
) -> None:
    rig = source(stack, server)
    for _ in range(5):
        rig.sync()
    assert log_requests(rig) == requests
    clock = rig.state().server_clock
    offset = rig.simulator.clock().astimezone(ZoneInfo(server)).utcoffset()
    assert clock is not None
    assert clock.offset == offset


def test_a_token_that_may_not_read_the_log_asks_for_it_once_an_hour_too(stack: Stack) -> None:
    rig = source(stack, "UTC", user="reader")
    for _ in range(5):
        rig.sync()
    assert log_requests(rig) == 1


def test_without_the_log_an_edit_that_is_seen_confirms_the_zone(stack: Stack) -> None:
    rig = source(stack, "Europe/Berlin", user="reader")
    book(rig, "2026-12-24")
    rig.sync()
    assert rig.state().server_clock is None  # it may be of long ago
    book(rig, "2026-12-25")
    rig.sync()
    assert rig.state().server_clock is not None


def test_without_the_log_a_zone_that_is_too_late_is_never_confirmed(stack: Stack) -> None:
    rig = source(stack, "UTC", user="reader")
    for day in ("2026-12-24", "2026-12-25", "2026-12-26"):
        book(rig, day)
        rig.sync()
        assert shown(rig) == day.replace("-", "")
    assert rig.state().server_clock is None


def test_a_bulk_change_of_the_last_day_is_not_read_all_day(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdas.sync.changes.ONE_GO", 3)
    monkeypatch.setattr("lambdas.sync.attempt.ONE_GO", 3)
    rig = source(stack, "Europe/Berlin", user="reader")
    for record in rig.project.records.ids()[:5]:
        book(rig, "2026-12-24", record)
    assert rig.sync().full
    rig.simulator.clock.advance(4000)
    assert rig.sync().full  # the overlap
    assert not rig.sync().full


# ---------------------------------------------------------------------- what went unseen


def blind(rig: Rig) -> None:
    """Let the sync believe what an earlier build would have: the stated zone, whatever the clock shows."""
    clock = {"offset_minutes": 24 * 60, "seen_at": time.time()}
    state = rig.state().model_dump() | {"server_clock": clock, "clock_asked_at": time.time()}
    rig.remember(type(rig.state()).model_validate(state))


def test_a_full_read_that_finds_what_no_sync_had_seen_says_so(stack: Stack) -> None:
    rig = source(stack, "UTC")
    blind(rig)
    later(rig, 600)
    book(rig, "2026-12-24")
    rig.simulator.clock.advance(600)
    rig.sync()
    rig.simulator.clock.advance(600)
    assert shown(rig) != "20261224"
    blind(rig)
    everything(rig)
    report = rig.sync()
    assert (report.full, report.unseen) == (True, 1)
    assert shown(rig) == "20261224"
    found = rig.sources.find("classic")
    assert status_of(found, time.time()) is SourceStatus.UNSEEN
    assert "1 record right" in reason_of(found, time.time())
    assert "server_time_zone" in reason_of(found, time.time())


def test_from_then_on_each_sync_looks_back_far_enough(stack: Stack) -> None:
    rig = source(stack, "UTC")
    blind(rig)
    rig.remember(rig.state().model_copy(update={"unseen": 1}))
    for day in ("2026-12-24", "2026-12-26"):
        book(rig, day)
        later(rig, 600)
        assert shown(rig) == day.replace("-", "")


def test_the_next_full_read_that_finds_nothing_ends_it(stack: Stack) -> None:
    rig = source(stack, "UTC")
    rig.remember(rig.state().model_copy(update={"unseen": 3}))
    everything(rig)
    report = rig.sync()
    assert (report.full, report.unseen) == (True, 0)
    assert status_of(rig.sources.find("classic"), time.time()) is not SourceStatus.UNSEEN


def test_what_was_saved_just_before_a_full_read_is_no_such_find(stack: Stack) -> None:
    rig = source(stack, "UTC")
    book(rig, "2026-12-24")
    rig.simulator.form_filler.rename(rig.project, "000002", "B")
    rig.simulator.form_filler.delete(rig.project, "000003")
    everything(rig)
    report = rig.sync()
    assert (report.full, report.unseen) == (True, 0)
    assert shown(rig) == "20261224"


def test_what_another_definition_makes_of_old_records_is_no_such_find(stack: Stack) -> None:
    rig = source(stack, "UTC")
    later(rig, 4000)
    data = classic_data(server_time_zone="", url=rig.simulator.url, token_secret="of-relay")
    data["fields"] |= {"study_description": {"constant": "Another"}}
    rig.sources.put(definition_from(data))
    report = rig.sync()
    assert (report.full, report.unseen) == (True, 0)
    assert report.written > 0


# ---------------------------------------------------------------------------- at apply


def checked(rig: Rig, **changes: Any) -> str:
    data = classic_data(**{"url": rig.simulator.url, "time_zone": "Europe/Berlin", **changes})
    with closing(RedcapProject(rig.simulator.url, rig.project.token(), data["record_id_field"])) as redcap:
        return check_project(definition_from(data), redcap, 0.0).warning


@pytest.mark.parametrize(("server", "stated"), [("UTC", "Asia/Tokyo"), ("Asia/Tokyo", "UTC")])
def test_apply_refuses_a_zone_that_redcaps_log_contradicts(stack: Stack, server: str, stated: str) -> None:
    rig = source(stack, server)
    with pytest.raises(Rejected, match=rf"server_time_zone: REDCap's log shows .*{stated}"):
        checked(rig, server_time_zone=stated)


def test_apply_warns_if_the_zone_was_left_out_and_is_another(stack: Stack) -> None:
    rig = source(stack, "Asia/Tokyo")
    assert "set server_time_zone" in checked(rig, server_time_zone="")


@pytest.mark.parametrize("server", SERVERS)
def test_apply_takes_the_right_zone(stack: Stack, server: str) -> None:
    assert checked(source(stack, server), server_time_zone=server) == ""
