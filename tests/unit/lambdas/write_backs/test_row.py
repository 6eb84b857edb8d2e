"""What REDCap is told of an item, from all its steps: a table, and properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import WriteBack
from lambdas.store.unfinished_write_backs import no_show_of
from lambdas.write_backs.row import Performed, row_of, update_of, values_of, wants
from shared.steps.procedure_step import WRONG_WORKLIST_ENTRY, Progress, Step, StepStatus
from shared.text.time_zones import time_zone
from shared.worklist_item import Status
from tests.rigs.builders import an_item

RUNS, DONE, GIVEN_UP = StepStatus
DAY = datetime(2026, 11, 22)
ALL = WriteBack(
    status="s",
    start="b",
    end="e",
    duration="d",
    station="a",
    discontinuation_reason="r",
    series_count="n",
)


def step(number: int, status: StepStatus, reason: str = "", **known: object) -> Step:
    """Return a step begun at ``number`` o'clock that, if it is over, took 44 minutes and 59 seconds."""
    begun = DAY + timedelta(hours=number)
    fields: dict[str, object] = {
        "sop_instance_uid": f"2.25.{number}",
        "status": status,
        "reported_at": datetime(2026, 11, 22, number, 50, tzinfo=UTC),
        "started_at": begun,
        "ended_at": None if status is RUNS else begun + timedelta(minutes=44, seconds=59),
        "station_aetitle": f"MR{number}",
        "discontinuation_reason": reason,
        "series_count": 0 if status is RUNS else number,
    }
    return Step.model_validate(fields | known)


def told(*steps: Step, config: WriteBack = ALL) -> dict[str, str]:
    return values_of(config, steps, an_item(), UTC)


BLANK = dict.fromkeys("sbedarn", "")

FIRST_DONE = {
    "s": "COMPLETED",
    "b": "2026-11-22 01:00:00",
    "e": "2026-11-22 01:44:59",
    "d": "44",
    "a": "MR1",
    "n": "1",
}


@pytest.mark.parametrize(
    ("steps", "values"),
    [
        ([step(1, RUNS)], {"s": "IN_PROGRESS", "b": "2026-11-22 01:00:00", "a": "MR1"}),
        (
            [step(1, DONE)],
            FIRST_DONE,
        ),
        (
            [step(1, DONE), step(3, DONE)],
            {
                "s": "COMPLETED",
                "b": "2026-11-22 01:00:00",
                "e": "2026-11-22 03:44:59",
                "d": "164",
                "a": "MR3",
                "n": "4",
            },
        ),
        (
            [step(1, DONE), step(3, RUNS)],
            {"s": "IN_PROGRESS", "b": "2026-11-22 01:00:00", "a": "MR3", "n": "1"},
        ),
        (
            [step(1, DONE), step(3, GIVEN_UP, "110513")],
            FIRST_DONE,
        ),
        (
            [step(1, GIVEN_UP, "110501"), step(3, GIVEN_UP, "110513")],
            {
                "s": "DISCONTINUED",
                "b": "2026-11-22 03:00:00",
                "e": "2026-11-22 03:44:59",
                "d": "44",
                "a": "MR3",
                "r": "110513",
                "n": "3",
            },
        ),
        (
            [step(1, GIVEN_UP, "110501"), step(3, GIVEN_UP, WRONG_WORKLIST_ENTRY)],
            {"s": "SCHEDULED", "r": WRONG_WORKLIST_ENTRY},
        ),
        (
            [step(1, GIVEN_UP, WRONG_WORKLIST_ENTRY), step(3, RUNS)],
            {"s": "IN_PROGRESS", "b": "2026-11-22 03:00:00", "a": "MR3"},
        ),
        (
            [step(1, DONE, ended_at=DAY)],
            {"s": "COMPLETED", "b": "2026-11-22 01:00:00", "e": "2026-11-22 00:00:00", "a": "MR1", "n": "1"},
        ),
        (
            [step(1, RUNS, station_aetitle="", station_name="SKYRA")],
            {"s": "IN_PROGRESS", "b": "2026-11-22 01:00:00", "a": "SKYRA"},
        ),
    ],
)
def test_redcap_is_told_what_all_steps_amount_to_and_the_rest_is_blank(
    steps: list[Step], values: dict[str, str]
) -> None:
    assert told(*steps) == BLANK | values


def test_only_configured_fields_are_told_in_the_projects_own_codes_and_times() -> None:
    config = WriteBack(status="s", end="e", status_values={Status.COMPLETED: "3"}, seconds=False)
    assert told(step(1, DONE), config=config) == {"s": "3", "e": "2026-11-22 01:44"}


def test_of_an_item_whose_status_a_person_set_only_that_is_told() -> None:
    item = an_item(performed_procedure_step_status=Status.CANCELLED)
    assert values_of(ALL, (), item, UTC) == {"s": "CANCELLED"}
    assert values_of(WriteBack(start="b"), (), item, UTC) == {}


ENDS = st.sampled_from([(DONE, ""), (GIVEN_UP, "110513"), (GIVEN_UP, WRONG_WORKLIST_ENTRY), (RUNS, "")])


@given(st.lists(ENDS, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_steps_does_not_matter_and_the_status_is_the_items(
    ends: list[tuple[StepStatus, str]], chance: Random
) -> None:
    steps = [step(number, *end) for number, end in enumerate(ends)]
    shuffled = chance.sample(steps, len(steps))
    assert Performed.of(shuffled, UTC) == Performed.of(steps, UTC)
    assert Performed.of(steps, UTC).status is Progress.of(shuffled).status()
    assert Performed.of(steps, UTC).discontinuation_reason == "" or Performed.of(steps, UTC).status in {
        Status.DISCONTINUED,
        Status.SCHEDULED,
    }


def test_only_what_differs_is_written_and_blanks_only_where_something_stands() -> None:
    row = RedcapRow("007", "", "mri", 1, {"s": "COMPLETED", "e": "x", "r": ""})
    update = update_of(row, {"s": "COMPLETED", "e": "", "r": ""})
    assert update is not None
    assert update.values == {"e": ""}
    assert update_of(row, {"s": "COMPLETED", "r": ""}) is None


def test_the_row_is_that_of_the_same_event_instrument_and_instance() -> None:
    item = an_item(source_event="mri_arm_1", source_instance=2)
    rows = [
        RedcapRow("001", event, "", instance, {})
        for event in ("enrolment_arm_1", "mri_arm_1")
        for instance in (1, 2)
    ]
    assert row_of(item, rows) is rows[3]
    assert row_of(item, rows[:3]) is None


def test_redcap_is_told_of_missed_scans_only_where_a_value_is_given() -> None:
    item = an_item(performed_procedure_step_status=Status.NO_SHOW)
    told = WriteBack(status="s", status_values={Status.NO_SHOW: "4"})
    assert values_of(told, (), item, UTC) == {"s": "4"}
    assert wants(told, no_show_of(item.id))
    assert not wants(WriteBack(status="s"), no_show_of(item.id))
    assert wants(WriteBack(status="s"), "2.25.1")


OSLO = time_zone("Europe/Oslo")


def duration(*steps: Step) -> dict[str, str]:
    return values_of(WriteBack(start="b", end="e", duration="d"), steps, an_item(), OSLO)


def over(began: str, ended: str, heard: str, number: int = 1) -> Step:
    """Return a completed step by the scanner's wall clock, whose N-SET a relay received at a moment."""
    return step(
        number,
        DONE,
        started_at=began,
        ended_at=ended,
        reported_at=heard,
        ended_heard_at=heard,
        started_heard_at=began + "+02:00" if "10-25" in began else began + "+01:00",
    )


def test_a_duration_across_the_change_of_the_clocks_is_how_long_it_took() -> None:
    spring = duration(over("2026-03-29T01:30:00", "2026-03-29T04:10:00", "2026-03-29T02:10:05+00:00"))
    assert spring == {"b": "2026-03-29 01:30:00", "e": "2026-03-29 04:10:00", "d": "100"}
    autumn = duration(over("2026-10-25T02:50:00", "2026-10-25T02:20:00", "2026-10-25T01:20:05+00:00"))
    assert autumn == {"b": "2026-10-25 02:50:00", "e": "2026-10-25 02:20:00", "d": "30"}
    both = duration(over("2026-10-25T01:50:00", "2026-10-25T02:30:00", "2026-10-25T01:30:05+00:00"))
    assert both["d"] == "100"


def test_the_first_start_and_the_last_end_are_so_by_instants() -> None:
    early = over("2026-10-25T02:40:00", "2026-10-25T02:55:00", "2026-10-25T00:55:05+00:00", 1)
    late = over("2026-10-25T02:05:00", "2026-10-25T02:30:00", "2026-10-25T01:30:05+00:00", 2).model_copy(
        update={"started_heard_at": datetime(2026, 10, 25, 1, 5, 5, tzinfo=UTC)}
    )
    told = duration(early, late)
    assert told == {"b": "2026-10-25 02:40:00", "e": "2026-10-25 02:30:00", "d": "50"}


def test_a_step_of_a_table_that_never_heard_of_instants_has_its_duration() -> None:
    assert duration(step(1, DONE))["d"] == "44"
