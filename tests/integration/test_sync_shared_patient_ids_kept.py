"""What the worklist still shows keeps its Patient ID, though REDCap has no scan for it any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from infra.redcap_simulator import classic
from infra.redcap_simulator.project.records import RowKey
from lambdas import sync_redcap
from lambdas.sources.file import definition_from
from lambdas.store.worklist import WorklistStore
from shared.worklist_item import WorklistItem
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data
from tests.rigs.write_back import started

PID = 11
FIRST, NEWCOMER, THIRD = "000001", "000009", "000003"


def by_family(**changes: Any) -> dict[str, Any]:
    data = classic_data(**{"deletions_seconds": 0, "max_withdrawn_share": 1.0, **changes})
    return {**data, "fields": {**data["fields"], "patient_id": "family_id"}}


@pytest.fixture
def rig(stack: Stack) -> Rig:
    """Five participants with an id each, all on the list."""
    return synced(stack)


def synced(stack: Stack, **changes: Any) -> Rig:
    rig = stack.fresh(classic(0), by_family(**changes))
    for number in range(1, 6):
        person(rig, f"00000{number}", family_id=f"F{number}", last_name=f"Doe{number}", demo_sex="1")
        rig.simulator.save_form(PID, f"00000{number}", "mri", {"mri_date": "2026-12-01"}, instance=1)
    assert rig.sync().outcome == "ok"
    return rig


def person(rig: Rig, record: str, **values: str) -> None:
    rig.simulator.save_form(PID, record, "demographics", values)


def arrives(rig: Rig, record: str = NEWCOMER) -> None:
    """Somebody else is entered under the first one's Patient ID."""
    person(rig, record, family_id="F1", last_name="Roe", demo_sex="2")
    rig.simulator.save_form(PID, record, "mri", {"mri_date": "2026-12-07"}, instance=1)


def call_off(rig: Rig) -> None:
    rig.simulator.save_form(PID, FIRST, "mri", {"mri_date": ""}, instance=1)


def mistype(rig: Rig) -> None:
    rig.simulator.save_form(PID, FIRST, "mri", {"mri_time": "9 am"}, instance=1)


def erase(rig: Rig, name: str = FIRST) -> None:
    record = rig.project.records.get(name)
    assert record is not None
    rest = record.copy()
    del rest.rows[RowKey("", "mri", 1)]
    rig.project.records.put(name, rest, rig.simulator.clock())


def delete(rig: Rig) -> None:
    rig.simulator.form_filler.delete(rig.project, FIRST)


def wake_up(rig: Rig, record: str) -> None:
    event = sqs_event({"source_id": "classic", "record": record})
    assert not sync_redcap.handler(event, Context())["batchItemFailures"]


def sync(rig: Rig) -> None:
    assert rig.sync().outcome == "ok"


def wake_up_both(rig: Rig) -> None:
    wake_up(rig, FIRST)
    wake_up(rig, NEWCOMER)


def read_everything(rig: Rig) -> None:
    rig.remember(rig.state().model_copy(update={"reconciled_at": 0.0}))
    assert rig.sync().full


def shown(rig: Rig) -> set[str]:
    return {record for record, _ in rig.items()}


def held(rig: Rig) -> set[tuple[str, str]]:
    return {(row.record, row.because_of) for row in rig.state().held}


def restored(rig: Rig, item: WorklistItem) -> None:
    rig.worklist.restore(item.id)


def begun(rig: Rig, item: WorklistItem) -> None:
    started(rig, item)


def renamed(rig: Rig) -> str:
    person(rig, FIRST, last_name="Moe", first_name="Zoë")
    return "Moe^Zoë"


def redefined(rig: Rig) -> str:
    data = by_family(max_withdrawn_share=1.0)
    data["fields"]["procedure_description"] = {"constant": "Knee"}
    rig.sources.put(definition_from({**data, "url": rig.simulator.url}))
    return "Knee"


@pytest.mark.parametrize("lost", [call_off, mistype, erase, delete])
@pytest.mark.parametrize("seen", [sync, wake_up_both, read_everything])
def test_a_scan_that_has_begun_keeps_its_id_without_a_row(
    rig: Rig, lost: Callable[[Rig], None], seen: Callable[[Rig], None]
) -> None:
    started(rig, rig.items()[FIRST, 1])
    lost(rig)
    arrives(rig)
    seen(rig)
    assert (NEWCOMER in shown(rig), FIRST in shown(rig)) == (False, True)
    assert (NEWCOMER, FIRST) in held(rig)


@pytest.mark.parametrize("seen", [sync, read_everything])
def test_a_scan_that_waits_for_a_confirmation_keeps_its_id(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, seen: Callable[[Rig], None]
) -> None:
    monkeypatch.setattr("lambdas.sync.fuse.ALWAYS_WITHDRAWN", 0)
    rig = synced(stack, max_withdrawn_share=0.2)
    for name in (FIRST, "000002", THIRD):
        erase(rig, name)
    arrives(rig)
    seen(rig)
    assert rig.state().withheld is not None
    assert (NEWCOMER in shown(rig), FIRST in shown(rig)) == (False, True)


@pytest.mark.parametrize(
    ("lost", "seen"),
    [(call_off, sync), (call_off, wake_up_both), (mistype, read_everything), (erase, sync), (delete, sync)],
)
def test_a_scan_that_goes_gives_its_id_to_the_newcomer(
    rig: Rig, lost: Callable[[Rig], None], seen: Callable[[Rig], None]
) -> None:
    lost(rig)
    arrives(rig)
    seen(rig)
    assert (NEWCOMER in shown(rig), FIRST in shown(rig), held(rig)) == (True, False, set())


def test_so_it_does_where_too_many_are_held_to_look_at_each_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lambdas.sync.record_intake.LOOKED_AT_AGAIN", 0)
    erase(rig)
    arrives(rig)
    read_everything(rig)
    assert (NEWCOMER in shown(rig), FIRST in shown(rig), held(rig)) == (True, False, set())


def test_half_an_answer_gives_nobodys_id_away(rig: Rig) -> None:
    """The first answer lacks the scan of the record; asked again, REDCap has it."""
    started(rig, rig.items()[FIRST, 1])
    person(rig, FIRST, first_name="Zoë")
    arrives(rig)
    row = rig.project.records.get(FIRST)
    assert row is not None
    erase(rig)
    written = WorklistStore.put_if_changed

    def put(self: WorklistStore, *args: Any, **more: Any) -> Any:
        rig.project.records.put(FIRST, row, rig.simulator.clock())
        return written(self, *args, **more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(WorklistStore, "put_if_changed", put)
        sync(rig)
    sync(rig)
    assert (NEWCOMER in shown(rig), FIRST in shown(rig)) == (False, True)


@pytest.mark.parametrize("seen", [sync, read_everything])
@pytest.mark.parametrize("newcomer", ["000000", NEWCOMER])  # read before the first one, and after
def test_a_begun_scan_whose_new_id_is_another_persons_keeps_the_old_one(
    rig: Rig, seen: Callable[[Rig], None], newcomer: str
) -> None:
    started(rig, rig.items()[FIRST, 1])
    person(rig, FIRST, family_id="F2")
    arrives(rig, newcomer)
    seen(rig)
    assert rig.items()[FIRST, 1].patient_id == "F1"
    assert newcomer not in shown(rig)
    assert held(rig) == {(FIRST, "000002"), (newcomer, FIRST)}


def test_of_a_chain_of_ids_nobody_is_shown_under_an_id_that_is_still_taken(rig: Rig) -> None:
    """The first gets the second's id, who gets the third's, who has begun and keeps it: both wait."""
    started(rig, rig.items()[THIRD, 1])
    person(rig, "000002", family_id="F3")
    person(rig, FIRST, family_id="F2")
    sync(rig)
    people = {item.patient_id: item.patient_name for item in rig.items().values()}
    assert people["F3"].startswith("Doe3")
    assert people.get("F2", "Doe1").startswith("Doe1")  # the second is off the list, so it is free
    assert ("000002", THIRD) in held(rig)


def test_two_who_trade_their_ids_are_both_shown(rig: Rig) -> None:
    person(rig, FIRST, family_id="F2")
    person(rig, "000002", family_id="F1")
    sync(rig)
    assert held(rig) == set()
    assert {item.patient_id for (record, _), item in rig.items().items() if record == FIRST} == {"F2"}


@pytest.mark.parametrize("seen", [sync, wake_up_both, read_everything])
def test_a_scan_that_a_person_removed_keeps_nobody_off(rig: Rig, seen: Callable[[Rig], None]) -> None:
    rig.worklist.remove(rig.items()[FIRST, 1].id)
    arrives(rig)
    person(rig, FIRST, first_name="Zoë")
    seen(rig)
    assert (NEWCOMER in shown(rig), FIRST in shown(rig), held(rig)) == (True, False, set())


@pytest.mark.parametrize("back", [restored, begun])
@pytest.mark.parametrize("change", [renamed, redefined])
def test_what_a_person_removed_comes_back_as_redcap_has_it_by_now(
    rig: Rig, back: Callable[[Rig, WorklistItem], None], change: Callable[[Rig], str]
) -> None:
    item = rig.items()[FIRST, 1]
    rig.worklist.remove(item.id)
    wanted = change(rig)
    sync(rig)
    assert FIRST not in shown(rig)
    back(rig, item)
    after = rig.items()[FIRST, 1]
    assert wanted in {after.patient_name, after.procedure_description}
