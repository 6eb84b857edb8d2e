"""What is wrong with a step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.api.schemas.steps import problems_of
from lambdas.store.linking.step_links import FoundStep
from lambdas.store.ownership import StoredItem
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
