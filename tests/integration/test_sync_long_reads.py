"""A full read that takes several invocations: it goes on where it stopped, and loses nothing on the way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from infra.redcap_simulator import classic
from infra.redcap_simulator.people import scenarios
from lambdas import sync_redcap
from lambdas.settings import load
from lambdas.sources.file import definition_from
from lambdas.sources.state import SourceState, SyncReport
from tests.rigs.builders import an_event
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data

CONFIRMED = {"source_id": "classic", "confirm_withdrawals": "yes"}


@dataclass(frozen=True)
class Hurried(Context):
    """Lambda's context of a function that is out of time."""

    def get_remaining_time_in_millis(self) -> int:
        return 1000


@pytest.fixture
def rig(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A source of ten records, of which an invocation without time reads four."""
    monkeypatch.setattr("lambdas.sync.record_ranges.RANGE_SIZE", 4)
    rig = stack.fresh(classic(10), classic_data(deletions_seconds=0))
    assert len(rig.project.records.ids()) == 10
    return rig


def hurried(rig: Rig, message: dict[str, str] | None = None) -> SyncReport:
    """Run the handler without time; return what it reports."""
    sync_redcap.handler(sqs_event(message or {"source_id": "classic"}), Hurried())
    report = rig.state().report
    assert report is not None
    return report


def progress_parts(rig: Rig) -> int:
    progress = rig.state().progress
    return len(progress.parts) if progress else -1


def full_again(rig: Rig) -> None:
    """Let the next sync read everything, as once a day."""
    rig.remember(rig.state().model_copy(update={"reconciled_at": 0.0}))


def forget_changes(rig: Rig) -> None:
    """Let the next look at changes see none: what happened so far, only a full read finds."""
    rig.simulator.clock.advance(3600)
    now = rig.simulator.clock()
    rig.remember(rig.state().model_copy(update={"watermark": now}))


def fresh(rig: Rig) -> dict[tuple[str, int], Any]:
    """Return what the table should hold: what a sync with all the time there is makes of it."""
    full_again(rig)
    assert rig.sync().outcome == "ok"
    return rig.items()


def test_a_first_load_goes_on_where_it_stopped_until_all_is_there(rig: Rig) -> None:
    reports = [hurried(rig), hurried(rig), hurried(rig)]
    assert [report.unfinished for report in reports] == [True, True, False]
    assert all((report.outcome, report.full) == ("ok", True) for report in reports)
    items = rig.items()
    assert reports[-1].written == len(items)
    assert rig.state().progress is None
    assert fresh(rig) == items


def test_an_unfinished_read_is_due_at_once_and_a_finished_one_is_not(rig: Rig) -> None:
    hurried(rig)
    assert rig.tick() == (["classic"], [])
    hurried(rig)
    hurried(rig)
    assert rig.tick() == ([], [])


def test_however_slow_redcap_is_no_part_is_begun_that_would_not_end_in_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdas.sync.attempt.RESERVE_SECONDS", 1.0)
    monkeypatch.setattr("lambdas.sync.record_ranges.RANGE_SIZE", 1)
    sync = sync_redcap._wired(load(sync_redcap.SyncSettings))

    def remaining() -> float:
        return 300.0 - 70.0 * rig.simulator.requests.count

    for _ in range(10):
        rig.simulator.requests.clear()
        sync.run("classic", remaining=remaining)
        assert remaining() >= 0
    assert rig.state().progress is None


def test_each_record_is_asked_for_once(rig: Rig) -> None:
    for _ in range(3):
        hurried(rig)
    batches = [request for request in rig.simulator.requests.all() if "records[0]" in request.names]
    assert len(batches) == 3


def test_what_changes_behind_the_reader_is_brought_by_the_next_sync(rig: Rig) -> None:
    hurried(rig)
    day = scenarios.rescheduled(rig.simulator.form_filler, rig.project, "000001")
    hurried(rig)
    hurried(rig)
    rig.sync()
    assert rig.items()["000001", 1].scheduled_start_date == day.replace("-", "")
    assert rig.state().watermark is not None


def test_a_record_created_renamed_or_deleted_behind_the_reader_is_noticed(rig: Rig) -> None:
    hurried(rig)
    hurried(rig)
    rig.simulator.clock.advance(86400)
    rig.simulator.save_form(11, "0000015", "mri", {"mri_date": "2026-12-01"}, instance=1)
    rig.simulator.save_form(11, "0000015", "demographics", {"last_name": "New"})
    rig.simulator.form_filler.rename(rig.project, "000009", "0000025")
    rig.simulator.form_filler.delete(rig.project, "000002")
    while rig.state().progress is not None:
        hurried(rig)
    records = {record for record, _ in rig.items()}
    assert {"0000015", "0000025"} <= records
    assert not {"000002", "000009"} & records


def test_nothing_is_withdrawn_before_everything_was_read(rig: Rig) -> None:
    rig.sync()
    before = rig.items()
    scenarios.cancelled(rig.simulator.form_filler, rig.project, "000001")
    rig.sources.put(definition_from(classic_data(url=rig.simulator.url, overlap_seconds=299)))
    hurried(rig)
    hurried(rig)
    assert rig.items().keys() == before.keys()
    report = hurried(rig)
    assert report.withdrawn == 1
    assert before.keys() - rig.items().keys() == {("000001", 1)}


def test_changes_are_followed_while_a_daily_read_takes_its_time(rig: Rig) -> None:
    rig.sync()
    full_again(rig)
    hurried(rig)
    day = scenarios.rescheduled(rig.simulator.form_filler, rig.project, "000010")
    hurried(rig)
    assert progress_parts(rig) == 2
    assert rig.items()["000010", 1].scheduled_start_date == day.replace("-", "")


def test_a_fault_in_the_middle_keeps_what_was_read(rig: Rig) -> None:
    rig.simulator.add_fault("html_200", content="record", skip=2, times=1)
    report = rig.sync()
    assert report.outcome == "failed"
    assert "not JSON" in report.error
    assert progress_parts(rig) == 1
    rig.simulator.requests.clear()
    report = rig.sync()
    assert (report.outcome, report.unfinished) == ("ok", False)
    assert rig.simulator.requests.contents() == ["record"] * 3  # the ids, and the two parts that were left
    assert report.written == len(rig.items())


def test_a_changed_definition_begins_the_read_anew(rig: Rig) -> None:
    hurried(rig)
    rig.sources.put(definition_from(classic_data(url=rig.simulator.url, overlap_seconds=299)))
    hurried(rig)
    assert progress_parts(rig) == 1
    hurried(rig)
    assert not hurried(rig).unfinished


@pytest.mark.parametrize(("days", "parts"), [(6.9, 2), (7.1, 1)])
def test_a_read_that_began_long_ago_begins_anew(rig: Rig, days: float, parts: int) -> None:
    hurried(rig)
    progress = rig.state().progress
    assert progress is not None
    began = {"began_at": progress.began_at - days * 86_400}
    rig.remember(rig.state().model_copy(update={"progress": progress.model_copy(update=began)}))
    hurried(rig)
    assert progress_parts(rig) == parts


def test_rejects_are_counted_once_however_many_invocations(rig: Rig) -> None:
    for record in ("000001", "000010"):
        rig.simulator.save_form(11, record, "mri", {"mri_time": "9 am"}, instance=1)
    for _ in range(3):
        hurried(rig)
    assert {row.record for row in rig.state().rejected} == {"000001", "000010"}
    assert rig.state().rejected_count == 2


def test_a_bulk_change_is_read_as_a_whole_which_can_be_gone_on_with(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.sync()
    monkeypatch.setattr("lambdas.sync.attempt.ONE_GO", 5)
    for number in range(1, 8):
        rig.simulator.save_form(11, f"{number:06}", "mri", {"mri_date": "2026-12-03"}, instance=1)
    assert hurried(rig).unfinished
    while rig.state().progress is not None:
        hurried(rig)
    before = rig.items()
    assert fresh(rig) == before


@pytest.mark.parametrize("kept", [1000, 3])
def test_of_too_many_that_vanished_a_long_read_withdraws_none_until_a_person_confirms(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    for module in ("sources.state", "sync.attempt"):
        monkeypatch.setattr(f"lambdas.{module}.VANISHED_KEPT", kept)
    for number in range(20):
        rig.simulator.save_form(11, f"B{number:02}", "mri", {"mri_date": "2026-12-01"}, instance=1)
        rig.simulator.save_form(11, f"B{number:02}", "demographics", {"last_name": "B"})
    rig.sync()
    before = rig.items()
    full_again(rig)
    for number in range(20):
        rig.simulator.save_form(11, f"B{number:02}", "mri", {"mri_date": ""}, instance=1)
    forget_changes(rig)
    while hurried(rig).unfinished:
        pass
    report = hurried(rig)
    assert (report.outcome, report.withheld, rig.state().failures) == ("ok", 20, 0)
    assert rig.items().keys() == before.keys()
    while hurried(rig, CONFIRMED).unfinished:
        pass
    assert not [record for record, _ in rig.items() if record.startswith("B")]


def test_so_few_that_all_might_go_wait_all_the_same_once_some_of_them_are_not_known_any_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("sources.state", "sync.attempt"):
        monkeypatch.setattr(f"lambdas.{module}.VANISHED_KEPT", 3)
    for number in range(5):
        rig.simulator.save_form(11, f"000000{number}", "mri", {"mri_date": "2026-12-01"}, instance=1)
        rig.simulator.save_form(11, f"000000{number}", "demographics", {"last_name": "B"})
    rig.sync()
    before = rig.items()
    for number in range(5):
        rig.simulator.save_form(11, f"000000{number}", "mri", {"mri_date": ""}, instance=1)
    # With another definition everything is read: that, and no look at changes, finds that they are gone.
    rig.sources.put(definition_from(classic_data(url=rig.simulator.url, overlap_seconds=299)))
    assert hurried(rig).unfinished
    while rig.state().progress is not None:
        report = hurried(rig)
    assert (report.withdrawn, report.withheld) == (0, 5)
    assert rig.items().keys() == before.keys()
    while hurried(rig, CONFIRMED).unfinished:
        pass
    assert len(rig.items()) == len(before) - 5


def test_what_vanishes_behind_a_long_read_still_waits_at_its_end(rig: Rig) -> None:
    for number in range(6):
        rig.simulator.save_form(11, f"000000{number}", "mri", {"mri_date": "2026-12-01"}, instance=1)
        rig.simulator.save_form(11, f"000000{number}", "demographics", {"last_name": "B"})
    rig.sync()
    before = rig.items()
    full_again(rig)
    hurried(rig)
    hurried(rig)
    for number in range(6):
        rig.simulator.save_form(11, f"000000{number}", "mri", {"mri_date": ""}, instance=1)
    while rig.state().progress is not None:
        report = hurried(rig)
        assert report.outcome == "ok"
    assert report.withheld == 6
    assert rig.items().keys() == before.keys()
    assert rig.sync().withheld == 6


def test_one_confirmation_serves_one_sync(rig: Rig) -> None:
    rig.sync()
    rig.simulator.form_filler.erase_all(rig.project)
    assert rig.sync().withheld == 10
    sync_redcap.handler(sqs_event(CONFIRMED), Context())
    assert rig.items() == {}
    assert rig.state().failures == 0
    rig.simulator.projects[:] = [classic(10)]
    rig.sync()
    rig.simulator.form_filler.erase_all(rig.project)
    report = rig.sync()
    assert (report.withdrawn, report.withheld) == (0, 10)


def test_scans_that_have_begun_count_for_nothing_in_the_fuse(rig: Rig) -> None:
    rig.sync()
    items = rig.items()
    for number, item in enumerate(items.values()):
        rig.steps.record_event(an_event(item, uid=f"2.25.{number + 1}"), site="main", relay_id="relay-1")
    rig.simulator.form_filler.erase_all(rig.project)
    report = rig.sync()
    assert (report.outcome, report.withdrawn) == ("ok", 0)
    assert rig.items().keys() == items.keys()


def test_half_of_a_records_rows_cancels_nothing(rig: Rig) -> None:
    rig.simulator.save_form(11, "000001", "mri", {"mri_date": "2026-12-05"}, instance=7)
    rig.sync()
    before = rig.items()
    rig.simulator.save_form(11, "000001", "demographics", {"family_id": "F9"})
    rig.simulator.add_fault("truncated", content="record", skip=1, keep=0.7)
    report = rig.sync()
    assert (report.outcome, report.withdrawn) == ("ok", 0)
    assert rig.items() == before


def test_what_is_remembered_fits_a_row_of_dynamodb() -> None:
    state = SourceState.model_validate(
        {
            "progress": {
                "started": "2026-11-23T00:00:00Z",
                "began_at": 1.0,
                "definition": "d" * 64,
                "parts": [{"last": f"{n:010}", "digest": "d" * 16} for n in range(400)],
                "vanished": ["d" * 32] * 1000,
                "forgotten": 10_000,
                "rejected": [{"record": "r" * 20, "field": "f" * 20, "reason": "r" * 80}] * 200,
                "held": [{"record": "r" * 20, "field": "f" * 20, "reason": "r" * 200}] * 200,
            },
            "parts": [{"last": f"{n:010}", "digest": "d" * 16} for n in range(400)],
            "recent": ["d" * 24] * 1000,
            "withheld": {"items": ["d" * 32] * 1000, "count": 1000, "total": 4000},
            "rejected": [{"record": "r" * 20, "field": "f" * 20, "reason": "r" * 80}] * 200,
            "held": [{"record": "r" * 20, "field": "f" * 20, "reason": "r" * 200}] * 200,
        }
    )
    assert len(json.dumps(state.model_dump(mode="json"))) < 400_000
