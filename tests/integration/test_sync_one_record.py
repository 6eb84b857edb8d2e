"""A saved form wakes a sync of its record alone: quick, and never more than a wake-up."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.redcap_simulator import classic
from lambdas import sync_redcap
from lambdas.redcap.project import RedcapProject
from lambdas.redcap.row import RedcapRow
from lambdas.settings import load
from lambdas.sources.file import definition_from
from lambdas.store.plans.timing import Timing
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data


@pytest.fixture
def rig(stack: Stack) -> Rig:
    rig = stack.fresh(classic(5), classic_data())
    rig.sync()
    rig.simulator.clock.advance(3600)
    rig.simulator.requests.clear()
    return rig


def wake_up(rig: Rig, record: str) -> None:
    """Handle the message a Data Entry Trigger leads to."""
    event = sqs_event({"source_id": "classic", "record": record})
    assert sync_redcap.handler(event, Context()) == {"batchItemFailures": []}


def save(rig: Rig, record: str, **values: str) -> None:
    rig.simulator.save_form(11, record, "mri", values, instance=1)


def test_a_saved_form_is_on_the_worklist_with_one_request_and_no_look_at_all_items(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scan(*_: object) -> Any:
        raise AssertionError("items_of_source was called")

    monkeypatch.setattr("lambdas.store.worklist.WorklistStore.items_of_source", scan)
    save(rig, "000001", mri_date="2026-12-24")
    wake_up(rig, "000001")
    assert rig.items()["000001", 1].scheduled_start_date == "20261224"
    assert rig.simulator.requests.contents() == ["record"]


def test_a_new_record_is_brought_too(rig: Rig) -> None:
    rig.simulator.save_form(11, "N1", "demographics", {"last_name": "New"})
    save(rig, "N1", mri_date="2026-12-24")
    wake_up(rig, "N1")
    assert ("N1", 1) in rig.items()


def test_a_date_cleared_withdraws_the_scan_and_no_other(rig: Rig) -> None:
    before = rig.items()
    save(rig, "000002", mri_date="")
    wake_up(rig, "000002")
    assert before.keys() - rig.items().keys() == {("000002", 1)}


@pytest.mark.parametrize("lacking", ["the base row", "the scan's date", "the name"])
def test_nothing_is_withdrawn_on_one_answers_word(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    """REDCap answers with half of the record's rows, or values, and says that all is well; once."""
    before = rig.items()
    rows_of, answers = RedcapProject.rows_of, list[int]()

    def half(self: RedcapProject, record_id: str, fields: Any) -> list[RedcapRow]:
        rows = rows_of(self, record_id, fields)
        answers.append(len(rows))
        if len(answers) > 1:
            return rows
        if lacking == "the base row":
            return [row for row in rows if row.instrument]
        gone = "mri_date" if lacking == "the scan's date" else "last_name"
        return [replace(row, values={**row.values, gone: "", "first_name": ""}) for row in rows]

    monkeypatch.setattr(RedcapProject, "rows_of", half)
    wake_up(rig, "000001")
    assert len(answers) == 2
    assert rig.items() == before
    assert rig.state().rejected == ()


def test_it_never_moves_the_watermark_nor_the_time_of_the_last_sync(rig: Rig) -> None:
    before = rig.state()
    save(rig, "000001", mri_date="2026-12-24")
    wake_up(rig, "000001")
    after = rig.state()
    assert (after.watermark, after.last_run_at, after.report) == (
        before.watermark,
        before.last_run_at,
        before.report,
    )


def test_a_form_put_back_to_what_it_was_is_put_back_here(rig: Rig) -> None:
    save(rig, "000001", mri_date="2026-12-01")
    rig.sync()
    save(rig, "000001", mri_date="2026-12-24")
    wake_up(rig, "000001")
    save(rig, "000001", mri_date="2026-12-01")
    rig.sync()
    assert rig.items()["000001", 1].scheduled_start_date == "20261201"


def test_a_sync_under_way_is_waited_for_and_then_left_to_the_next(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rig.sources.acquire("classic", "another", now=time.time(), seconds=60, noted=False)
    save(rig, "000001", mri_date="2026-12-24")
    wake_up(rig, "000001")
    assert rig.simulator.requests.count == 0
    waits: list[float] = []

    def ends_meanwhile(seconds: float) -> None:
        waits.append(seconds)
        rig.sources.release("classic", "another")

    monkeypatch.setattr(sync_redcap._wired(load(sync_redcap.SyncSettings)), "_sleep", ends_meanwhile)
    wake_up(rig, "000001")
    assert waits == [0.5]
    assert rig.items()["000001", 1].scheduled_start_date == "20261224"


def test_a_wake_up_dropped_while_a_sync_ran_is_seen_by_the_next_sync(rig: Rig) -> None:
    assert rig.sources.acquire("classic", "another", now=time.time(), seconds=60)
    save(rig, "000001", mri_date="2026-12-24")
    wake_up(rig, "000001")
    rig.sources.release("classic", "another")
    rig.sync()
    assert rig.items()["000001", 1].scheduled_start_date == "20261224"


def test_a_wake_up_of_a_source_turned_off_is_not_followed(rig: Rig) -> None:
    rig.sources.put(definition_from(classic_data(url=rig.simulator.url, enabled=False)))
    rig.sync()  # by hand: as far as it is concerned, all is well
    rig.simulator.requests.clear()
    wake_up(rig, "000001")
    assert rig.simulator.requests.count == 0


def test_a_wake_up_outside_the_operating_window_waits_for_it(rig: Rig) -> None:
    now = rig.sources.get("classic").local(datetime.now(UTC))
    window = {
        "opens": (now + timedelta(hours=6)).strftime("%H:%M"),
        "closes": (now + timedelta(hours=7)).strftime("%H:%M"),
    }
    rig.sources.put(definition_from(classic_data(url=rig.simulator.url, operating_window=window)))
    rig.sync()
    rig.simulator.requests.clear()
    save(rig, "000001", mri_date="2026-12-24")
    wake_up(rig, "000001")
    assert rig.simulator.requests.count == 0
    rig.sync()
    assert rig.items()["000001", 1].scheduled_start_date == "20261224"


def test_a_wake_up_is_left_to_the_full_read_that_a_new_definition_needs(rig: Rig) -> None:
    rig.sources.put(definition_from(classic_data(url=rig.simulator.url, missing_data_codes=["7"])))
    wake_up(rig, "000001")
    assert rig.simulator.requests.count == 0


def test_a_wake_up_before_the_first_sync_is_left_to_it(stack: Stack) -> None:
    rig = stack.fresh(classic(5), classic_data())
    wake_up(rig, "000001")
    assert rig.simulator.requests.count == 0


def test_while_redcap_is_in_trouble_no_wake_up_is_followed(rig: Rig) -> None:
    rig.simulator.add_fault("html_200", times=None)
    assert rig.sync().outcome == "failed"
    rig.simulator.faults.clear()
    rig.simulator.requests.clear()
    wake_up(rig, "000001")
    assert rig.simulator.requests.count == 0


def test_a_wake_up_that_fails_is_dropped_and_leaves_the_source_as_it_was(rig: Rig) -> None:
    before = rig.state()
    rig.simulator.add_fault("html_200")
    wake_up(rig, "000001")
    assert rig.state().report == before.report
    assert (rig.state().failures, rig.state().watermark) == (0, before.watermark)


def test_a_ban_met_by_a_wake_up_keeps_everybody_away(rig: Rig) -> None:
    rig.simulator.add_fault("banned")
    wake_up(rig, "000001")
    asked = rig.simulator.requests.count
    event = sqs_event({"source_id": "classic"})
    assert sync_redcap.handler(event, Context())["batchItemFailures"]
    assert rig.simulator.requests.count == asked
    assert rig.tick() == ([], [])


def test_a_reject_is_shown_and_mended_by_wake_ups(rig: Rig) -> None:
    save(rig, "000001", mri_time="9 am")
    wake_up(rig, "000001")
    assert [row.record for row in rig.state().rejected] == ["000001"]
    assert ("000001", 1) not in rig.items()
    save(rig, "000001", mri_time="09:30")
    wake_up(rig, "000001")
    assert rig.state().rejected == ()
    assert ("000001", 1) in rig.items()


def test_a_record_that_does_not_exist_does_nothing(rig: Rig) -> None:
    before = rig.items()
    wake_up(rig, "nobody")
    assert rig.items() == before


def test_no_log_line_names_the_record(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.simulator.add_fault("revoked")
    wake_up(rig, "000001")
    wake_up(rig, "000001")
    logged = " ".join(str(vars(record)) for record in caplog.records if record.name != "uvicorn.error")
    assert "wake-up not followed" in logged
    assert "000001" not in logged


def test_the_item_remembers_when_redcap_announced_the_save(rig: Rig) -> None:
    announced_at = time.time() - 2
    save(rig, "000001", mri_date="2026-12-24")
    message = {"source_id": "classic", "record": "000001", "saved_at": f"{announced_at:.3f}"}
    assert sync_redcap.handler(sqs_event(message), Context()) == {"batchItemFailures": []}
    timing = timing_of(rig, "000001")
    assert timing.saved_exactly
    assert timing.saved_at is not None
    assert timing.saved_at.timestamp() == pytest.approx(announced_at, abs=0.01)
    assert timing.listed_at is not None
    assert timing.listed_at > timing.saved_at


def test_a_row_that_was_rejected_first_is_known_since_then(rig: Rig) -> None:
    save(rig, "000001", mri_date="soon")
    wake_up(rig, "000001")
    (since,) = [row.since for row in rig.sources.state("classic").rejected]
    save(rig, "000001", mri_date="2026-12-24")
    message = {"source_id": "classic", "record": "000001", "saved_at": f"{time.time():.3f}"}
    assert sync_redcap.handler(sqs_event(message), Context()) == {"batchItemFailures": []}
    assert timing_of(rig, "000001").known_at == since


def timing_of(rig: Rig, record: str) -> Timing:
    stored = rig.worklist.find(rig.items()[record, 1].id)
    assert stored is not None
    return stored.timing
