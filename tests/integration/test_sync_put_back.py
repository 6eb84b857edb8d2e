"""An exam that is to be scanned again, after all, is held against its row: that may be gone by now."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from infra.redcap_simulator import classic
from infra.redcap_simulator.project.records import RowKey
from lambdas.sync.attempt import SyncAttempt
from shared.errors import Unavailable
from shared.worklist_item import WorklistItem
from tests.rigs.redcap import Rig, Stack, classic_data
from tests.rigs.write_back import because, ended, started

PID = 11
FIRST = "000001"
WRONG_ENTRY = because("110514")


@pytest.fixture
def rig(stack: Stack) -> Rig:
    """Two participants, both on the list. Deleted records are looked for seldom, everything is read once."""
    rig = stack.fresh(classic(2), classic_data(deletions_seconds=3600, max_withdrawn_share=1.0))
    assert rig.sync().outcome == "ok"
    return rig


def delete(rig: Rig) -> None:
    rig.simulator.form_filler.delete(rig.project, FIRST)


def call_off(rig: Rig) -> None:
    rig.simulator.save_form(PID, FIRST, "mri", {"mri_date": ""}, instance=1)


def erase(rig: Rig) -> None:
    record = rig.project.records.get(FIRST)
    assert record is not None
    rest = record.copy()
    del rest.rows[RowKey("", "mri", 1)]
    rig.project.records.put(FIRST, rest, rig.simulator.clock())


def scanned_in_error(rig: Rig, item: WorklistItem, lost: Callable[[Rig], None]) -> None:
    started(rig, item)
    lost(rig)
    assert rig.sync().outcome == "ok"
    assert item.id in ids(rig)  # a scan is real
    ended(rig, "DISCONTINUED", **WRONG_ENTRY)


def removed_and_restored(rig: Rig, item: WorklistItem, lost: Callable[[Rig], None]) -> None:
    rig.worklist.remove(item.id)
    lost(rig)
    assert rig.sync().outcome == "ok"
    rig.worklist.restore(item.id)


def fails(*_: object) -> None:
    raise Unavailable("REDCap does not answer")


def ids(rig: Rig) -> set[str]:
    return {item.id for item in rig.items().values()}


PutBack = Callable[[Rig, WorklistItem, Callable[[Rig], None]], None]


@pytest.mark.parametrize("lost", [delete, call_off, erase])
@pytest.mark.parametrize("put_back", [scanned_in_error, removed_and_restored])
def test_an_exam_whose_row_went_meanwhile_is_taken_off_by_the_next_sync(
    rig: Rig,
    put_back: PutBack,
    lost: Callable[[Rig], None],
) -> None:
    item = rig.items()[FIRST, 1]
    put_back(rig, item, lost)
    assert rig.sync().outcome == "ok"
    assert item.id not in ids(rig)
    assert rig.state().put_back == ()


def test_an_exam_whose_row_is_there_stays_on_the_list(rig: Rig) -> None:
    item = rig.items()[FIRST, 1]
    scanned_in_error(rig, item, lambda rig: None)
    assert rig.state().put_back == (FIRST,)
    assert rig.sync().outcome == "ok"
    assert item.id in ids(rig)
    assert rig.state().put_back == ()


def test_it_is_looked_at_once(rig: Rig) -> None:
    scanned_in_error(rig, rig.items()[FIRST, 1], lambda rig: None)
    rig.sync()
    rig.simulator.requests.clear()
    rig.sync()
    asked = len(rig.simulator.requests.all())
    rig.simulator.requests.clear()
    rig.sync()
    assert len(rig.simulator.requests.all()) == asked


def test_a_sync_that_fails_leaves_it_to_the_next(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    item = rig.items()[FIRST, 1]
    scanned_in_error(rig, item, delete)
    with monkeypatch.context() as patched:
        patched.setattr("lambdas.sync.attempt.SyncAttempt._withdraw_vanished", fails)
        assert rig.sync().outcome == "failed"
    assert rig.state().put_back == (FIRST,)
    rig.sync()
    assert item.id not in ids(rig)


def test_what_is_put_back_while_a_sync_runs_is_left_to_the_next(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = rig.items()[FIRST, 1]
    started(rig, item)
    delete(rig)
    rig.sync()
    inner = SyncAttempt.sync

    def meanwhile(self: SyncAttempt) -> object:
        result = inner(self)
        ended(rig, "DISCONTINUED", **WRONG_ENTRY)
        return result

    with monkeypatch.context() as patched:
        patched.setattr(SyncAttempt, "sync", meanwhile)
        assert rig.sync().outcome == "ok"
    assert rig.state().put_back == (FIRST,)
    assert rig.sync().outcome == "ok"
    assert item.id not in ids(rig)


def test_a_report_of_an_exam_whose_source_is_gone_is_recorded(rig: Rig) -> None:
    item = rig.items()[FIRST, 1]
    started(rig, item)
    rig.sources.delete("classic")
    ended(rig, "DISCONTINUED", **WRONG_ENTRY)
    assert rig.sources.all() == []
