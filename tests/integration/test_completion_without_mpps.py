"""An exam whose scanner reports nothing is completed by a person or its images; REDCap is told by whom."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.store.unfinished_write_backs import completion_of
from shared.steps.study_images import ImagesOutcome
from shared.worklist_item import Status
from tests.rigs.images import images
from tests.rigs.redcap import Rig, Stack
from tests.rigs.write_back import classic_with_every_field, ended, in_redcap, started, status, the_item, whole


@pytest.fixture
def rig(stack: Stack) -> Rig:
    told = {"status": "mri_status", "completed_by": "mri_station", "status_values": {"COMPLETED": "done"}}
    rig = stack.fresh(classic_with_every_field(), whole(write_back=told))
    rig.sync()
    return rig


def told(rig: Rig) -> tuple[str, str]:
    """Have what is due written, and return the status and who says so."""
    rig.write_back(*rig.tick()[1])
    fields = in_redcap(rig)
    return fields.get("mri_status", ""), fields.get("mri_station", "")


def test_redcap_is_told_that_a_person_completed_it_and_that_it_was_taken_back(rig: Rig) -> None:
    completions, item = rig.completions, the_item(rig)
    completions.complete(item.id)
    assert completion_of(item.id) in rig.tick()[1]
    assert told(rig) == ("done", "person")
    completions.reopen(item.id)
    assert told(rig) == ("SCHEDULED", "")
    rig.sync()
    assert status(rig) is Status.SCHEDULED


def test_redcap_is_told_that_images_completed_it_and_then_what_the_scanner_reports(rig: Rig) -> None:
    completions, item = rig.completions, the_item(rig)
    assert completions.images_found(item.site, images(item)) is ImagesOutcome.COMPLETED
    assert told(rig) == ("done", "images")
    started(rig, item)
    assert told(rig) == ("IN_PROGRESS", "")
    ended(rig)
    assert told(rig) == ("done", "mpps")


def test_images_told_again_write_nothing(rig: Rig) -> None:
    completions, item = rig.completions, the_item(rig)
    completions.images_found(item.site, images(item))
    rig.write_back(*rig.tick()[1])
    before = rig.worklist.find(item.id)
    assert completions.images_found(item.site, images(item)) is ImagesOutcome.COMPLETED
    assert rig.worklist.find(item.id) == before
    assert completion_of(item.id) not in rig.tick()[1]


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"patient_id": "P-OTHER"}, ImagesOutcome.OTHER_PATIENT),
        ({"patient_id": ""}, ImagesOutcome.OTHER_PATIENT),
        ({"study_instance_uid": "2.25.99"}, ImagesOutcome.OTHER_STUDY),
        ({"item_id": "nobody"}, ImagesOutcome.GONE),
    ],
)
def test_images_of_somebody_else_complete_nothing(
    rig: Rig, changes: dict[str, Any], outcome: ImagesOutcome
) -> None:
    completions, item = rig.completions, the_item(rig)
    said = images(item, **changes)
    there = rig.worklist.find(item.id)
    assert there is not None
    if outcome is not ImagesOutcome.GONE:
        assert completions.would_be(there, said) is outcome
    assert completions.images_found(item.site, said) is outcome
    assert status(rig) is Status.SCHEDULED
    assert completion_of(item.id) not in rig.tick()[1]


def test_a_sync_does_not_take_a_completed_exam_off_the_list(rig: Rig) -> None:
    completions, item = rig.completions, the_item(rig)
    completions.images_found(item.site, images(item))
    rig.sync()
    assert status(rig) is Status.COMPLETED
