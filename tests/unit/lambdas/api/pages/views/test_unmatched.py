"""A scan that needs a booking is told in the scanner's words, its candidates with why."""

from __future__ import annotations

from typing import Any

from lambdas.api.pages.views.unmatched import candidate_rows, step_row
from lambdas.api.schemas.items import ItemView
from lambdas.api.schemas.steps import CandidateView, StepDetail, StepView
from tests.rigs.site_state import NOW, stored


def step(**changes: Any) -> StepView:
    fields: dict[str, Any] = {
        "sop_instance_uid": "2.25.1",
        "site": "north",
        "status": "IN_PROGRESS",
        "started_at": "2026-11-22T09:31:00",
        "ended_at": None,
        "reported_at": NOW,
        "station_aetitle": "MR1",
        "station_name": "",
        "series_count": 0,
        "patient_name": "PHANTOM^QA",
        "patient_id": "phantom",
        "items": (),
        "problems": ("unmatched", "open"),
    }
    return StepView.model_validate({**fields, **changes})


def test_a_scan_in_words() -> None:
    row = step_row(step())
    assert row[1:] == (
        "22 November 09:31",
        "QA PHANTOM",
        "phantom",
        "MR1",
        "of no booking, begun hours ago and not ended",
    )


def test_hidden_names_hide_the_scanners_words_too() -> None:
    row = step_row(step(), hides_names=True)
    assert (row.name, row.patient_id) == ("Q. P.", "")


def test_a_scan_without_name_or_time() -> None:
    row = step_row(step(started_at=None, patient_name="", station_aetitle="", station_name="Cellar"))
    assert (row.when, row.name, row.scanner) == ("at an unknown time", "no name given", "Cellar")


def test_why_a_scan_does_not_count_is_said() -> None:
    later = step_row(step(problems=("open",), superseded_by="2.25.2"))
    begun = "begun hours ago and not ended"
    assert later.problems == f"{begun}, superseded by a later scan of the same scanner (2.25.2)"
    silent = step_row(step(problems=("open",), stale=True))
    assert (
        silent.problems
        == f"{begun}, nobody waits for its end any more: say at its booking whether it was done"
    )


def test_what_is_linked_comes_first_and_once() -> None:
    own, other = stored("1"), stored("2")
    views = [CandidateView(score=9, why=("same day",), item=ItemView.of(each)) for each in (other, own)]
    rows = candidate_rows(StepDetail(step=step(), candidates=views), [own])
    assert [(row.item_id, row.linked, row.why) for row in rows] == [
        (own.item.id, True, "linked"),
        (other.item.id, False, "same day"),
    ]
    assert rows[1].about == "sub-2, 22 November 2026 09:30, MR1, Brain MRI"
    hidden = candidate_rows(StepDetail(step=step(), candidates=views), [own], hides_names=True)
    assert hidden[0].name == "Z. N."
    assert "sub-" not in hidden[0].about
