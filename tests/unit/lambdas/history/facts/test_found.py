from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.history.facts.found import Present, found
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.store.audit.entry import Subject

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
NAMES = Pseudonyms(b"k" * 32)


def subject(action: Any, before: dict[str, Any], after: dict[str, Any]) -> Subject:
    return Subject(kind="item", id="i", action=action, before=before, after=after)


def parts(*subjects: Subject, gone: bool = False, **fields: Any) -> Any:
    fact = found("north", AT, [Present("i", fields, gone)], {"i": subjects}, NAMES)
    return fact and fact.exams


def test_an_exam_whose_beginning_is_told_is_not_found() -> None:
    assert parts(subject("created", {}, {"modality": "MR"}), modality="MR") is None


def test_an_exam_that_nothing_is_told_of_stood_as_it_stands() -> None:
    [part] = parts(modality="MR", protocol_name="")
    assert (part.action, part.fields) == ("found", {"modality": "MR"})


def test_an_exam_stood_as_before_all_changes() -> None:
    changes = (
        subject("changed", {"modality": "MR"}, {"modality": "CT", "protocol_name": "A"}),
        subject("changed", {"protocol_name": "A"}, {"protocol_name": "B"}),
    )
    [part] = parts(*changes, modality="CT", protocol_name="B", source_event="v1")
    assert part.fields == {"modality": "MR", "source_event": "v1"}


def test_a_tombstone_from_before_is_left_out() -> None:
    assert parts(gone=True, modality="MR") is None
