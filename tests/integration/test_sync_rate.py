"""A REDCap server is asked at one rate by all functions, and left alone when it says so."""

from __future__ import annotations

import time

import pytest

from infra.redcap_simulator import classic
from lambdas import sync_redcap
from lambdas.redcap.pace import HINTS
from lambdas.sync.status import SourceStatus, status_of
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data, classic_definition

PID = 11


@pytest.fixture
def rig(stack: Stack) -> Rig:
    rig = stack.fresh(classic(40), classic_data(deletions_seconds=0))
    assert rig.sync().outcome == "ok"
    rig.simulator.requests.clear()
    return rig


def asked(rig: Rig) -> int:
    return rig.simulator.requests.count


@pytest.mark.slow
def test_two_hundred_hints_are_not_two_hundred_requests(rig: Rig) -> None:
    records = rig.project.records.ids()
    for record in records:
        rig.simulator.save_form(PID, record, "mri", {"mri_date": "2026-12-24"}, instance=1)
    began = time.time()
    for number in range(200):
        message = {"source_id": "classic", "record": records[number % len(records)]}
        sync_redcap.handler(sqs_event(message), Context())
    since = (time.time() - began) * (HINTS.a_minute - HINTS.burst) / 60  # a busy machine's hints come slowly
    assert asked(rig) <= 2 * (HINTS.burst + since) + 20
    rig.sync()
    assert {item.scheduled_start_date for (_, n), item in rig.items().items() if n == 1} == {"20261224"}


@pytest.mark.parametrize("seconds", [1, 30])
def test_a_busy_server_is_asked_again_when_it_says(rig: Rig, seconds: float) -> None:
    rig.simulator.add_fault("too_many", seconds=seconds)
    rig.simulator.save_form(PID, "000001", "mri", {"mri_date": "2026-12-24"}, instance=1)
    assert rig.sync().outcome == "ok"
    assert rig.items()["000001", 1].scheduled_start_date == "20261224"
    row = rig.cloud.tables.rate.get("RATES", rig.simulator.base_url)
    assert float(row.rests_until or 0) == pytest.approx(time.time() + seconds, abs=20)


def test_a_server_that_wants_to_be_left_alone_for_long_is(rig: Rig) -> None:
    rig.simulator.add_fault("too_many", times=None, seconds=900)
    assert rig.sync().outcome == "failed"
    count = asked(rig)
    report = rig.sync()
    assert (report.outcome, asked(rig)) == ("failed", count)
    assert "left alone" in report.error


def test_a_ban_holds_for_every_source_of_the_server(rig: Rig) -> None:
    rig.register(classic_definition(url=rig.simulator.url, id="second", token_secret="second"))
    rig.simulator.add_fault("banned")
    rig.sync()
    count = asked(rig)
    assert "banned" in rig.sync("second").error
    assert asked(rig) == count
    assert status_of(rig.sources.find("second"), time.time()) is SourceStatus.BANNED
