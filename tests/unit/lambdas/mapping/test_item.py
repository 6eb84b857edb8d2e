"""A value that cannot be used costs a scan its place only if none may lack it; one nobody has holds it."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.mapping.record import Mapped, map_record
from lambdas.redcap.row import RedcapRow
from lambdas.sources.file import definition_from
from shared.dicom.optional_attributes import OptionalAttributes
from shared.errors import Rejected
from tests.rigs.console import full_item
from tests.rigs.redcap import classic_data
from tests.unit.lambdas.mapping.test_record import BASE, SCAN

OPTIONAL = {
    "patient_birth_date": "born",
    "patient_sex": {"field": "sex", "values": {"1": "M", "2": "F"}},
    "patient_weight_kg": {"field": "weight", "default": "70"},
    "patient_size_m": {"field": "height", "unit": "cm"},
    "pregnancy_status": "pregnant",
    "medical_alerts": "alerts",
    "allergies": "allergies",
    "referring_physician_name": "referring",
    "study_description": "comment",
    "station_name": "room",
    "performing_physician": "performing",
}
UNUSABLE = [
    ("patient_birth_date", "born", "2014-02-30"),
    ("patient_birth_date", "born", "28.02.2014"),
    ("patient_sex", "sex", "7"),
    ("patient_weight_kg", "weight", "heavy"),
    ("patient_weight_kg", "weight", "180 lb"),
    ("patient_weight_kg", "weight", "-5"),
    ("patient_weight_kg", "weight", "0"),
    ("patient_weight_kg", "weight", "1,234"),
    ("patient_size_m", "height", "1.75 m"),
    ("pregnancy_status", "pregnant", "maybe"),
    ("medical_alerts", "alerts", "two\nlines"),
    ("allergies", "allergies", "x" * 65),
    ("referring_physician_name", "referring", "a^b^c^d^e^f"),
    ("study_description", "comment", "a\\b"),
    ("study_description", "comment", "c" * 300),
    ("station_name", "room", "A ROOM WITH A LONG NAME"),
    ("performing_physician", "performing", "=" * 5),
]


def mapped(required: Any = (), changes: Any = None, **values: Any) -> Mapped:
    data = classic_data()
    fields = {**data["fields"], **OPTIONAL}
    definition = definition_from({**data, "fields": fields, "required": required, **(changes or {})})
    base = RedcapRow("007", "", "", None, BASE)
    return map_record(definition, [base, RedcapRow("007", "", "mri", 1, {**SCAN, **values})])


@pytest.mark.parametrize(("target", "field", "text"), UNUSABLE)
def test_an_optional_value_that_cannot_be_used_is_left_out_and_noted(
    target: str, field: str, text: str
) -> None:
    outcome = mapped(**{field: text})
    assert (len(outcome.items), outcome.rejected, outcome.held) == (1, (), ())
    assert getattr(outcome.items[0], target) in {"", None}
    (note,) = outcome.notes
    assert (note.record, note.instrument, note.instance, note.field) == ("007", "mri", 1, field)
    assert note.reason.startswith(f"{target}: left out: ")
    assert text not in note.reason


@pytest.mark.parametrize(("target", "field", "text"), UNUSABLE)
def test_the_same_value_rejects_the_row_if_the_definition_requires_it(
    target: str, field: str, text: str
) -> None:
    outcome = mapped((target,), **{field: text})
    assert (outcome.items, outcome.notes) == ((), ())
    (refused,) = outcome.rejected
    assert refused.field == field
    assert refused.reason.startswith(f"{target}: ")


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("mri_date", "soon"),
        ("mri_time", "9 am"),
        ("station_name", "A STATION WITH A LONG NAME"),
        ("protocol", "9"),
    ],
)
def test_who_when_and_where_are_always_required(field: str, text: str) -> None:
    outcome = mapped(**{field: text})
    assert outcome.items == ()
    assert [row.field for row in outcome.rejected] == [field]


def test_an_issuer_that_cannot_be_used_rejects_the_row_because_the_id_would_be_anothers() -> None:
    data = classic_data()
    fields = {**data["fields"], "issuer_of_patient_id": "issuer"}
    outcome = mapped(changes={"fields": fields}, issuer="x" * 65)
    assert [row.field for row in outcome.rejected] == ["issuer"]


def test_a_default_stands_in_for_what_is_empty_and_never_for_what_is_wrong() -> None:
    assert mapped(weight="").items[0].patient_weight_kg == "70"
    assert mapped(weight="seventy").items[0].patient_weight_kg == ""


def test_what_is_required_may_not_be_empty_either() -> None:
    (refused,) = mapped(("allergies",)).rejected
    assert (refused.field, refused.reason) == ("allergies", "allergies: is empty")


def test_two_values_that_cannot_be_used_are_both_noted() -> None:
    assert [note.field for note in mapped(weight="x", comment="a\\b").notes] == ["weight", "comment"]


def test_nothing_can_be_required_that_nothing_fills() -> None:
    with pytest.raises(Rejected, match="required: nothing fills protocol_nam; did you mean protocol_name"):
        mapped(("protocol_nam",))


@pytest.mark.parametrize(
    ("values", "changes", "said"),
    [
        ({"weight": "453.1"}, {}, "patient_weight_kg: lies outside 0.5 to 350 kg (limits.weight_kg)"),
        ({"weight": "0.2"}, {}, "patient_weight_kg: lies outside"),
        ({"height": "1.75"}, {}, "patient_size_m: lies outside 0.25 to 2.5 m (limits.size_m)"),
        ({"height": "1,75"}, {}, "patient_size_m: lies outside"),
        ({"height": "1750"}, {}, "patient_size_m: lies outside"),
        ({"born": "2062-02-28"}, {}, "patient_birth_date: lies after the day of the scan"),
        ({"born": "1062-02-28"}, {}, "patient_birth_date: makes an age outside 0 to 120 years"),
        ({"mri_date": "1926-11-23", "born": "2014-02-28"}, {}, "patient_birth_date: lies after"),
        ({"born": "2020-01-01"}, {"limits": {"age_years": [7, 99]}}, "age outside 7 to 99 years"),
        ({"weight": "120"}, {"limits": {"weight_kg": [0.3, 100]}}, "lies outside 0.3 to 100 kg"),
    ],
)
def test_what_nobody_is_holds_the_scan_with_the_reason(
    values: dict[str, str], changes: dict[str, Any], said: str
) -> None:
    outcome = mapped(changes=changes, **values)
    assert (outcome.items, outcome.rejected) == ((), ())
    (held,) = outcome.held
    assert said in held.reason
    assert not any(text in held.reason for text in values.values())
    assert held.field in values


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        ({"weight": "350"}, {}),
        ({"weight": "0.5"}, {}),
        ({"weight": "453.1"}, {"limits": {"weight_kg": [0.5, 500]}}),
        ({"height": "25"}, {}),
        ({"born": "2026-11-23", "mri_date": "2026-11-23"}, {}),
        ({"born": "1906-11-23"}, {}),
        ({"born": "1872-02-28"}, {"limits": {"age_years": [0, 200]}}),
        ({"weight": "", "height": "", "born": ""}, {}),
    ],
)
def test_what_somebody_may_be_holds_nothing(values: dict[str, str], changes: dict[str, Any]) -> None:
    assert len(mapped(changes=changes, **values).items) == 1


@pytest.mark.parametrize("span", [[2, 1], [1, 1], [-1, 5], [0, 5000], [1]])
def test_limits_that_are_none_are_refused(span: list[float]) -> None:
    with pytest.raises(Rejected, match=r"limits\.weight_kg"):
        mapped(changes={"limits": {"weight_kg": span}})


@pytest.mark.parametrize(
    ("field", "typed", "target", "sent"),
    [
        ("referring", "Cu\u200brie, Ma\u00adrie", "referring_physician_name", "Curie^Marie"),
        ("referring", "\ufeffde\u00a0la Cruz", "referring_physician_name", "de la Cruz"),
        ("comment", "pilot\u202e \uff12", "study_description", "pilot 2"),
        ("weight", "7\u200b0,5", "patient_weight_kg", "70.5"),
        ("mri_time", "9:30\u202fAM", "scheduled_start_time", "093000"),
        ("born", "2014-02-28\u200b", "patient_birth_date", "20140228"),
    ],
)
def test_what_nobody_sees_is_put_right_and_noted(field: str, typed: str, target: str, sent: str) -> None:
    outcome = mapped(**{field: typed})
    assert getattr(outcome.items[0], target) == sent
    (note,) = outcome.notes
    assert note.field == field
    assert note.reason.startswith(f"{target}: put right: it had ")


@pytest.mark.parametrize(
    "typed", ["F\u200b1", "F\ufeff1", "F\u00a01", "F\u00ad1", "F\u202e1", "F\uff11", "F*", "F?"]
)
def test_an_identifier_is_never_put_right(typed: str) -> None:
    fields = {**classic_data()["fields"], "patient_id": "{study_id}-{room}"}
    outcome = mapped(changes={"fields": fields}, room=typed)
    assert outcome.items == ()
    (refused,) = outcome.rejected
    assert refused.reason.startswith("patient_id: an identifier may not contain")
    assert typed not in refused.reason


@pytest.mark.parametrize("target", OptionalAttributes.model_fields)
def test_whatever_consoles_ask_for_can_come_from_redcap(target: str) -> None:
    value = getattr(full_item(), target)
    fields = {**classic_data()["fields"], target: "asked"}
    outcome = mapped(changes={"fields": fields}, asked=value)
    assert [getattr(each, target) for each in outcome.items] == [value]


def test_notes_of_several_lines_are_taken_as_lines() -> None:
    fields = {**classic_data()["fields"], "patient_comments": "notes"}
    outcome = mapped(changes={"fields": fields}, notes="afraid of noise\nbrings \ta friend  ")
    assert outcome.items[0].patient_comments == "afraid of noise\r\nbrings  a friend"


@pytest.mark.parametrize("text", ["x" * 1025, "a\\b", "a\x00b"])
def test_notes_that_no_console_can_show_are_left_out_and_noted(text: str) -> None:
    fields = {**classic_data()["fields"], "patient_comments": "notes"}
    outcome = mapped(changes={"fields": fields}, notes=text)
    assert outcome.items[0].patient_comments == ""
    assert [note.field for note in outcome.notes] == ["notes"]
