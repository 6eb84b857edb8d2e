"""What a scanner or a person has touched keeps its item when REDCap gives its row another name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import date
from typing import Any

import pytest

from infra.redcap_simulator import Quirks, classic, longitudinal
from lambdas import sync_redcap
from lambdas.redcap.project import RedcapProject
from lambdas.sources.file import definition_from
from lambdas.store.dry_worklist import DryWorklist
from lambdas.sync.preview import preview
from shared.worklist_item import Status, WorklistItem
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data, longitudinal_data
from tests.rigs.write_back import UID, because, classic_with_every_field, ended, in_redcap, started, whole

PID = 11
OLD, NEW = "000001", "A-1"


@pytest.fixture
def rig(stack: Stack) -> Rig:
    return synced(stack)


def synced(stack: Stack, **changes: Any) -> Rig:
    """Return a source of two participants with one scan each, both on the worklist."""
    rig = stack.fresh(classic_with_every_field(0), whole(**{"deletions_seconds": 0, **changes}))
    for record, name in ((OLD, "Doe"), ("000002", "Roe")):
        person(rig, record, last_name=name)
        scan(rig, record)
    assert rig.sync().outcome == "ok"
    return rig


def person(rig: Rig, record: str, **values: str) -> None:
    rig.simulator.save_form(PID, record, "demographics", values)


def scan(rig: Rig, record: str, instance: int = 1, **values: str) -> None:
    booked = {"mri_date": "2026-12-01", "mri_time": "09:30", **values}
    rig.simulator.save_form(PID, record, "mri", booked, instance=instance)


def rename(rig: Rig, old: str = OLD, new: str = NEW) -> None:
    rig.simulator.form_filler.rename(rig.project, old, new)


def wake_up(rig: Rig, record: str) -> None:
    event = sqs_event({"source_id": "classic", "record": record})
    assert not sync_redcap.handler(event, Context())["batchItemFailures"]


def look_at_everything(rig: Rig) -> None:
    rig.remember(rig.state().model_copy(update={"reconciled_at": 0.0}))
    assert rig.sync().outcome == "ok"


def identity(item: WorklistItem) -> tuple[str, ...]:
    return (
        item.id,
        item.study_instance_uid,
        item.accession_number,
        item.requested_procedure_id,
        item.scheduled_procedure_step_id,
    )


def by_sync(rig: Rig) -> None:
    assert rig.sync().outcome == "ok"


def by_wake_up(rig: Rig) -> None:
    wake_up(rig, NEW)


WAYS: list[Callable[[Rig], None]] = [by_sync, by_wake_up, look_at_everything]


@pytest.mark.parametrize("seen", WAYS)
@pytest.mark.parametrize("finished", [False, True])
def test_a_scan_that_has_begun_is_not_offered_again_under_a_new_name(
    rig: Rig, seen: Callable[[Rig], None], finished: bool
) -> None:
    before = rig.items()[OLD, 1]
    started(rig, before)
    if finished:
        ended(rig)
    rename(rig)
    seen(rig)
    by_sync(rig)
    items = rig.items()
    assert sorted(record for record, _ in items) == ["000002", NEW]
    after = items[NEW, 1]
    assert identity(after) == identity(before)
    assert after.patient_id != before.patient_id  # made of the record's name: REDCap owns it
    assert after.performed_procedure_step_status is (Status.COMPLETED if finished else Status.IN_PROGRESS)


@pytest.mark.parametrize("seen", WAYS)
def test_what_is_corrected_under_the_new_name_still_arrives(rig: Rig, seen: Callable[[Rig], None]) -> None:
    started(rig, rig.items()[OLD, 1])
    rename(rig)
    seen(rig)
    person(rig, NEW, youth_dob="1999-12-31")
    scan(rig, NEW, mri_time="10:00")
    by_sync(rig)
    after = rig.items()[NEW, 1]
    assert after.patient_birth_date == "19991231"
    assert after.scheduled_start_time == "100000"
    assert len(rig.items()) == 2


def test_redcap_is_told_under_the_new_name(rig: Rig) -> None:
    started(rig, rig.items()[OLD, 1])
    rename(rig)
    by_sync(rig)
    ended(rig)
    assert rig.write_back(UID) == 0
    assert in_redcap(rig, NEW)["mri_status"] == "COMPLETED"


def test_a_write_back_given_up_under_the_old_name_is_due_again(rig: Rig) -> None:
    started(rig, rig.items()[OLD, 1])
    rename(rig)
    rig.write_back(UID)
    assert "mri_status" not in in_redcap(rig, NEW)
    by_sync(rig)
    assert rig.tick()[1] == [UID]
    rig.write_back(UID)
    assert in_redcap(rig, NEW)["mri_status"] == "IN_PROGRESS"


def test_it_follows_from_name_to_name_and_back(rig: Rig) -> None:
    before = rig.items()[OLD, 1]
    started(rig, before)
    for old, new in ((OLD, "B"), ("B", "C"), ("C", OLD), (OLD, "B")):
        rename(rig, old, new)
        by_sync(rig)
        assert sorted(record for record, _ in rig.items()) == sorted(["000002", new])
        assert identity(rig.items()[new, 1]) == identity(before)


@pytest.mark.parametrize("names", [[(OLD, NEW)], [(OLD, "B"), ("B", NEW)]])
def test_a_name_that_is_given_to_somebody_else_is_somebody_elses(
    rig: Rig, names: list[tuple[str, str]]
) -> None:
    begun = rig.items()[OLD, 1]
    started(rig, begun)
    for old, new in names:
        rename(rig, old, new)
        by_sync(rig)
    for number, (name, _) in enumerate(names):
        person(rig, name, last_name=f"Other{number}")
        scan(rig, name, mri_time="11:00")
        by_sync(rig)
    items = rig.items()
    assert len(items) == 2 + len(names)
    assert identity(items[NEW, 1]) == identity(begun)
    assert items[NEW, 1].performed_procedure_step_status is Status.IN_PROGRESS
    for name, _ in names:
        assert items[name, 1].performed_procedure_step_status is Status.SCHEDULED
    assert len({item.study_instance_uid for item in items.values()}) == len(items)
    look_at_everything(rig)
    assert rig.items() == items


def test_a_record_renamed_to_a_name_that_was_deleted_takes_its_place(rig: Rig) -> None:
    begun = rig.items()["000002", 1]
    started(rig, begun)
    rig.simulator.form_filler.delete(rig.project, OLD)
    rename(rig, "000002", OLD)
    by_sync(rig)
    assert {key: identity(item) for key, item in rig.items().items()} == {(OLD, 1): identity(begun)}


def test_another_instance_number_is_followed(rig: Rig) -> None:
    begun = rig.items()[OLD, 1]
    started(rig, begun)
    scan(rig, OLD, instance=5)
    rig.simulator.form_filler.erase_form(rig.project, OLD, "mri", instance=1)
    by_sync(rig)
    items = rig.items()
    assert sorted(items) == [(OLD, 5), ("000002", 1)]
    assert identity(items[OLD, 5]) == identity(begun)


def test_two_instances_on_one_day_stay_two_when_the_record_is_renamed(rig: Rig) -> None:
    scan(rig, OLD, instance=2, mri_time="15:00")
    by_sync(rig)
    first, second = rig.items()[OLD, 1], rig.items()[OLD, 2]
    started(rig, first)
    rename(rig)
    by_sync(rig)
    items = rig.items()
    assert identity(items[NEW, 1]) == identity(first)
    assert identity(items[NEW, 2]) != identity(second)  # nobody has touched it
    assert items[NEW, 2].performed_procedure_step_status is Status.SCHEDULED
    assert len(items) == 3


def test_another_event_is_followed(stack: Stack) -> None:
    sites = {"montreal": "north", "quebec": "south"}
    rig = stack.fresh(longitudinal(3), {**longitudinal_data(sites)})
    by_sync(rig)
    rig.site = "north"
    begun = rig.items()["S-0001", 1]
    rig.site = begun.site
    started(rig, begun)
    found = rig.project.records.get("S-0001")
    assert found is not None
    key = next(key for key in found.rows if key.event == begun.source_event and key.instance == 1)
    values = {name: text for name, text in found.rows[key].items() if name in {"mri_date", "mri_time"}}
    rig.simulator.form_filler.erase_form(rig.project, "S-0001", "mri", event=begun.source_event, instance=1)
    rig.simulator.save_form(22, "S-0001", "mri", values, event=begun.source_event, instance=9)
    by_sync(rig)
    items = rig.items()
    assert identity(items["S-0001", 9]) == identity(begun)
    assert ("S-0001", 1) not in items


@pytest.mark.parametrize(
    "edit", [{}, {"patient_birth_date": "19990101"}, {"patient_name": "By^Hand"}, {"patient_sex": "O"}]
)
@pytest.mark.parametrize("other", [{"youth_dob": "2001-01-01"}, {"demo_sex": "1"}, {"last_name": "Other"}])
def test_another_participant_at_the_same_time_is_no_other_name(
    rig: Rig, other: dict[str, str], edit: dict[str, str]
) -> None:
    known = {"last_name": "Doe", "demo_sex": "2", "youth_dob": "2000-01-01"}
    person(rig, OLD, **known)
    by_sync(rig)
    begun = rig.items()[OLD, 1]
    started(rig, begun)
    if edit:
        rig.worklist.edit(begun.id, edit)
    rig.simulator.form_filler.delete(rig.project, OLD)
    person(rig, NEW, **{**known, **other})
    scan(rig, NEW)
    by_sync(rig)
    assert identity(rig.items()[NEW, 1]) != identity(begun)
    assert rig.items()[OLD, 1].performed_procedure_step_status is Status.IN_PROGRESS


def test_a_second_scan_of_the_same_time_beside_the_first_is_a_second_scan(rig: Rig) -> None:
    """The row of the first is still there: nothing was renamed."""
    started(rig, rig.items()[OLD, 1])
    scan(rig, OLD, instance=2)
    by_sync(rig)
    assert len({item.id for item in rig.items().values()}) == 3


def test_what_nobody_has_touched_gets_a_new_identity_with_its_new_name(rig: Rig) -> None:
    before = rig.items()[OLD, 1]
    rename(rig)
    by_sync(rig)
    assert identity(rig.items()[NEW, 1]) != identity(before)
    assert (OLD, 1) not in rig.items()


def test_what_a_person_edited_or_removed_stays_so_under_another_name(rig: Rig) -> None:
    edited, removed = rig.items()[OLD, 1], rig.items()["000002", 1]
    rig.worklist.edit(edited.id, {"protocol_name": "by hand"})
    rig.worklist.remove(removed.id)
    rename(rig)
    rename(rig, "000002", "B")
    by_sync(rig)
    assert {key: item.protocol_name for key, item in rig.items().items()} == {(NEW, 1): "by hand"}
    look_at_everything(rig)
    assert list(rig.items()) == [(NEW, 1)]


def test_a_scan_freed_again_under_its_new_name_is_still_one_scan(rig: Rig) -> None:
    before = rig.items()[OLD, 1]
    started(rig, before)
    rename(rig)
    by_sync(rig)
    ended(rig, "DISCONTINUED", **because("110514"))
    by_sync(rig)
    look_at_everything(rig)
    items = rig.items()
    assert identity(items[NEW, 1]) == identity(before)
    assert items[NEW, 1].performed_procedure_step_status is Status.SCHEDULED
    assert len(items) == 2
    scan(rig, NEW, mri_date="")
    by_sync(rig)
    assert sorted(rig.items()) == [("000002", 1)]


def test_a_scan_that_begins_under_the_old_name_after_the_new_one_was_listed_is_one_scan(rig: Rig) -> None:
    """The scanner had loaded the entry before the record was renamed."""
    before = rig.items()[OLD, 1]
    rename(rig)
    by_sync(rig)
    started(rig, before)
    assert len(rig.items()) == 3
    look_at_everything(rig)
    items = rig.items()
    assert sorted(items) == [("000002", 1), (NEW, 1)]
    assert identity(items[NEW, 1]) == identity(before)


def test_of_a_vain_write_back_the_next_sync_learns_that_a_scan_has_another_name(rig: Rig) -> None:
    before = rig.items()[OLD, 1]
    rename(rig)
    by_sync(rig)
    started(rig, before)
    rig.write_back(UID)
    by_sync(rig)
    assert identity(rig.items()[NEW, 1]) == identity(before)
    rig.write_back(UID)
    assert in_redcap(rig, NEW)["mri_status"] == "IN_PROGRESS"


def knowing_log(stack: Stack, *, follows: bool = True, user: str = "relay") -> Rig:
    """Return the rig at a REDCap whose log says what a record was called before."""
    rig = synced(stack)
    rig.simulator.quirks = Quirks(log_follows_renames=follows)
    token = {"token_secret": f"of-{user}"}
    rig.register(rig.sources.get("classic").model_copy(update=token), user)
    by_sync(rig)
    return rig


CORRECTIONS = [{"last_name": "Smith"}, {"youth_dob": "1999-09-09"}, {"demo_sex": "2"}]


@pytest.mark.parametrize("corrected", CORRECTIONS)
@pytest.mark.parametrize("booked", [{}, {"mri_date": "2026-12-02"}, {"mri_time": "13:00"}])
def test_where_the_log_tells_the_old_name_whatever_was_corrected_meanwhile_is_followed(
    stack: Stack, corrected: dict[str, str], booked: dict[str, str]
) -> None:
    rig = knowing_log(stack)
    person(rig, OLD, demo_sex="1", youth_dob="2000-01-01")
    by_sync(rig)
    begun = rig.items()[OLD, 1]
    started(rig, begun)
    rename(rig)
    person(rig, NEW, **corrected)
    scan(rig, NEW, 1, **booked)
    by_sync(rig)
    assert {key: identity(item) for key, item in rig.items().items() if key[0] != "000002"} == {
        (NEW, 1): identity(begun)
    }


def test_where_the_log_does_not_tell_somebody_with_another_name_is_somebody_else(stack: Stack) -> None:
    rig = knowing_log(stack, follows=False)
    begun = rig.items()[OLD, 1]
    started(rig, begun)
    rename(rig)
    person(rig, NEW, last_name="Smith")
    by_sync(rig)
    assert identity(rig.items()[NEW, 1]) != identity(begun)


def test_a_token_without_the_right_to_the_log_syncs_all_the_same(stack: Stack) -> None:
    rig = knowing_log(stack, user="reader")
    started(rig, rig.items()[OLD, 1])
    for number in range(3):
        person(rig, f"N{number}", last_name="New")
        scan(rig, f"N{number}", mri_date="2026-12-05")
    rig.simulator.requests.clear()
    by_sync(rig)
    by_sync(rig)
    assert len(rig.items()) == 5
    assert sum(request.content == "log" for request in rig.simulator.requests.all()) <= 2


def test_a_preview_shows_it_and_writes_nothing(rig: Rig) -> None:
    started(rig, rig.items()[OLD, 1])
    rename(rig)
    definition = rig.sources.get("classic")
    tables = rig.cloud.dynamodb.scan(TableName="WorklistTable")["Items"]
    with closing(RedcapProject(definition.url, rig.project.token(), definition.record_id_field)) as redcap:
        worklist = DryWorklist(rig.cloud.tables, now=lambda: 0.0)
        found = preview(definition, redcap, worklist, today=date(2026, 6, 1))
    changes = {each.item.source_record: each.change for each in found.items}
    assert changes == {NEW: "changed", "000002": "unchanged"}
    assert rig.cloud.dynamodb.scan(TableName="WorklistTable")["Items"] == tables


def test_a_source_that_no_longer_uses_a_site_still_knows_what_has_begun_there(stack: Stack) -> None:
    rig = stack.fresh(classic(2), classic_data(deletions_seconds=0))
    by_sync(rig)
    begun = next(iter(rig.items().values()))
    started(rig, begun)
    data = classic_data(url=rig.simulator.url, deletions_seconds=0, site="north")
    rig.sources.put(definition_from(data))
    by_sync(rig)
    scan(rig, begun.source_record, instance=begun.source_instance, mri_time="16:00")
    by_sync(rig)
    assert (begun.source_record, begun.source_instance) not in rig.items("north")
    assert rig.items("main")[begun.source_record, begun.source_instance].scheduled_start_time == "160000"
