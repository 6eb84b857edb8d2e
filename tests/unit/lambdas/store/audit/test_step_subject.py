"""What an audit entry says of a procedure step's event."""

from __future__ import annotations

from lambdas.store.audit.step_subject import step_subject
from shared.steps.procedure_step import EventKind, Step
from shared.steps.step_dataset import fold
from tests.rigs.builders import an_event, an_item

ITEM = an_item()
CREATED = an_event(ITEM)
BEGUN = fold(None, CREATED)


def test_a_new_step_is_told_with_its_scanner() -> None:
    assert isinstance(BEGUN, Step)
    subject = step_subject(None, BEGUN, CREATED, None)
    assert (subject.kind, subject.id, subject.action, subject.earlier) == ("step", "2.25.77", "reported", "")
    assert subject.before == {}
    told = {"status": "IN_PROGRESS", "calling_aetitle": "MR1", "event": "N-CREATE", "station_aetitle": "MR1"}
    assert subject.after.items() >= told.items()


def test_a_later_event_tells_what_it_changed() -> None:
    assert isinstance(BEGUN, Step)
    event = an_event(ITEM, kind=EventKind.N_SET, status="COMPLETED")
    ended = fold(BEGUN, event)
    assert isinstance(ended, Step)
    subject = step_subject(BEGUN, ended, event, "20261122/x")
    assert subject.before == {"status": "IN_PROGRESS"}
    assert subject.after.items() >= {"status": "COMPLETED", "event": "N-SET"}.items()
    assert "started_at" not in subject.after
    assert subject.earlier == "20261122/x"
