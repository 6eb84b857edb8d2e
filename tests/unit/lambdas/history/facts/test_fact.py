from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.history.facts.fact import FACT, KEPT, EntryFact, ToldFact, entry_fact
from lambdas.history.facts.pseudonyms import Pseudonyms
from lambdas.store.audit.entry import Actor, Entry, Subject
from tests.rigs.builders import an_item

NAMES = Pseudonyms(b"k" * 32)
AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
ITEM = an_item("record-0815", patient_birth_date="19710203", medical_alerts="latex")


def fact_of(*subjects: Subject, chain: str = "site:north", kind: Any = "source") -> Any:
    entry = Entry(
        at=AT, chain=chain, number=7, previous="", site="north", actor=Actor(kind=kind), subjects=subjects
    )
    return entry_fact(entry, "digest", NAMES)


def an_item_subject(action: Any = "created", **fields: Any) -> Subject:
    return Subject(kind="item", id=ITEM.id, action=action, **fields)


def test_an_entry_of_a_site_is_a_fact_even_if_nothing_is_told_of_it() -> None:
    fact = fact_of()
    assert isinstance(fact, EntryFact)
    assert (fact.site, fact.number, fact.at, fact.exams, fact.steps) == ("north", 7, AT, (), ())


def test_an_entry_of_another_chain_is_none() -> None:
    assert fact_of(an_item_subject(), chain="person:ana") is None


def test_no_identifier_is_in_a_fact() -> None:
    fact = fact_of(an_item_subject(after=ITEM.model_dump(mode="json")))
    text = FACT.dump_json(fact).decode()
    hidden = ITEM.patient_name, ITEM.patient_id, "0815", "19710203", "latex", ITEM.id, ITEM.study_instance_uid
    assert [each for each in hidden if each in text] == []


def test_kept_fields_are_told_as_they_are() -> None:
    [part] = fact_of(an_item_subject(after=ITEM.model_dump(mode="json"))).exams
    assert part.fields.keys() <= KEPT
    assert part.fields["protocol_name"] == ""
    assert part.participant == NAMES.participant("study", "record-0815", ITEM.patient_id)


def test_a_change_tells_which_fields_and_who_had_them() -> None:
    subject = an_item_subject(
        "changed", before={"patient_name": "A", "protocol_name": "T1"}, after={"patient_name": "B"}
    )
    [part] = fact_of(subject).exams
    assert part.cleared == ("protocol_name",)
    exam = NAMES.exam(ITEM.id)
    assert part.changed == (
        ("patient_name", NAMES.value(exam, "patient_name", "A"), NAMES.value(exam, "patient_name", "B")),
        ("protocol_name", NAMES.value(exam, "protocol_name", "T1"), ""),
    )


def test_a_new_exam_has_changed_nothing() -> None:
    assert fact_of(an_item_subject(after={"modality": "MR"})).exams[0].changed == ()


def test_a_step_tells_its_exams_by_their_keys() -> None:
    after = {"status": "COMPLETED", "item_ids": ["a", "b"], "calling_aetitle": "MR1"}
    [part] = fact_of(Subject(kind="step", id="2.25.7", action="reported", after=after)).steps
    assert part.subject == NAMES.step("2.25.7")
    assert part.exams == (NAMES.exam("a"), NAMES.exam("b"))
    assert part.fields == {"status": "COMPLETED", "calling_aetitle": "MR1"}


def test_an_entry_that_does_not_name_a_steps_exams_leaves_them() -> None:
    [part] = fact_of(Subject(kind="step", id="2.25.7", action="linked", ids=("a",))).steps
    assert (part.exams, part.linked) == (None, NAMES.exam("a"))


def test_what_redcap_was_told_is_a_fact_of_its_own() -> None:
    told = fact_of(
        Subject(kind="step", id="2.25.7", action="told"), chain="write-back:north", kind="write-back"
    )
    assert isinstance(told, ToldFact)
    assert (told.site, told.step, told.action) == ("north", NAMES.step("2.25.7"), "told")


def test_a_fact_can_be_written_down_and_read_again() -> None:
    fact = fact_of(an_item_subject(after=ITEM.model_dump(mode="json")))
    assert FACT.validate_json(FACT.dump_json(fact)) == fact
