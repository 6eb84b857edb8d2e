"""The table of attributes says of each what the standard says, and reads it from the right field."""

from __future__ import annotations

import pytest
from pydicom.datadict import dictionary_VR

from edge_relay.worklist.attributes import (
    PRIVATE_DESIGNATOR,
    STEP_SEQUENCE,
    STEP_STATUS,
    WORKLIST,
    Attribute,
    Sequence,
    attributes,
    tag_of,
)
from shared.dicom.optional_attributes import OptionalAttributes
from shared.worklist_item import Status, WorklistItem
from tests.rigs.builders import an_item

KNOWN = {entry.tag: entry for entry in attributes(WORKLIST) if entry.read is not None and not entry.within}


def read(keyword: str, item: WorklistItem) -> object:
    return KNOWN[tag_of(keyword)].value(item)


def test_a_tag_with_a_source_occurs_once_so_that_it_names_its_column() -> None:
    places = [(entry.within, entry.tag) for entry in attributes(WORKLIST) if entry.read is not None]
    assert len(places) == len(set(places))
    assert {entry.keyword for entry in attributes(WORKLIST) if entry.within} == {
        "CodeValue",
        "CodingSchemeDesignator",
        "CodingSchemeVersion",
        "CodeMeaning",
        "PatientID",
        "IssuerOfPatientID",
        "TypeOfPatientID",
    }


@pytest.mark.parametrize("entry", list(attributes(WORKLIST)), ids=lambda entry: entry.keyword)
def test_every_attribute_has_the_representation_of_the_dictionary(entry: Attribute) -> None:
    assert entry.vr == dictionary_VR(entry.tag)


def value_for(name: str, number: int) -> str:
    """Return a legal value of an optional attribute that no other has."""
    if name == "smoking_status":
        return "UNKNOWN"
    return f"19{number:02}0101" if name.endswith("_date") else f"{number:06}"


def test_every_value_of_an_item_is_some_attributes() -> None:
    """A field that no attribute reads would be typed into REDCap for nothing."""
    plain = an_item(
        study_description="d",
        hisris_coding_designator="G",
        station_name="n",
        protocol_name="C",
        patient_birth_date="20000101",
        **{name: value_for(name, number) for number, name in enumerate(OptionalAttributes.model_fields)},
    )
    values = {entry.value(plain) for entry in attributes(WORKLIST)}
    ours = {"id", "site", "performed_procedure_step_status"}
    unread = {
        name
        for name, value in plain
        if value not in values and name not in ours and not name.startswith("source") and value
    }
    assert unread == set()


def test_the_requested_procedure_is_the_study_or_else_the_step() -> None:
    both = an_item(study_description="Study", procedure_description="Step")
    assert read("RequestedProcedureDescription", both) == "Study"
    bare = an_item(study_description="", procedure_description="Step")
    assert read("RequestedProcedureDescription", bare) == "Step"


@pytest.mark.parametrize(("length", "short", "long"), [(16, True, False), (17, False, True)])
def test_a_code_longer_than_its_attribute_moves_to_the_long_one(length: int, short: bool, long: bool) -> None:
    item = an_item(protocol_name="C" * length)
    assert (bool(read("CodeValue", item)), bool(read("LongCodeValue", item))) == (short, long)


def test_a_code_of_no_scheme_is_of_a_private_one() -> None:
    assert read("CodingSchemeDesignator", an_item()) == PRIVATE_DESIGNATOR
    assert PRIVATE_DESIGNATOR.startswith("99")
    assert read("CodingSchemeDesignator", an_item(hisris_coding_designator="GEHC")) == "GEHC"


def test_a_running_scan_is_started() -> None:
    item = an_item(performed_procedure_step_status=Status.IN_PROGRESS)
    assert KNOWN[STEP_STATUS].value(item) == "STARTED"


def test_measures_are_returned_and_never_matched() -> None:
    unmatched = {entry.keyword for entry in KNOWN.values() if not entry.matched}
    assert unmatched == {"PatientAge", "PatientWeight", "PatientSize", "PregnancyStatus"}


def test_what_only_a_profile_answers_is_matched_and_what_nobody_answers_is_not() -> None:
    tag = tag_of("AdmissionID")
    assert not Attribute(tag, "LO", None).matched
    fixed = Attribute(tag, "LO", None, fixed="A1")
    assert fixed.matched
    assert fixed.value(an_item()) == "A1"


@pytest.mark.parametrize("protocol", ["", "BRAIN"])
def test_a_protocol_sequence_is_there_if_there_is_a_protocol(protocol: str) -> None:
    steps = WORKLIST[STEP_SEQUENCE]
    assert isinstance(steps, Sequence)
    codes = steps.children[tag_of("ScheduledProtocolCodeSequence")]
    assert isinstance(codes, Sequence)
    assert codes.present(an_item(protocol_name=protocol)) is bool(protocol)
    assert steps.present(an_item(protocol_name=protocol))


def test_a_keyword_the_standard_does_not_have_is_no_tag() -> None:
    with pytest.raises(LookupError, match="PatientNam"):
        tag_of("PatientNam")


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        ("19860711", "20261122", "040Y"),
        ("20241122", "20261122", "002Y"),
        ("20241123", "20261122", "023M"),
        ("20261022", "20261122", "001M"),
        ("20261023", "20261122", "030D"),
        ("20261122", "20261122", "000D"),
        ("20040229", "20260228", "021Y"),
        ("20261123", "20261122", ""),
        ("", "20261122", ""),
    ],
)
def test_the_age_is_that_on_the_day_of_the_exam(born: str, day: str, age: str) -> None:
    assert read("PatientAge", an_item(patient_birth_date=born, scheduled_start_date=day)) == age
