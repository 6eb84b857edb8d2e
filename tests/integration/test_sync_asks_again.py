"""Nothing is withdrawn on one answer's word, however much is to be withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from infra.redcap_simulator import classic
from lambdas import sync_redcap
from lambdas.redcap.project import RedcapProject
from lambdas.redcap.row import RedcapRow
from tests.rigs.lambda_events import Context, sqs_event
from tests.rigs.redcap import Rig, Stack, classic_data

SCANS = 9
CONSENT = {"field": "family_id", "values": ["YES"], "reason": "no consent"}


@pytest.fixture
def rig(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Return a source of nine scans, that asks again for two records at once."""
    monkeypatch.setattr("lambdas.sync.scans.portions.ASKED_AGAIN", 2)
    data = classic_data(deletions_seconds=0, gates=[CONSENT], max_withdrawn_share=1.0)
    rig = stack.fresh(classic(0), data)
    for number in range(SCANS):
        person(rig, number, last_name="Doe", family_id="YES")
        book(rig, number, "2026-12-01")
    rig.sync()
    assert len(rig.items()) == SCANS
    return rig


def person(rig: Rig, number: int, **values: str) -> None:
    rig.simulator.save_form(11, f"P{number}", "demographics", values)


def book(rig: Rig, number: int, day: str) -> None:
    rig.simulator.save_form(11, f"P{number}", "mri", {"mri_date": day}, instance=1)


def without_dates(row: RedcapRow) -> RedcapRow:
    return replace(row, values={**row.values, "mri_date": ""}) if row.instrument else row


def without_consent(row: RedcapRow) -> RedcapRow:
    return row if row.instrument else replace(row, values={**row.values, "family_id": ""})


def without_the_row(row: RedcapRow) -> RedcapRow | None:
    return None if row.instrument else row


LIES: list[Callable[[RedcapRow], RedcapRow | None]] = [without_dates, without_consent, without_the_row]


def lying_once(monkeypatch: pytest.MonkeyPatch, lie: Callable[[RedcapRow], RedcapRow | None]) -> None:
    """Let REDCap answer the first question for each record with less than it has."""
    rows, told = RedcapProject.rows, set[str]()

    def half(self: RedcapProject, records: Collection[str], *rest: Any) -> Iterator[list[RedcapRow]]:
        for batch in rows(self, records, *rest):
            yield [each for row in batch if (each := row if row.record in told else lie(row)) is not None]
            told.update(row.record for row in batch)

    monkeypatch.setattr(RedcapProject, "rows", half)


def everything(rig: Rig) -> None:
    rig.remember(rig.state().model_copy(update={"reconciled_at": 0.0, "watermark": None}))


def confirmed(rig: Rig) -> None:
    message = {"source_id": "classic", "confirm_withdrawals": "yes"}
    assert not sync_redcap.handler(sqs_event(message), Context())["batchItemFailures"]


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("sync", [Rig.sync, confirmed], ids=["usual", "confirmed"])
@pytest.mark.parametrize("whole", [True, False], ids=["everything", "changes"])
def test_what_redcap_has_after_all_stays(
    rig: Rig,
    monkeypatch: pytest.MonkeyPatch,
    lie: Callable[[RedcapRow], RedcapRow | None],
    sync: Callable[[Rig], Any],
    whole: bool,
) -> None:
    before = rig.items()
    if whole:
        everything(rig)
    for number in range(SCANS):
        person(rig, number, first_name="Changed")
    lying_once(monkeypatch, lie)
    sync(rig)
    assert rig.items().keys() == before.keys()


def all_gates_close(rig: Rig) -> None:
    for number in range(SCANS):
        person(rig, number, family_id="NO")


def all_dates_are_cleared(rig: Rig) -> None:
    for number in range(SCANS):
        book(rig, number, "")


@pytest.mark.parametrize("going", [all_gates_close, all_dates_are_cleared])
@pytest.mark.parametrize("whole", [True, False], ids=["everything", "changes"])
def test_what_is_gone_goes_however_much_it_is(rig: Rig, going: Callable[[Rig], None], whole: bool) -> None:
    if whole:
        everything(rig)
    going(rig)
    assert rig.sync().withdrawn == SCANS
    assert rig.items() == {}


def test_a_run_that_is_ended_has_done_some_of_it_and_the_next_does_the_rest(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_gates_close(rig)
    rows, asked = RedcapProject.rows, list[int]()

    class Ended(BaseException):
        pass

    def ended(self: RedcapProject, records: Sequence[str], *rest: Any) -> Iterator[list[RedcapRow]]:
        asked.append(len(records))
        if asked.count(2) == 3:  # the third time that it asks for two again
            raise Ended
        yield from rows(self, records, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(RedcapProject, "rows", ended)
        with pytest.raises(Ended):
            rig.sync()
    left = len(rig.items())
    assert 0 < left < SCANS
    rig.set_run(lease_until=1)
    assert rig.sync().withdrawn == left
