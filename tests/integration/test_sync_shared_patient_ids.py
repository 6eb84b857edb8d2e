"""Two people under one Patient ID: the later is held, both records are named, either may be corrected."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from typing import Any

import pytest

from infra.redcap_simulator import classic
from lambdas import sync_redcap
from lambdas.mapping.patients import Bearer
from lambdas.redcap.project import RedcapProject
from lambdas.sources.file import definition_from
from lambdas.sources.unshown_rows import HeldRow
from lambdas.store.dry_worklist import DryWorklist
from lambdas.store.worklist import WorklistStore
from lambdas.sync.preview import Preview, preview
from tests.rigs.builders import an_item
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data

PID = 11


def by_family(**changes: Any) -> dict[str, Any]:
    data = classic_data(deletions_seconds=0, **changes)
    return {**data, "fields": {**data["fields"], "patient_id": "family_id"}}


@pytest.fixture
def rig(stack: Stack) -> Rig:
    """Four participants, of whom the first two are siblings."""
    fresh = stack.fresh(classic(4), by_family())
    for record, family in (("000001", "F1"), ("000002", "F1"), ("000003", "F3"), ("000004", "F4")):
        person(fresh, record, family_id=family)
    return fresh


def person(rig: Rig, record: str, **values: str) -> None:
    rig.simulator.save_form(PID, record, "demographics", values)


def shown(rig: Rig) -> set[str]:
    return {record for record, _ in rig.items()}


def held(rig: Rig) -> list[HeldRow]:
    return list(rig.state().held)


def wake_up(rig: Rig, record: str) -> None:
    event = sqs_event({"source_id": "classic", "record": record})
    assert not sync_redcap.handler(event, Context())["batchItemFailures"]


def look(rig: Rig, **changes: Any) -> Preview:
    definition = definition_from({**by_family(**changes), "url": rig.simulator.url})
    with closing(RedcapProject(definition.url, rig.project.token(), definition.record_id_field)) as redcap:
        worklist = DryWorklist(rig.cloud.tables, now=lambda: 0.0)
        return preview(definition, redcap, worklist, today=date(2026, 6, 1))


def test_of_two_under_one_id_the_later_one_is_held_and_both_records_are_named(rig: Rig) -> None:
    assert rig.sync().outcome == "ok"
    assert shown(rig) == {"000001", "000003", "000004"}
    assert {(row.record, row.field, row.because_of) for row in held(rig)} == {
        ("000002", "family_id", "000001")
    }
    assert "record 000002 and record 000001 have one Patient ID" in held(rig)[0].reason


def test_an_id_cut_to_what_two_records_share_is_found_too(stack: Stack) -> None:
    data = by_family()
    data["fields"]["patient_id"] = {"field": "family_id", "transforms": [{"after_last": "-"}]}
    rig = stack.fresh(classic(2), data)
    person(rig, "000001", family_id="oslo-7")
    person(rig, "000002", family_id="bergen-7")
    rig.sync()
    assert (shown(rig), held(rig)[0].because_of) == ({"000001"}, "000001")


def test_who_is_on_the_list_stays_though_the_newcomers_record_comes_before_theirs(rig: Rig) -> None:
    person(rig, "000002", family_id="F2")
    person(rig, "000001", family_id="F1")
    rig.sync()
    person(rig, "000001", family_id="F4")
    rig.sync()
    assert shown(rig) == {"000002", "000003", "000004"}
    assert {(row.record, row.because_of) for row in held(rig)} == {("000001", "000004")}


@pytest.mark.parametrize("corrected", ["000001", "000002"])
@pytest.mark.parametrize("by_hint", [True, False])
def test_whichever_record_is_corrected_the_held_one_comes_back(
    rig: Rig, corrected: str, by_hint: bool
) -> None:
    rig.sync()
    person(rig, corrected, family_id="F9")
    if by_hint:
        wake_up(rig, corrected)
    else:
        rig.sync()
    assert shown(rig) == {"000001", "000002", "000003", "000004"}
    assert held(rig) == []


def test_when_the_other_record_is_deleted_the_held_one_comes_back(rig: Rig) -> None:
    rig.sync()
    rig.simulator.form_filler.delete(rig.project, "000001")
    rig.sync()
    assert (shown(rig), held(rig)) == ({"000002", "000003", "000004"}, [])


def test_a_held_record_that_is_deleted_is_held_no_more(rig: Rig) -> None:
    rig.sync()
    rig.simulator.form_filler.delete(rig.project, "000002")
    person(rig, "000004", first_name="Zoë")
    rig.sync()
    assert held(rig) == []


def test_a_hint_holds_as_a_sync_does(rig: Rig) -> None:
    rig.sync()
    person(rig, "000003", family_id="F4")
    wake_up(rig, "000003")
    assert shown(rig) == {"000001", "000004"}
    assert ("000003", "000004") in {(row.record, row.because_of) for row in held(rig)}


def test_what_an_earlier_build_let_through_is_found_by_the_next_full_read(rig: Rig) -> None:
    rig.sources.put(definition_from({**by_family(allow_shared_patient_id=True), "url": rig.simulator.url}))
    rig.sync()
    assert shown(rig) == {"000001", "000002", "000003", "000004"}
    rig.sources.put(definition_from({**by_family(), "url": rig.simulator.url}))
    report = rig.sync()
    assert report.full
    assert shown(rig) == {"000001", "000003", "000004"}


def test_who_means_it_may_share(rig: Rig) -> None:
    rig.sources.put(definition_from({**by_family(allow_shared_patient_id=True), "url": rig.simulator.url}))
    rig.sync()
    assert (shown(rig), held(rig)) == ({"000001", "000002", "000003", "000004"}, [])


def test_one_persons_scans_share_their_id(stack: Stack) -> None:
    rig = stack.fresh(classic(3), by_family())
    for record in ("000001", "000002"):
        same = {"first_name": "Ann", "last_name": "Ng", "youth_dob": "2014-02-28", "demo_sex": "2"}
        person(rig, record, family_id="F1", **same)
    rig.sync()
    assert held(rig) == []


def test_an_item_made_by_hand_is_there_first(rig: Rig) -> None:
    rig.worklist.create(an_item("", source="", site="main", patient_id="F3", patient_name="Else^Somebody"))
    rig.sync()
    reasons = {row.record: row.reason for row in held(rig)}
    assert "record 000003 and an item made by hand" in reasons["000003"]


def test_a_preview_says_it_before_anything_is_written(rig: Rig) -> None:
    found = look(rig)
    assert {(row.record, row.because_of, row.value) for row in found.held} == {("000002", "000001", "F1")}
    assert "000002" not in {each.item.source_record for each in found.items}
    assert look(rig, allow_shared_patient_id=True).held == ()


def test_a_sync_that_changes_nobody_reads_no_partition(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.sync()
    read: list[str] = []

    def bearers(self: WorklistStore, site: str) -> list[Bearer]:
        read.append(site)
        return []

    monkeypatch.setattr(WorklistStore, "bearers", bearers)
    rig.simulator.save_form(PID, "000003", "mri", {"mri_time": "07:45"}, instance=1)
    wake_up(rig, "000003")
    assert read == []
    person(rig, "000003", first_name="Zoë")
    wake_up(rig, "000003")
    assert read == ["main"]
