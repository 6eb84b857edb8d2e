"""Protocols, prepared parts of templates, and whatever else a definition can say, on any REDCap row."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.mapping.record import map_record, scan_from_row
from lambdas.redcap.row import RedcapRow
from lambdas.sources.unshown_rows import HeldRow, RejectedRow
from shared.worklist_item import WorklistItem
from tests.unit.lambdas.mapping.test_record import assert_legal
from tests.unit.lambdas.mapping.test_record_shapes import (
    BY_GROUP,
    CLEARED,
    VALUES,
    only,
    reason,
    scan,
    source,
)

# Protocol codes


PROTOCOLS: dict[str, Any] = {
    "field": "redcap_event_name",
    "transforms": [{"after_last": "_arm_"}],
    "codes": {
        "1": {
            "protocol_name": "CTRL",
            "hisris_coding_designator": "99LAB",
            "procedure_description": "Controls",
        },
        "2": {
            "protocol_name": "PAT",
            "hisris_coding_designator": "99LAB",
            "procedure_description": "Patients",
        },
    },
}


@pytest.mark.parametrize(("event", "code"), [("mri_arm_1", "CTRL"), ("follow_up_arm_2", "PAT")])
def test_the_protocol_follows_the_arm(event: str, code: str) -> None:
    definition = source({"procedure_description": None}, protocol=PROTOCOLS)
    made = only(map_record(definition, [scan(event)]))
    assert (made.protocol_name, made.hisris_coding_designator) == (code, "99LAB")
    assert made.procedure_description in {"Controls", "Patients"}


def test_an_arm_without_a_protocol_rejects_the_row() -> None:
    definition = source({"procedure_description": None}, protocol=PROTOCOLS)
    field, why = reason(map_record(definition, [scan("mri_arm_3")]))
    assert (field, why) == (
        "redcap_event_name",
        "protocol: holds a code that protocol.codes does not list",
    )


@pytest.mark.parametrize(("value", "code"), [("a", "A"), ("z", "ANY"), ("", "ANY")])
def test_a_field_may_choose_the_protocol_and_a_default_takes_the_rest(value: str, code: str) -> None:
    protocol = {
        "field": "kind",
        "codes": {"a": {"protocol_name": "A"}},
        "default": {"protocol_name": "ANY"},
    }
    assert only(map_record(source(protocol=protocol), [scan(kind=value)])).protocol_name == code


def test_without_a_default_an_empty_protocol_field_rejects_the_row() -> None:
    protocol = {"field": "kind", "codes": {"a": {"protocol_name": "A"}}}
    assert reason(map_record(source(protocol=protocol), [scan()])) == ("kind", "protocol: is empty")


# Prepared parts of templates


PARTS: dict[str, Any] = {
    "study": {"field": "study_id", "transforms": [{"after_last": "-"}]},
    "family": {"field": "family_id", "transforms": [{"after_last": "-"}]},
    "ses": {"field": "mri_instance", "default": "1"},
}


def test_the_predecessors_ids_and_names_can_be_written() -> None:
    fields = {
        "patient_id": "sub_{study}_ses_{ses}_fam_{family}_site_792",
        "patient_name": "cpip-id-{study}^fa-{family}",
    }
    scanned = scan(study_id="CPIP-0042", family_id="FAM-17", mri_instance="")
    made = only(map_record(source(fields, parts=PARTS), [scanned]))
    assert made.patient_id == "sub_0042_ses_1_fam_17_site_792"
    assert made.patient_name == "cpip-id-0042^fa-17"


def test_a_brace_can_be_written() -> None:
    made = only(map_record(source({"patient_id": "{{{study}}}"}, parts=PARTS), [scan()]))
    assert made.patient_id == "{007}"


def test_a_part_hides_the_field_of_its_name_in_templates_only() -> None:
    parts = {"study_id": {"field": "study_id", "transforms": [{"zero_pad": 5}]}}
    fields = {"patient_name": "N{study_id}", "patient_id": "study_id"}
    made = only(map_record(source(fields, parts=parts), [scan()]))
    assert (made.patient_name, made.patient_id) == ("N00007", "007")


def test_a_part_that_cannot_be_read_rejects_the_row_naming_its_redcap_field() -> None:
    parts = {"born": {"field": "dob", "transforms": [{"take": "year"}]}}
    definition = source({"patient_id": "{study_id}-{born}"}, parts=parts)
    field, why = reason(map_record(definition, [scan(dob="long ago")]))
    assert field == "dob"
    assert why.startswith("patient_id: to take the year")
    assert "long ago" not in why


def test_an_empty_part_leaves_no_half_identifier_and_names_its_redcap_field() -> None:
    definition = source({"patient_id": "{study}-{family}"}, parts=PARTS)
    assert reason(map_record(definition, [scan()])) == ("study_id, family_id", "patient_id: is empty")


# Whatever REDCap holds


EVERYTHING = source(
    {
        "patient_id": "{study}_{family}",
        "patient_birth_date": {"field": "dob", "transforms": [{"take": "date"}]},
        "patient_sex": {"field": "demo_sex", "values": {"1": "M", "2": "F"}, "otherwise": "O"},
        "patient_weight_kg": {"field": "weight", "transforms": [{"strip_suffix": "kg"}], "unit": "kg"},
        "station_name": {"field": "station", "transforms": [{"case": "upper"}, {"replace": {"é": "\\"}}]},
        "procedure_description": None,
    },
    **BY_GROUP,
    gates=[CLEARED],
    parts=PARTS,
    protocol=PROTOCOLS,
    joins=[{"fields": ["dob"], "pick": "last"}],
)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=70),
    st.sampled_from(
        ["", "1", "2", "oslo_dag", "bergen_dag", "2026-11-23", "2026-11-23 09:30", "70kg", "a-b"]
    ),
)
ROWS = st.lists(
    st.builds(
        RedcapRow,
        record=TEXTS,
        event=st.sampled_from(["", "v_arm_1", "v_arm_2", "v"]),
        instrument=st.sampled_from(["", "safety"]),
        instance=st.none() | st.integers(1, 3),
        values=st.fixed_dictionaries(
            {"redcap_data_access_group": st.sampled_from(["oslo_dag", "bergen_dag", ""])},
            optional=dict.fromkeys(
                [
                    *("study_id", "last_name", "mri_date", "mri_time", "mri_cleared", "family_id"),
                    *("dob", "demo_sex", "weight", "station", "mri_instance"),
                ],
                TEXTS,
            ),
        ).map(lambda values: {**VALUES, "mri_cleared": "1", "family_id": "F", "dob": "2014-01-01", **values}),
    ),
    max_size=4,
)


@pytest.mark.slow
@settings(deadline=None)
@given(rows=ROWS)
def test_every_scan_is_an_item_at_its_own_site_or_held_or_rejected(rows: list[RedcapRow]) -> None:
    outcome = map_record(EVERYTHING, rows, ("UNK",))
    single = [scan_from_row(EVERYTHING, one, rows, ("UNK",)) for one in rows]
    assert len(outcome.items) + len(outcome.held) + len(outcome.rejected) == len(single) - single.count(None)
    groups = {one.values["redcap_data_access_group"] for one in rows} - {""}
    for item in outcome.items:
        assert groups == {f"{item.site}_dag"}
        assert WorklistItem.model_validate_json(item.model_dump_json()) == item
        assert_legal(item)
    for said in (*outcome.held, *outcome.rejected):
        assert isinstance(said, HeldRow | RejectedRow)
        assert said.field
        assert said.reason
    assert map_record(EVERYTHING, rows, ("UNK",)) == outcome
