"""Which instant a scanner's local time means, on ordinary days and when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.steps.procedure_step import EventKind, Step, StepStatus
from shared.steps.step_dataset import fold
from shared.steps.step_times import began_at, ended_at, instant, offset_of
from shared.text.time_zones import time_zone
from tests.rigs.builders import an_event

OSLO, NEW_YORK, LORD_HOWE = map(time_zone, ("Europe/Oslo", "America/New_York", "Australia/Lord_Howe"))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("+0100", 60), ("-0330", -210), ("+0000", 0), ("+1400", 840), ("-1200", -720), (" +0200 ", 120)],
)
def test_an_offset_is_read(text: str, minutes: int) -> None:
    assert offset_of(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "0100", "+01:00", "+1", "+0160", "+1500", "-1300", "Z", "CET"])
def test_what_is_no_offset_names_none(text: str) -> None:
    assert offset_of(text) is None


@pytest.mark.parametrize(
    ("wall", "heard", "means"),
    [
        ("2026-06-01T12:00", "2026-06-01T10:00", "2026-06-01T10:00"),
        ("2026-12-01T12:00", "2026-12-01T11:00", "2026-12-01T11:00"),
        ("2026-10-25T02:30", "2026-10-25T00:31", "2026-10-25T00:30"),  # the first time
        ("2026-10-25T02:30", "2026-10-25T01:31", "2026-10-25T01:30"),  # the second
        ("2026-10-25T02:30", "2026-10-26T09:00", "2026-10-25T01:30"),  # reported a day later: nobody knows
        ("2026-03-29T02:30", "2026-03-29T01:30", "2026-03-29T01:30"),  # a clock nobody has put forward yet
        ("2026-03-29T03:00", "2026-03-29T01:00", "2026-03-29T01:00"),
    ],
)
def test_a_time_means_an_instant_of_the_zone(wall: str, heard: str, means: str) -> None:
    assert instant(local(wall), None, OSLO, utc(heard)) == utc(means)


def test_an_offset_that_came_with_it_decides_whatever_the_zone_is() -> None:
    assert instant(local("2026-10-25T02:30"), timedelta(hours=1), NEW_YORK, utc("2026-10-25T09:00")) == utc(
        "2026-10-25T01:30"
    )


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),
    st.floats(0, 20 * 60),
    st.sampled_from([OSLO, NEW_YORK, LORD_HOWE, UTC]),
)
def test_what_a_clock_showed_minutes_ago_is_found_again(at: datetime, delay: float, zone: Any) -> None:
    moment = at.replace(tzinfo=UTC)
    shown = moment.astimezone(zone).replace(tzinfo=None, fold=0)
    assert instant(shown, None, zone, moment + timedelta(seconds=delay)) in {
        moment,
        # Half an hour's change (Lord Howe) and a late report leave it open.
        *({moment + timedelta(minutes=30)} if zone is LORD_HOWE else set()),
    }


def folded(began: dict[str, Any], ended: dict[str, Any]) -> Step:
    """Return a step of two events, with what each says beside the usual; ``at`` is when it was received."""
    step: Step | None = None
    for kind, status, said in (
        (EventKind.N_CREATE, "IN PROGRESS", began),
        (EventKind.N_SET, "COMPLETED", ended),
    ):
        event = an_event(None, kind=kind, status=status, received_at=utc(said.pop("at")))
        dataset = event.dataset | {tag: {"vr": "XX", "Value": [value]} for tag, value in said.items()}
        after = fold(step, event.model_copy(update={"dataset": dataset}))
        assert isinstance(after, Step)
        step = after
    assert step is not None
    assert step.status is StepStatus.COMPLETED
    return step


def test_each_message_has_its_own_offset_and_moment() -> None:
    step = folded(
        {"at": "2026-10-25T00:45", "00400244": "20261025", "00400245": "0245", "00080201": "+0200"},
        {"at": "2026-10-25T01:15", "00400250": "20261025", "00400251": "0215", "00080201": "+0100"},
    )
    began, ended = began_at(step, NEW_YORK), ended_at(step, NEW_YORK)
    assert (began, ended) == (utc("2026-10-25T00:45"), utc("2026-10-25T01:15"))


def test_an_end_without_an_offset_goes_by_the_zone_if_the_begin_did() -> None:
    step = folded(
        {"at": "2026-10-25T00:45", "00400244": "20261025", "00400245": "0245", "00080201": "+0200"},
        {"at": "2026-10-25T01:15", "00400250": "20261025", "00400251": "0215"},
    )
    assert ended_at(step, OSLO) == utc("2026-10-25T01:15")


def test_an_end_without_an_offset_goes_by_the_begins_if_the_scanner_has_a_time_of_its_own() -> None:
    step = folded(
        {"at": "2026-06-01T10:00", "00400244": "20260601", "00400245": "1000", "00080201": "+0000"},
        {"at": "2026-06-01T10:30", "00400250": "20260601", "00400251": "1030"},
    )
    assert ended_at(step, OSLO) == utc("2026-06-01T10:30")


def test_a_message_that_names_no_time_changes_none() -> None:
    step = folded(
        {"at": "2026-06-01T10:00", "00400244": "20260601", "00400245": "1200"},
        {"at": "2026-06-01T10:30", "00400250": "", "00400251": "", "00080201": "+0900"},
    )
    assert began_at(step, OSLO) == utc("2026-06-01T10:00")
    assert ended_at(step, OSLO) is None


def test_a_step_stored_before_offsets_were_kept_goes_by_the_zone() -> None:
    step = Step(
        sop_instance_uid="2.25.1",
        status=StepStatus.COMPLETED,
        reported_at=utc("2026-10-25T01:31"),
        started_at=local("2026-10-25T01:30"),
        ended_at=local("2026-10-25T02:30"),
    )
    assert ended_at(step, OSLO) == utc("2026-10-25T01:30")
