"""What is wrong with a step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.api.schemas.steps import StepView, problems_of
from lambdas.store.linking.step_links import FoundStep
from lambdas.store.ownership import StoredItem, from_scanner, without_stale
from shared.steps.procedure_step import Step, StepStatus
from tests.rigs.builders import an_item

ITEM = StoredItem(item=an_item(), feed_seq=1)
AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def found(*, linked: bool = True, patient_id: str = "", **step: Any) -> FoundStep:
    items = (ITEM,) if linked else ()
    fields = {"status": StepStatus.COMPLETED, "reported_at": AT, **step}
    of = Step(sop_instance_uid="2.25.1", item_ids=tuple(each.item.id for each in items), **fields)
    return FoundStep("north", of, items, "", patient_id)


@pytest.mark.parametrize(
    ("step", "problems"),
    [
        (found(), []),
        (found(patient_id=" SUB-001"), []),
        (found(patient_id="sub-002"), ["mismatched"]),
        (found(linked=False, patient_id="sub-001"), ["unmatched"]),
        (found(status=StepStatus.IN_PROGRESS, reported_at=AT.replace(hour=5, minute=1)), []),
        (found(status=StepStatus.IN_PROGRESS, reported_at=AT.replace(hour=4)), ["open"]),
        (found(reported_at=AT.replace(hour=1)), []),
    ],
)
def test_a_step_needs_a_person_if(step: FoundStep, problems: list[str]) -> None:
    assert list(problems_of(step, now=AT, open_hours=4)) == problems


def a_step(uid: str, minute: int, status: StepStatus, station: str = "MR1") -> Step:
    at = AT.replace(minute=minute)
    times = {"reported_at": at, "created_at": at, "started_at": at.replace(tzinfo=None)}
    fields = {"status": status, "station_aetitle": station, "item_ids": (ITEM.item.id,), **times}
    return Step(sop_instance_uid=uid, **fields)


ORPHAN = a_step("2.25.1", 0, StepStatus.IN_PROGRESS)


def seen(*steps: Step, patience: datetime = AT) -> StepView:
    """Return what is shown of the orphan once these steps were heard of too."""
    item = from_scanner(ITEM, ORPHAN)
    for each in steps:
        item = from_scanner(item, each)
    item = without_stale(item, [], patience)
    return StepView.of(FoundStep("north", ORPHAN, (item,)), now=AT, open_hours=4)


@pytest.mark.parametrize(
    ("steps", "by"),
    [
        ([], ""),
        ([a_step("2.25.2", 9, StepStatus.COMPLETED)], "2.25.2"),
        ([a_step("2.25.2", 9, StepStatus.DISCONTINUED)], "2.25.2"),
        ([a_step("2.25.2", 9, StepStatus.COMPLETED, "MR2")], ""),
        ([a_step("2.25.2", 9, StepStatus.IN_PROGRESS)], ""),
        ([a_step("2.25.3", 20, StepStatus.COMPLETED), a_step("2.25.2", 9, StepStatus.COMPLETED)], "2.25.3"),
    ],
    ids=["alone", "done", "given up", "another scanner", "runs", "two"],
)
def test_an_orphan_names_the_later_step_of_its_scanner_that_counts(steps: list[Step], by: str) -> None:
    assert (seen(*steps).superseded_by, seen(*steps).stale) == (by, False)


def test_a_step_that_nobody_waits_for_says_so_and_names_no_other() -> None:
    view = seen(patience=AT.replace(minute=1))
    assert (view.superseded_by, view.stale) == ("", True)
