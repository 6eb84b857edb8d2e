"""How many items may go at once: five always, more up to the definition's share, or if a person agrees.

The fuse holds withdrawals and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from infra.redcap_simulator import classic
from lambdas import sync_redcap
from lambdas.sources.state import SourceState, SyncReport
from lambdas.sync.status import SourceStatus, reason_of, status_of
from tests.rigs.builders import an_event
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data, classic_definition

CONSENT = {"field": "family_id", "values": ["YES"], "reason": "no consent"}


def source_of(stack: Stack, scans: int, **changes: Any) -> Rig:
    """Return a source of so many participants with one scan each, synced."""
    rig = stack.fresh(classic(0), classic_data(**{"deletions_seconds": 0, **changes}))
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


def book(rig: Rig, record: str, day: str) -> None:
    rig.simulator.save_form(11, record, "demographics", {"last_name": "Doe"})
    rig.simulator.save_form(11, record, "mri", {"mri_date": day}, instance=1)


def confirm(rig: Rig) -> None:
    message = {"source_id": "classic", "confirm_withdrawals": "yes"}
    assert not sync_redcap.handler(sqs_event(message), Context())["batchItemFailures"]


def status(rig: Rig) -> SourceStatus:
    return status_of(rig.sources.find("classic"), time.time())


def reason(rig: Rig) -> str:
    return reason_of(rig.sources.find("classic"), time.time())


def due(rig: Rig) -> None:
    """Let the next sync look at all record ids."""
    rig.remember(rig.state().model_copy(update={"ids_checked_at": 0.0}))


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
def test_of_one_more_none_is_withdrawn_and_all_else_goes_on(
    stack: Stack, scans: int, most: int, going: Callable[[Rig, int], None]
) -> None:
    rig = source_of(stack, scans)
    before = rig.state()
    going(rig, most + 1)
    book(rig, "NEW", "2026-12-02")
    book(rig, f"P{scans - 1:02}", "2026-12-03")
    report = rig.sync()
    assert (report.outcome, report.withdrawn, report.withheld) == ("ok", 0, most + 1)
    items = rig.items()
    assert len(items) == scans + 1
    assert items["NEW", 1].scheduled_start_date == "20261202"
    assert items[f"P{scans - 1:02}", 1].scheduled_start_date == "20261203"
    after = rig.state()
    assert (after.failures, after.paused_until) == (0, 0.0)
    assert before.watermark is not None
    assert after.watermark is not None
    assert after.watermark >= before.watermark


@pytest.mark.parametrize("going", [clear_dates, delete_records])
def test_the_source_needs_attention_until_a_person_confirms(
    stack: Stack, going: Callable[[Rig, int], None]
) -> None:
    rig = source_of(stack, 7)
    going(rig, 6)
    rig.sync()
    assert status(rig) is SourceStatus.UNCONFIRMED
    assert "mwl-cloud sources sync classic --confirm-withdrawals" in reason(rig)
    confirm(rig)
    assert len(rig.items()) == 1
    assert status(rig) is SourceStatus.OK
    assert reason(rig) == ""


@pytest.mark.parametrize("going", [clear_dates, delete_records])
@pytest.mark.parametrize("deletions_seconds", [0, 300])
def test_what_waits_is_not_forgotten_however_far_the_watermark_moves(
    stack: Stack, going: Callable[[Rig, int], None], deletions_seconds: int
) -> None:
    rig = source_of(stack, 7, deletions_seconds=deletions_seconds)
    going(rig, 6)
    due(rig)
    for number in range(3):
        rig.simulator.clock.advance(3600)  # out of what the overlap shows again
        book(rig, f"NEW{number}", "2026-12-02")
        assert rig.sync().withheld == 6
    assert rig.sync().withheld == 6
    assert len(rig.items()) == 10
    confirm(rig)
    assert sorted(record for record, _ in rig.items()) == ["NEW0", "NEW1", "NEW2", "P06"]


def test_when_the_rows_are_back_nobody_has_to_confirm(stack: Stack) -> None:
    rig = source_of(stack, 7)
    clear_dates(rig, 6)
    rig.sync()
    rig.simulator.clock.advance(3600)
    for number in range(6):
        book(rig, f"P{number:02}", "2026-12-01")
    report = rig.sync()
    assert (report.withdrawn, report.withheld) == (0, 0)
    assert status(rig) is SourceStatus.OK
    assert len(rig.items()) == 7


def test_when_enough_rows_are_back_the_others_go_by_themselves(stack: Stack) -> None:
    rig = source_of(stack, 7)
    clear_dates(rig, 6)
    rig.sync()
    rig.simulator.clock.advance(3600)
    book(rig, "P00", "2026-12-01")
    report = rig.sync()
    assert (report.withdrawn, report.withheld) == (5, 0)
    assert sorted(record for record, _ in rig.items()) == ["P00", "P06"]


def test_what_a_few_looks_find_is_counted_together(stack: Stack) -> None:
    """Otherwise five at a time would go beside those that wait."""
    rig = source_of(stack, 12)
    clear_dates(rig, 6)
    rig.sync()
    rig.simulator.clock.advance(3600)
    for number in range(6, 10):
        rig.simulator.save_form(11, f"P{number:02}", "mri", {"mri_date": ""}, instance=1)
    report = rig.sync()
    assert (report.withdrawn, report.withheld) == (0, 10)


def test_a_look_at_everything_has_the_same_fuse(stack: Stack) -> None:
    rig = source_of(stack, 7)
    clear_dates(rig, 6)
    assert look_at_everything(rig).withheld == 6
    assert look_at_everything(rig).withheld == 6
    book(rig, "P00", "2026-12-01")
    report = look_at_everything(rig)
    assert (report.withdrawn, report.withheld) == (5, 0)


def test_a_closed_gate_withdraws_while_others_wait(stack: Stack) -> None:
    rig = source_of(stack, 8)
    rig.register(classic_definition(url=rig.simulator.url, deletions_seconds=0, gates=[CONSENT]))
    for number in range(8):
        rig.simulator.save_form(11, f"P{number:02}", "demographics", {"family_id": "YES"})
    assert rig.sync().withdrawn == 0
    clear_dates(rig, 6)
    rig.simulator.save_form(11, "P07", "demographics", {"family_id": "NO"})
    report = rig.sync()
    assert (report.withdrawn, report.withheld) == (1, 6)
    assert ("P07", 1) not in rig.items()


def test_a_wake_up_brings_its_record_and_forgets_nothing(stack: Stack) -> None:
    rig = source_of(stack, 7)
    clear_dates(rig, 6)
    rig.sync()
    book(rig, "NEW", "2026-12-02")
    sync_redcap.handler(sqs_event({"source_id": "classic", "record": "NEW"}), Context())
    assert ("NEW", 1) in rig.items()
    assert status(rig) is SourceStatus.UNCONFIRMED
    assert rig.sync().withheld == 6


def test_more_than_can_be_remembered_wait_for_a_full_read_that_a_person_confirms(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdas.sources.state.VANISHED_KEPT", 6)
    rig = source_of(stack, 9)
    clear_dates(rig, 7)
    assert rig.sync().withheld == 7
    rig.simulator.clock.advance(3600)
    book(rig, "NEW", "2026-12-02")
    report = rig.sync()
    assert (report.written, report.withdrawn, report.withheld) == (1, 0, 7)
    confirm(rig)
    assert sorted(record for record, _ in rig.items()) == ["NEW", "P07", "P08"]
    assert status(rig) is SourceStatus.OK


def test_the_log_tells_the_alarm(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    rig = source_of(stack, 7)
    clear_dates(rig, 6)
    rig.sync()
    told = [vars(entry)["withheld"] for entry in caplog.records if entry.message == "synced"]
    assert told[-2:] == [0, 6]


def test_a_fuse_that_an_earlier_build_tripped_slows_nothing_any_more(stack: Stack) -> None:
    """It stored a failure and left the watermark where it was."""
    rig = source_of(stack, 7)
    clear_dates(rig, 6)
    old = rig.state().model_dump(mode="json", exclude={"withheld"})
    rig.remember(SourceState.model_validate(old | {"failures": 4}))
    report = rig.sync()
    assert (report.outcome, report.withheld) == ("ok", 6)
    assert rig.state().failures == 0


def test_scans_that_have_begun_are_no_part_of_what_a_share_is_taken_of(stack: Stack) -> None:
    """Of 30 items 6 might go; once 6 are scanned, 24 are left, and of those 5."""
    rig = source_of(stack, 30)
    begun = [item for (record, _), item in rig.items().items() if record >= "P24"]
    for number, item in enumerate(begun, start=1):
        rig.steps.record_event(an_event(item, uid=f"2.25.{number}"), site="main", relay_id="r")
    clear_dates(rig, 6)
    assert rig.sync().withheld == 6
    assert "6 of 24 items" in reason(rig)
