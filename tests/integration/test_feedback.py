"""`[feedback]`: a scan's row in REDCap says whether the scan is on the worklist, and if not, why."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from infra.redcap_simulator import Project, classic
from infra.redcap_simulator.project.project import Field
from lambdas import sync_redcap, write_back
from lambdas.redcap.project import RedcapProject
from lambdas.sources.file import definition_from
from lambdas.sync.project_check import check_project
from shared.errors import Rejected
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data
from tests.rigs.write_back import UID, ended, started

PID, FIELD = 11, "mwl_message"
DAY = "2099-12-01"


def told_data(**changes: Any) -> dict[str, Any]:
    return classic_data(**{"deletions_seconds": 0, "feedback": {"field": FIELD}, **changes})


def project(records: int = 0, **field: Any) -> Project:
    """Return the classic project with a field for the message on the form of the scans."""
    plain = classic(records)
    form = plain.shape.fields_by_name["mri_status"].form
    fields = (*plain.shape.fields, Field(FIELD, form, **field))
    return Project(replace(plain.shape, fields=fields), plain.users, plain.records)


@pytest.fixture
def rig(stack: Stack) -> Rig:
    """Return a source with one scan, whose row has been told."""
    rig = stack.fresh(project(), told_data())
    book(rig, "P1")
    rig.sync()
    tell(rig)
    return rig


def book(rig: Rig, record: str, instance: int = 1, **values: str) -> None:
    rig.simulator.save_form(PID, record, "demographics", {"last_name": "Doe"})
    rig.simulator.save_form(
        PID, record, "mri", {"mri_date": DAY, "mri_time": "09:30", **values}, instance=instance
    )


def save(rig: Rig, record: str = "P1", instance: int = 1, **values: str) -> None:
    rig.simulator.save_form(PID, record, "mri", values, instance=instance)


def tell(rig: Rig) -> list[str]:
    """Let the schedule ask for what is to be told, and the write-back tell it; return what it asked for."""
    _, keys = rig.tick()
    if keys:
        assert not write_back.handler(sqs_event(*({"sop_instance_uid": key} for key in keys)), Context())[
            "batchItemFailures"
        ]
    return keys


def said(rig: Rig, record: str = "P1", instance: int = 1) -> str:
    found = rig.project.records.get(record)
    assert found is not None
    rows = [row for key, row in found.rows.items() if (key.instrument, key.instance) == ("mri", instance)]
    return rows[0].get(FIELD, "") if rows else ""


def imports(rig: Rig) -> int:
    return sum(request.action == "import" for request in rig.simulator.requests.all())


def later(rig: Rig) -> None:
    rig.simulator.clock.advance(4000)


def test_a_scan_on_the_list_says_since_when(rig: Rig) -> None:
    report = rig.state().report
    assert report is not None
    local = rig.sources.get("classic").local(report.finished_at)
    assert said(rig) == f"On the worklist since {local:%Y-%m-%d %H:%M}"


REASONS: list[tuple[dict[str, str], str]] = [
    ({"mri_time": "9 am"}, "Not on the worklist: mri_time: an hour alone is no sure time"),
    ({"mri_date": "soon"}, "Not on the worklist: mri_date: "),
    ({"mri_wt_lbs": "999"}, "Not on the worklist: mri_wt_lbs: "),
]


@pytest.mark.parametrize(("values", "reason"), REASONS)
def test_a_scan_that_is_not_on_it_says_why_and_when_corrected_that_it_is(
    rig: Rig, values: dict[str, str], reason: str
) -> None:
    save(rig, "P1", 1, **values)
    rig.sync()
    tell(rig)
    assert said(rig).startswith(reason)
    save(rig, mri_time="09:30", mri_date=DAY, mri_wt_lbs="150")
    rig.sync()
    tell(rig)
    assert said(rig).startswith("On the worklist since ")


@pytest.mark.parametrize("seen", [Rig.sync, lambda rig: wake_up(rig, "P1")])
def test_a_scan_that_is_called_off_says_nothing_any_more(rig: Rig, seen: Callable[[Rig], Any]) -> None:
    save(rig, mri_date="")
    seen(rig)
    tell(rig)
    assert said(rig) == ""
    assert rig.items() == {}


def wake_up(rig: Rig, record: str) -> None:
    sync_redcap.handler(sqs_event({"source_id": "classic", "record": record}), Context())


def test_two_people_under_one_id_are_told(stack: Stack) -> None:
    data = told_data()
    data["fields"]["patient_id"] = "family_id"
    rig = stack.fresh(project(), data)
    for record, name in (("P1", "Doe"), ("P2", "Roe")):
        book(rig, record)
        rig.simulator.save_form(PID, record, "demographics", {"last_name": name, "family_id": "F1"})
    rig.sync()
    tell(rig)
    assert said(rig, "P1").startswith("On the worklist since ")
    assert said(rig, "P2").startswith("Not on the worklist: family_id: record P2 and record P1 have one")


def test_a_message_is_no_change_of_the_scan_and_nothing_goes_round(rig: Rig) -> None:
    """REDCap lists the record as changed by our own import, sync after sync, for as long as the overlap."""
    rig.sync()  # after a full read the rows of the overlap are looked at once more
    tell(rig)
    head, count = rig.worklist.head("main"), imports(rig)
    assert count == 1
    for _ in range(4):
        report = rig.sync()
        assert (report.written, report.withdrawn) == (0, 0)
        assert tell(rig) == []
    assert imports(rig) == count
    assert rig.worklist.head("main") == head


def test_a_full_read_tells_again_only_what_is_not_said(rig: Rig) -> None:
    book(rig, "P2")
    rig.sync()
    tell(rig)
    count = imports(rig)
    save(rig, "P2", mwl_message="by hand")
    rig.remember(rig.state().model_copy(update={"reconciled_at": 0.0}))
    assert rig.sync().full
    assert tell(rig) == ["FEEDBACK:classic"]
    assert said(rig, "P2").startswith("On the worklist since ")
    assert imports(rig) == count + 1


def test_a_definition_that_names_a_field_tells_all_that_is_to_come(stack: Stack) -> None:
    rig = stack.fresh(project(), classic_data(deletions_seconds=0))
    book(rig, "P1")
    book(rig, "P2", mri_date="2020-01-01")
    rig.sync()
    assert tell(rig) == []
    rig.sources.put(definition_from(told_data(url=rig.simulator.url)))
    rig.sync()
    tell(rig)
    assert said(rig, "P1").startswith("On the worklist since ")
    assert said(rig, "P2") == ""  # long over


def test_each_instance_says_its_own(rig: Rig) -> None:
    book(rig, "P1", 2, mri_time="9 am")
    rig.sync()
    tell(rig)
    assert said(rig, "P1", 1).startswith("On the worklist since ")
    assert said(rig, "P1", 2).startswith("Not on the worklist: mri_time: ")


def test_when_a_scanner_has_reported_nothing_more_is_said(rig: Rig) -> None:
    before = said(rig)
    started(rig, rig.items()["P1", 1])
    ended(rig)
    assert rig.steps.find(UID) is not None
    save(rig, mri_time="9 am")
    rig.sync()
    tell(rig)
    assert said(rig) == before


def test_a_scan_a_person_removed_says_so(rig: Rig) -> None:
    rig.worklist.remove(rig.items()["P1", 1].id)
    save(rig, mri_time="10:00")
    rig.sync()
    tell(rig)
    assert said(rig) == "Not on the worklist: a person removed it"


# ------------------------------------------------------------------- what can go wrong


def test_a_locked_form_is_told_when_it_is_unlocked_and_keeps_no_other_from_being_told(rig: Rig) -> None:
    book(rig, "P2")
    rig.simulator.form_filler.lock(rig.project, "P1", "mri", instance=1)
    found = rig.project.records.get("P1")
    assert found is not None
    rig.sync()
    rig.remember(rig.state().model_copy(update={"feedback_due": ("P1", "P2")}))
    values = next(row for key, row in found.rows.items() if key.instrument == "mri")
    values[FIELD] = "something else"
    tell(rig)
    assert said(rig, "P2").startswith("On the worklist since ")
    assert said(rig, "P1") == "something else"
    assert rig.state().feedback_due == ("P1",)
    assert tell(rig) == []  # not at once
    rig.simulator.form_filler.lock(rig.project, "P1", "mri", instance=1, locked=False)
    rig.remember(rig.state().model_copy(update={"feedback_at": 0.0}))
    tell(rig)
    assert said(rig, "P1").startswith("On the worklist since ")
    assert (rig.state().feedback_due, rig.state().feedback_tries) == ((), 0)


@pytest.mark.parametrize("kind", ["empty_500", "html_200", "unknown_error", "dropped"])
def test_trouble_at_redcap_loses_no_message_and_fails_no_sync(rig: Rig, kind: Any) -> None:
    save(rig, mri_time="9 am")
    rig.sync()
    rig.simulator.add_fault(kind, times=None)
    tell(rig)
    rig.simulator.faults.clear()
    assert rig.state().feedback_due == ("P1",)
    rig.remember(rig.state().model_copy(update={"feedback_at": 0.0}))
    assert rig.sync().outcome == "ok"
    tell(rig)
    assert said(rig).startswith("Not on the worklist: mri_time: ")


def test_a_right_that_was_taken_away_is_said_and_not_asked_for_again_and_again(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    save(rig, mri_time="9 am")
    rig.sync()
    rig.simulator.add_fault("revoked", times=None)
    tell(rig)
    assert rig.state().feedback_due == ()
    assert any(vars(entry).get("outcome") == "parked" for entry in caplog.records)


def test_a_record_deleted_meanwhile_is_told_nothing(rig: Rig) -> None:
    book(rig, "P2")
    rig.sync()
    rig.simulator.form_filler.delete(rig.project, "P2")
    tell(rig)
    assert "P2" not in rig.project.records
    assert rig.state().feedback_due == ()


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ({"kind": "radio", "choices": {"1": "Yes"}}, "a field with choices"),
        ({"kind": "calc"}, "nothing can be written to"),
        ({"validation": "integer"}, "is told a sentence"),
        ({"validation": "date_ymd"}, "is told a sentence"),
    ],
)
def test_apply_refuses_a_field_that_cannot_hold_a_sentence(
    stack: Stack, field: dict[str, Any], told: str
) -> None:
    rig = stack.fresh(project(1, **field), classic_data())
    definition = definition_from(told_data(url=rig.simulator.url))
    with (
        closing(RedcapProject(rig.simulator.url, rig.project.token(), "study_id")) as redcap,
        pytest.raises(Rejected, match=told),
    ):
        check_project(definition, redcap, 0.0)


@pytest.mark.parametrize("field", ["mri_date", "last_name", "study_id"])
def test_a_field_that_is_read_cannot_be_told(field: str) -> None:
    with pytest.raises(Rejected, match=r"feedback: .* is also read for the worklist"):
        definition_from(told_data(feedback={"field": field}))
