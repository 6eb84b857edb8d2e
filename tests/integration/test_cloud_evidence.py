"""``mwl-cloud evidence`` as an administrator types it: first a look, then the exams are completed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli import app
from lambdas.store.worklist import WorklistStore
from shared.worklist_item import Status, WorklistItem
from tests.rigs.builders import an_item
from tests.rigs.cloud import CloudRig, cloud

DONE, OTHER, TO_COME, UNKNOWN = an_item("001"), an_item("002"), an_item("003"), an_item("004")
LATER = TO_COME.model_copy(update={"scheduled_start_date": "20991231"})


@pytest.fixture
def rig() -> Iterator[CloudRig]:
    with cloud() as running:
        store(running).put_if_changed(
            [each.model_copy(update={"scheduled_start_date": "20200102"}) for each in (DONE, OTHER)] + [LATER]
        )
        yield running


def store(rig: CloudRig) -> WorklistStore:
    return WorklistStore(rig.tables, now=rig.clock, new_id=lambda: "epoch")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    file = tmp_path / "images.csv"
    rows = [
        f"{DONE.accession_number},{DONE.study_instance_uid},{DONE.patient_id},480",
        f"{OTHER.accession_number},,P-OTHER,12",
        f"{LATER.accession_number},,{LATER.patient_id},1",
        f"{UNKNOWN.accession_number},,{UNKNOWN.patient_id},1",
    ]
    file.write_text("\n".join(["accession_number,study_instance_uid,patient_id,images", *rows]))
    return file


def evidence(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["evidence", *arguments], env={"COLUMNS": "250"})


def status(rig: CloudRig, item: WorklistItem) -> tuple[Status, str]:
    found = store(rig).find(item.id)
    assert found is not None
    return found.item.performed_procedure_step_status, found.status_owner


def test_a_look_says_what_would_be_done_and_writes_nothing(rig: CloudRig, images: Path) -> None:
    result = evidence(str(images))
    assert result.exit_code == 0, result.output
    assert "1 of 4 would be completed: add --apply" in result.output
    assert status(rig, DONE) == (Status.SCHEDULED, "source")


def test_the_exams_that_the_list_names_are_completed_and_no_others(rig: CloudRig, images: Path) -> None:
    result = evidence(str(images), "--apply")
    assert "1 of 4 completed" in result.output
    assert "NOT completed: the exam has another Patient ID" in result.output
    assert result.output.count("no open exam has this accession number") == 2
    assert status(rig, DONE) == (Status.COMPLETED, "images")
    assert status(rig, OTHER) == status(rig, LATER) == (Status.SCHEDULED, "source")
    assert "P-OTHER" not in result.output


def test_the_same_list_again_changes_nothing(rig: CloudRig, images: Path) -> None:
    evidence(str(images), "--apply")
    before = [store(rig).find(each.id) for each in (DONE, OTHER)]
    assert "0 of 4 completed" in evidence(str(images), "--apply").output
    assert [store(rig).find(each.id) for each in (DONE, OTHER)] == before


def test_a_file_that_is_no_list_is_one_line_and_changes_nothing(rig: CloudRig, tmp_path: Path) -> None:
    file = tmp_path / "no.csv"
    file.write_text("a,b\n1,2\n")
    result = evidence(str(file), "--apply")
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "must have a column patient_id" in result.output
    assert status(rig, DONE) == (Status.SCHEDULED, "source")
