"""The predecessor's exams: what is kept of each, and what is not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from re import sub
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.pylantir.databases.adoption import Adoption, Edit, Setting, adopt, has_decimal_sessions
from infra.pylantir.databases.old_databases import read_worklist
from infra.pylantir.databases.old_rows import OldItem
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
        rows,
        stored,
        Setting(lambda _: "792", "20301231", lambda uid: f"made-{sub('[^0-9a-z]', '-', uid[-6:])}"),
    )


def made(plan: Adoption) -> list[WorklistItem]:
    return [each.item for each in plan.made]


def accounted(plan: Adoption) -> list[int]:
    """Return the number of each row as often as a plan says what becomes of it."""
    return sorted(
        [edit.row for edit in plan.edits]
        + [each.row for each in plan.made]
        + plan.unchanged
        + [number for number, _ in plan.left_out]
    )


def reasons(plan: Adoption) -> list[str]:
    return [why for _, why in plan.left_out]


def test_our_item_keeps_the_uid_and_the_status_a_scanner_gave_it(tmp_path: Path) -> None:
    stored = ours()
    plan = adopted(rows_of(tmp_path, old_row(1, PATIENT, "IN_PROGRESS")), stored)
    wanted = {"study_instance_uid": old_uid(1), "performed_procedure_step_status": Status.IN_PROGRESS}
    assert plan.edits == [Edit(1, "792", stored.item.id, wanted)]
    assert accounted(plan) == [1]
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
    second = adopted(rows, edited, StoredItem(item=made(first)[0], feed_seq=2))
    assert (second.edits, second.made, second.left_out) == ([], [], [])
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
    assert "abc" not in str(plan.notes)
    assert "study_instance_uid" in plan.notes[0][1]


def test_a_scan_we_have_no_item_of_is_real_all_the_same(tmp_path: Path) -> None:
    plan = adopted(rows_of(tmp_path, old_row(7, PATIENT, "IN_PROGRESS")))
    (item,) = made(plan)
    assert (item.study_instance_uid, item.performed_procedure_step_status) == (old_uid(7), Status.IN_PROGRESS)
    assert (item.source, item.site, item.patient_id) == ("", "792", PATIENT)


def test_of_what_is_only_scheduled_just_the_hand_made_and_future_comes_along(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path,
        old_row(1, PATIENT),
        old_row(2, "PHANTOM"),
        old_row(3, "PHANTOM-2", scheduled_start_date="20251231"),
        old_row(4, "PHANTOM-3", scheduled_start_date="-99"),
    )
    plan = adopted(rows)
    assert [item.patient_id for item in made(plan)] == ["PHANTOM"]
    assert [number for number, _ in plan.left_out] == [1, 3, 4]


def test_who_cannot_be_an_item_is_left_out_and_not_quoted(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path, old_row(1, "x" * 70, "IN_PROGRESS"), old_row(2, "P", "COMPLETED", patient_name="a\\b")
    )
    plan = adopted(rows)
    assert plan.made == []
    assert [why.partition(":")[0] for why in reasons(plan)] == ["patient_id", "patient_name"]
    assert "xxx" not in str(plan.left_out)


@pytest.mark.parametrize("patient_id", ["PHANTOM", PATIENT])
@pytest.mark.parametrize("status", ["SCHEDULED", "COMPLETED"])
def test_two_exams_of_one_person_are_two(tmp_path: Path, patient_id: str, status: str) -> None:
    rows = rows_of(
        tmp_path,
        old_row(1, patient_id, status, scheduled_start_date="2031-01-20"),
        old_row(2, patient_id, scheduled_start_date="2031-02-20"),
    )
    stored = ours().model_copy(
        update={"item": ours().item.model_copy(update={"scheduled_start_date": "20310120"})}
    )
    plan = adopted(rows, *([stored] if patient_id == PATIENT else []))
    assert plan.left_out == []
    assert {item.scheduled_start_date for item in made(plan)} >= {"20310220"}
    assert accounted(plan) == [1, 2]


def test_of_two_rows_the_one_of_our_items_day_is_its_exam(tmp_path: Path) -> None:
    day = ours().item.scheduled_start_date
    rows = rows_of(tmp_path, old_row(1, PATIENT, "COMPLETED"), old_row(2, PATIENT, scheduled_start_date=day))
    plan = adopted(rows, ours())
    assert [edit.changes for edit in plan.edits] == [{"study_instance_uid": old_uid(2)}]
    assert [item.study_instance_uid for item in made(plan)] == [old_uid(1)]


@pytest.mark.parametrize("status", ["SCHEDULED", "IN_PROGRESS"])
def test_of_two_exams_with_one_uid_neither_vanishes(tmp_path: Path, status: str) -> None:
    uid = {"study_instance_uid": old_uid(1)}
    rows = rows_of(tmp_path, old_row(1, "P-1", status, **uid), old_row(2, "P-2", status, **uid))
    plan = adopted(rows)
    first, second = made(plan)
    assert (first.study_instance_uid, second.study_instance_uid[:5]) == (old_uid(1), "2.25.")
    assert first.id != second.id
    assert [number for number, what in plan.notes if "row 1 has the same" in what] == [2]
    again = adopted(rows, *(StoredItem(item=item, feed_seq=1) for item in made(plan)))
    assert (again.made, again.unchanged) == ([], [1, 2])


def test_two_of_our_items_do_not_get_one_uid(tmp_path: Path) -> None:
    other = ours("sub_0002_ses_1_fam_001_site_792")
    other = other.model_copy(update={"item": other.item.model_copy(update={"id": "other"})})
    uid = {"study_instance_uid": old_uid(1)}
    rows = rows_of(tmp_path, old_row(1, PATIENT, **uid), old_row(2, other.item.patient_id, **uid))
    plan = adopted(rows, ours(), other)
    assert [edit.row for edit in plan.edits] == [1]
    assert plan.unchanged == [2]
    assert [number for number, what in plan.notes if "row 1 has the same" in what] == [2]


def test_what_was_edited_in_pylantir_is_named_by_field(tmp_path: Path) -> None:
    same = {"scheduled_start_date": "20261122", "scheduled_start_time": "9:30", "patient_name": "Núñez^Zoë"}
    rest = {"study_description": "", "protocol_name": ""}
    plan = adopted(rows_of(tmp_path, old_row(1, PATIENT, **same, **rest)), ours())
    assert plan.notes == []
    moved = old_row(
        1, PATIENT, **{**same, "scheduled_start_time": "14:30", "patient_name": "Doe^Zoë"}, **rest
    )
    (note,) = adopted(read_worklist(write_worklist(tmp_path / "two.db", [moved])), ours()).notes
    assert note == (1, "differs from REDCap in patient_name, scheduled_start_time; REDCap's is shown")


def test_what_was_deleted_in_pylantir_is_named(tmp_path: Path) -> None:
    other = ours("sub_0002_ses_1_fam_001_site_792")
    other = other.model_copy(update={"item": other.item.model_copy(update={"id": "other"})})
    plan = adopted(rows_of(tmp_path, old_row(1, PATIENT)), ours(), other)
    assert [stored.item.id for stored in plan.without_row] == ["other"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([PATIENT, "PHANTOM", "sub_0002_ses_1_fam_001_site_792", "x" * 70]),
            st.sampled_from([None, "SCHEDULED", "IN_PROGRESS", "COMPLETED", "DISCONTINUED"]),
            st.sampled_from(["20261122", "2031-01-20", "-99", ""]),
            st.sampled_from(["09:30", "8:00", "noon", ""]),
            st.sampled_from([old_uid(1), old_uid(2), "abc", ""]),
        ),
        max_size=8,
    ),
    st.integers(0, 2),
)
def test_every_row_is_accounted_for_once(given_rows: list[tuple[Any, ...]], of_ours: int) -> None:
    names = ("patient_id", "performed_procedure_step_status", "scheduled_start_date", "scheduled_start_time")
    rows = []
    for number, values in enumerate(given_rows, 1):
        text = {name: value or "" for name, value in zip((*names, "study_instance_uid"), values, strict=True)}
        blank = {each.name: "" for each in fields(OldItem) if each.name != "id"}
        rows.append(OldItem(id=number, **{**blank, "patient_name": "A^B", **text}))
    stored = [ours(), ours().model_copy(update={"item": ours().item.model_copy(update={"id": "o"})})][
        :of_ours
    ]
    plan = adopted(rows, *stored)
    assert accounted(plan) == [row.id for row in rows]
    assert len({item.id for item in made(plan)}) == len(plan.made)
    uids = [item.study_instance_uid for item in made(plan)]
    uids += [
        edit.changes["study_instance_uid"] for edit in plan.edits if "study_instance_uid" in edit.changes
    ]
    assert len(set(uids)) == len(uids)


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
    plan = adopt(rows, [], Setting(lambda _: "", "20301231", lambda uid: uid))
    assert (plan.made, len(plan.left_out)) == ([], 1)


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
