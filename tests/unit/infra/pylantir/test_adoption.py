"""The predecessor's exams: what is kept of each, and what is not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from infra.pylantir.adoption import Adoption, Edit, adopt, has_decimal_sessions
from infra.pylantir.old_databases import read_worklist
from infra.pylantir.old_rows import OldItem
from lambdas.api.schemas.items import ItemChanges, ItemView
from lambdas.store.ownership import StoredItem, from_person, from_source
from shared.errors import Rejected
from shared.worklist_item import Status, WorklistItem
from tests.rigs.builders import an_item
from tests.rigs.pylantir import old_row, old_uid, write_worklist

PATIENT = "sub_0001_ses_1_fam_001_site_792"


def rows_of(folder: Path, *rows: dict[str, Any]) -> list[OldItem]:
    return read_worklist(write_worklist(folder / "worklist.db", rows))


def ours(patient_id: str = PATIENT, **changes: Any) -> StoredItem:
    made = an_item(patient_id=patient_id, source="redcap", site="792")
    return StoredItem(item=made, feed_seq=1).model_copy(update=changes)


def adopted(rows: list[OldItem], *stored: StoredItem) -> Adoption:
    return adopt(
        rows, stored, site_of=lambda _: "792", today="20301231", item_id=lambda uid: f"made-{uid[-3:]}"
    )


def reasons(plan: Adoption) -> list[str]:
    return [why for _, why in plan.left_out]


def test_our_item_keeps_the_uid_and_the_status_a_scanner_gave_it(tmp_path: Path) -> None:
    stored = ours()
    plan = adopted(rows_of(tmp_path, old_row(1, PATIENT, "IN_PROGRESS")), stored)
    wanted = {"study_instance_uid": old_uid(1), "performed_procedure_step_status": Status.IN_PROGRESS}
    assert plan == Adoption(edits=[Edit("792", stored.item.id, wanted)])
    edited = from_person(stored, wanted)
    again = from_source(edited, stored.item)
    assert again.item.study_instance_uid == old_uid(1)
    assert again.item.performed_procedure_step_status is Status.IN_PROGRESS


@pytest.mark.parametrize(
    "written", ["sub_0001_ses_1.0_fam_001_site_792", "sub-0001_ses-1_fam-001_site-792", PATIENT]
)
def test_older_spellings_of_an_id_are_the_same_exam(tmp_path: Path, written: str) -> None:
    plan = adopted(rows_of(tmp_path, old_row(1, written)), ours())
    assert [edit.changes for edit in plan.edits] == [{"study_instance_uid": old_uid(1)}]


@pytest.mark.parametrize("status", [None, "", "2.0", "SCHEDULED"])
def test_a_status_that_a_resync_spoilt_means_scheduled_and_is_left_to_us(
    tmp_path: Path, status: str | None
) -> None:
    plan = adopted(rows_of(tmp_path, old_row(1, PATIENT, status)), ours())
    assert [edit.changes for edit in plan.edits] == [{"study_instance_uid": old_uid(1)}]


def test_done_twice_it_does_nothing_the_second_time(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, old_row(1, PATIENT, "COMPLETED"), old_row(2, "BY-HAND"))
    first = adopted(rows, ours())
    edited = from_person(ours(), first.edits[0].changes)
    second = adopted(rows, edited, StoredItem(item=first.items[0], feed_seq=2))
    assert (second.edits, second.items, second.left_out) == ([], [], [])
    assert second.unchanged == [1, 2]


def test_what_a_scanner_or_a_person_did_on_our_side_stays(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, old_row(1, PATIENT, "COMPLETED"))
    assert adopted(rows, ours(status_owner="mpps")).edits == []
    person = from_person(ours(), {"performed_procedure_step_status": Status.CANCELLED})
    assert [edit.changes for edit in adopted(rows, person).edits] == [{"study_instance_uid": old_uid(1)}]
    renamed = from_person(ours(), {"study_instance_uid": "2.25.99"})
    wanted = {"performed_procedure_step_status": Status.COMPLETED}
    assert [edit.changes for edit in adopted(rows, renamed).edits] == [wanted]


def test_a_uid_that_is_none_is_not_taken_and_its_status_is(tmp_path: Path) -> None:
    plan = adopted(rows_of(tmp_path, old_row(1, PATIENT, "COMPLETED", study_instance_uid="abc")), ours())
    assert [edit.changes for edit in plan.edits] == [{"performed_procedure_step_status": Status.COMPLETED}]
    assert "abc" not in str(plan.left_out)
    assert plan.left_out


def test_a_scan_we_have_no_item_of_is_real_all_the_same(tmp_path: Path) -> None:
    plan = adopted(rows_of(tmp_path, old_row(7, PATIENT, "IN_PROGRESS")))
    (made,) = plan.items
    assert (made.study_instance_uid, made.performed_procedure_step_status) == (old_uid(7), Status.IN_PROGRESS)
    assert (made.source, made.site, made.patient_id) == ("", "792", PATIENT)
    assert made.patient_birth_date == ""  # 1 January was invented
    assert made.patient_sex == ""  # "2.0" is no sex
    assert made.patient_weight_kg == "45.359"


def test_of_what_is_only_scheduled_just_the_hand_made_and_future_comes_along(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path,
        old_row(1, PATIENT),
        old_row(2, "PHANTOM"),
        old_row(3, "PHANTOM-2", scheduled_start_date="20251231"),
        old_row(4, "PHANTOM-3", scheduled_start_date="-99"),
    )
    plan = adopted(rows)
    assert [made.patient_id for made in plan.items] == ["PHANTOM"]
    assert [number for number, _ in plan.left_out] == [1, 3, 4]


def test_what_is_no_legal_item_is_left_out_and_not_quoted(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path, old_row(1, "x" * 70, "IN_PROGRESS"), old_row(2, "P", "COMPLETED", modality="m-r")
    )
    plan = adopted(rows)
    assert plan.items == []
    assert [why.partition(":")[0] for why in reasons(plan)] == ["patient_id", "modality"]
    assert "xxx" not in str(plan.left_out)


def test_of_two_rows_of_one_exam_the_one_that_got_further_counts(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, old_row(1, PATIENT, "IN_PROGRESS"), old_row(2, PATIENT, "SCHEDULED"))
    plan = adopted(rows, ours())
    assert plan.edits[0].changes["study_instance_uid"] == old_uid(1)
    assert plan.left_out == [(2, "row 1 is of the same exam")]


def test_an_id_that_several_of_our_items_have_is_left_alone(tmp_path: Path) -> None:
    other = StoredItem(item=an_item("002", patient_id=PATIENT, source="redcap", site="792"), feed_seq=2)
    plan = adopted(rows_of(tmp_path, old_row(1, PATIENT)), ours(), other)
    assert (plan.edits, len(plan.left_out)) == ([], 1)


def test_without_a_site_nothing_is_made_by_hand(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, old_row(1, PATIENT, "COMPLETED"))
    plan = adopt(rows, [], site_of=lambda _: "", today="20301231", item_id=lambda uid: uid)
    assert (plan.items, len(plan.left_out)) == ([], 1)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["sub_1_ses_1.0_fam_2_site_3", "sub_1_ses_2.0_fam_2_site_3", "PHANTOM"], True),
        (["sub_1_ses_1.0_fam_2_site_3", "sub_1_ses_2_fam_2_site_3"], False),
        (["PHANTOM"], False),
        ([], False),
    ],
)
def test_decimal_sessions_are_seen_in_the_ids_in_use(
    ids: Iterable[str], expected: bool, tmp_path: Path
) -> None:
    rows = rows_of(tmp_path, *(old_row(number, each) for number, each in enumerate(ids)))
    assert has_decimal_sessions(rows) is expected


def test_an_item_sent_back_whole_keeps_the_uid_it_bears_and_takes_no_new_one_like_it() -> None:
    stored = StoredItem(item=an_item(study_instance_uid=old_uid(1)), feed_seq=1)
    whole = ItemView.of(stored).model_dump(mode="json")
    assert ItemChanges.model_validate(whole).against(stored) == {}
    with pytest.raises(Rejected):
        ItemChanges.model_validate({**whole, "study_instance_uid": old_uid(2)}).against(stored)


def test_an_item_may_bear_a_uid_in_use_wherever_its_root_is() -> None:
    kept = an_item(study_instance_uid=old_uid(1))
    assert WorklistItem.model_validate_json(kept.model_dump_json()).study_instance_uid == old_uid(1)
