"""How many items may go at once: five always, more up to the definition's share, or if a person agrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infra.redcap_simulator import classic
from lambdas import sync_redcap
from lambdas.sources.state import SyncReport
from tests.rigs.builders import an_event
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data


def source_of(stack: Stack, scans: int, **changes: Any) -> Rig:
    """Return a source of so many participants with one scan each, synced."""
    rig = stack.fresh(classic(0), classic_data(deletions_seconds=0, **changes))
    for number in range(scans):
        rig.simulator.save_form(11, f"P{number:02}", "demographics", {"last_name": "Doe"})
        rig.simulator.save_form(11, f"P{number:02}", "mri", {"mri_date": "2026-12-01"}, instance=1)
    assert rig.sync().outcome == "ok"
    assert len(rig.items()) == scans
    return rig


def clear_dates(rig: Rig, count: int) -> None:
    for number in range(count):
        rig.simulator.save_form(11, f"P{number:02}", "mri", {"mri_date": ""}, instance=1)


def delete_records(rig: Rig, count: int) -> None:
    for number in range(count):
        rig.simulator.form_filler.delete(rig.project, f"P{number:02}")


def look_at_everything(rig: Rig) -> SyncReport:
    rig.remember(rig.state().model_copy(update={"reconciled_at": 0.0}))
    return rig.sync()


@pytest.mark.parametrize(
    ("scans", "share", "most"),
    [
        (5, 0.2, 5),  # all there is
        (7, 0.2, 5),
        (20, 0.2, 5),  # a fifth would be four
        (30, 0.2, 6),
        (34, 0.2, 6),  # a fifth is 6.8
        (8, 1.0, 8),
    ],
)
def test_so_many_may_go_by_themselves(stack: Stack, scans: int, share: float, most: int) -> None:
    rig = source_of(stack, scans, max_withdrawn_share=share)
    clear_dates(rig, most)
    report = rig.sync()
    assert (report.outcome, report.withdrawn) == ("ok", most)
    assert len(rig.items()) == scans - most


@pytest.mark.parametrize(("scans", "most"), [(7, 5), (30, 6)])
@pytest.mark.parametrize("going", [clear_dates, delete_records])
def test_one_more_stops_the_sync_and_nothing_is_withdrawn(
    stack: Stack, scans: int, most: int, going: Callable[[Rig, int], None]
) -> None:
    rig = source_of(stack, scans)
    going(rig, most + 1)
    report = rig.sync()
    assert report.outcome == "failed"
    assert f"{most + 1} of {scans} items" in report.error
    assert len(rig.items()) == scans


def test_a_look_at_everything_has_the_same_fuse(stack: Stack) -> None:
    rig = source_of(stack, 7)
    clear_dates(rig, 6)
    assert look_at_everything(rig).outcome == "failed"
    rig.simulator.save_form(11, "P00", "mri", {"mri_date": "2026-12-01"}, instance=1)
    report = look_at_everything(rig)
    assert (report.outcome, report.withdrawn) == ("ok", 5)


def test_a_person_may_agree_to_more(stack: Stack) -> None:
    rig = source_of(stack, 7)
    clear_dates(rig, 6)
    assert rig.sync().outcome == "failed"
    sync_redcap.handler(sqs_event({"source_id": "classic", "confirm_withdrawals": "yes"}), Context())
    assert len(rig.items()) == 1


def test_scans_that_have_begun_are_no_part_of_what_a_share_is_taken_of(stack: Stack) -> None:
    """Of 30 items 6 might go; once 6 are scanned, 24 are left, and of those 5."""
    rig = source_of(stack, 30)
    begun = [item for (record, _), item in rig.items().items() if record >= "P24"]
    for number, item in enumerate(begun, start=1):
        rig.steps.record_event(an_event(item, uid=f"2.25.{number}"), site="main", relay_id="r")
    clear_dates(rig, 6)
    report = rig.sync()
    assert report.outcome == "failed"
    assert "6 of 24 items" in report.error
