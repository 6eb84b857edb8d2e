"""Which exams a scan without a booking may have been."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.api.candidates import Candidate, candidates
from lambdas.store.ownership import PerformedStep, StoredItem
from shared.steps.procedure_step import Step, StepStatus
from tests.rigs.builders import an_item

STEP = Step(
    sop_instance_uid="2.25.1",
    status=StepStatus.IN_PROGRESS,
    started_at=datetime(2026, 11, 22, 9, 42),
    station_aetitle="MR1",
)
FAR = {
    "scheduled_start_date": "20261120",
    "scheduled_station_aetitle": "CT9",
    "patient_name": "Else^Somebody",
}


def stored(name: str = "001", **changes: Any) -> StoredItem:
    return StoredItem(item=an_item(name, **changes), feed_seq=1)


def ranked(*items: StoredItem, name: str = "", patient_id: str = "", step: Step = STEP) -> list[Candidate]:
    return candidates(step, patient_name=name, patient_id=patient_id, items=items)


@pytest.mark.parametrize(
    ("reported", "item", "why"),
    [
        ({"patient_id": "SUB-001 "}, {}, "same Patient ID"),
        ({"patient_id": "sub-0O1"}, {}, "similar Patient ID"),
        ({"name": "Zoe^Nunez"}, {"patient_name": "Núñez^Zoë"}, "same name"),
        ({"name": "Nunes^Zoe"}, {"patient_name": "Núñez^Zoë"}, "similar name"),
        ({}, {"scheduled_station_aetitle": "MR1"}, "planned on the same scanner"),
        ({}, {"scheduled_start_date": "20261122"}, "began 12 min after its planned time"),
    ],
)
def test_each_reason_is_told(reported: Any, item: dict[str, str], why: str) -> None:
    (found,) = ranked(stored(**{**FAR, **item}), **reported)
    assert found.why == (why,)


def test_the_id_counts_more_than_all_else_but_it() -> None:
    right_id = stored("001", **FAR)
    right_time = stored("002", patient_id="else")
    found = ranked(right_time, right_id, patient_id="sub-001")
    assert [each.stored.item.id for each in found] == [right_id.item.id, right_time.item.id]


def test_an_item_with_a_scan_of_its_own_is_less_likely() -> None:
    other = PerformedStep(sop_instance_uid="2.25.9", status=StepStatus.COMPLETED)
    done = stored("001").model_copy(update={"performed": (other,)})
    assert [each.stored.item.source_record for each in ranked(done, stored("002"))] == ["002", "001"]
    assert "another scan is linked to it" in ranked(done)[0].why


def test_what_nothing_speaks_for_and_what_it_is_of_already_are_no_candidates() -> None:
    assert ranked(stored(**FAR)) == []
    linked = STEP.model_copy(update={"item_ids": (stored().item.id,)})
    assert ranked(stored(), step=linked) == []


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_a_scanner_reports_is_compared(name: str, patient_id: str) -> None:
    scores = [each.score for each in ranked(stored("1"), stored("2"), name=name, patient_id=patient_id)]
    assert scores == sorted(scores, reverse=True)
