"""The predecessor's configuration becomes ours, and every key of it is accounted for."""

from __future__ import annotations

import json
import tomllib
from datetime import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.pylantir.deployment_translation import Address
from infra.pylantir.findings import Outcome
from infra.pylantir.project import ProjectDictionary
from infra.pylantir.source_translation import Answers
from infra.pylantir.translation import Translation, translate
from lambdas.mapping.record import map_record
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from shared.errors import Rejected
from shared.scanners.scanner_profile import ScannerProfile
from tests.rigs.pylantir import config, predecessor_project

METADATA: list[dict[str, str]] = [
    {
        "field_name": field.name,
        "form_name": field.form,
        "field_type": field.kind,
        "select_choices_or_calculations": " | ".join(
            f"{code}, {text}" for code, text in field.choices.items()
        ),
    }
    for field in predecessor_project(1).shape.fields
]
KNOWN = Answers(
    url="https://redcap.hospital.org/api/",
    time_zone="America/Edmonton",
    project=ProjectDictionary(METADATA),
)


def translated(text: str, answers: Answers = KNOWN) -> Translation:
    return translate(text, answers, Address())


def definition(text: str, answers: Answers = KNOWN) -> SourceDefinition:
    return translated(text, answers).definitions[0]


def outcome(done: Translation, key: str) -> Outcome:
    return {finding.key: finding.outcome for finding in done.findings}[key]


def leaves(data: Any, path: str = "") -> list[str]:
    """Return the path of every key; objects that are read as one value stand for themselves."""
    if isinstance(data, dict) and not path.endswith("operation_interval"):
        return [
            leaf for key, value in data.items() for leaf in leaves(value, f"{path}.{key}" if path else key)
        ]
    if isinstance(data, list) and data and isinstance(data[0], dict):
        return [leaf for number, each in enumerate(data) for leaf in leaves(each, f"{path}[{number}]")]
    return [path]


def data_sources(*sources: dict[str, Any]) -> str:
    return json.dumps(
        {"allowed_aet": ["PRISMA1"], "data_sources": list(sources), "protocol": {"mapping": "GEHC"}}
    )


REDCAP_SOURCE: dict[str, Any] = {
    "name": "Main REDCap",
    "type": "redcap",
    "enabled": True,
    "sync_interval": 120,
    "operation_interval": {"start_time": [0, 0], "end_time": [23, 59]},
    "config": {"site": "792", "protocol": "BRAIN_MRI_3T", "mwl_days_ahead": 1},
    "field_mapping": {"study_id": "study_id", "demo_sex": "patient_sex", "mri_wt_lbs": "patient_weight_lb"},
}


def test_the_guides_example_becomes_a_definition_that_fits_the_project() -> None:
    done = translated(config())
    assert set(done.files) == {"source-redcap.toml", "relay.toml", "parameters.txt"}
    made = done.definitions[0]
    assert (made.site, made.interval_seconds, made.record_id_field) == ("792", 60, "record_id")
    assert made.rows.instrument == "mri"
    assert made.rows.required == ("mri_instance", "mri_date", "mri_time")
    assert made.joins[0].fields == ("study_id", "family_id", "demo_sex")
    assert made.fields["patient_weight_kg"].unit == "lb"
    assert made.fields["patient_sex"].values == {"1": "M", "2": "F", "3": "O"}
    assert "patient_birth_date" not in made.fields
    assert not [finding for finding in done.findings if "does not fit" in finding.said]


def test_names_and_ids_are_made_as_pylantir_makes_them() -> None:
    person = {"record_id": "7", "study_id": "CPIP-b-0042", "family_id": "792-017", "demo_sex": "2"}
    scan = {"record_id": "7", "mri_instance": "2", "mri_date": "2026-11-23", "mri_time": "09:30"}
    rows = [RedcapRow("7", "", "", None, person), RedcapRow("7", "", "mri", 2, scan)]
    mapped = map_record(definition(config()), rows, ())
    assert mapped.rejected == ()
    (item,) = mapped.items
    assert item.patient_name == "cpip-id-0042^fa-017"
    assert item.patient_id == "sub_0042_ses_2_fam_017_site_792"
    assert (item.protocol_name, item.hisris_coding_designator) == ("BRAIN_MRI_3T", "GEHC")
    assert (item.patient_sex, item.study_description, item.modality) == ("F", "CPIP", "MR")


def test_ids_with_the_decimal_number_of_pandas_are_kept_where_they_are_in_use() -> None:
    answers = Answers(decimal_sessions=True)
    assert "_ses_{session}.0_" in str(definition(config(), answers).fields["patient_id"].template)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("redcap2wl.study_id", Outcome.TAKEN),
        ("redcap2wl.instrument", Outcome.UNNEEDED),
        ("redcap2wl.session_id", Outcome.UNNEEDED),
        ("redcap2wl.youth_dob_y", Outcome.CHANGED),
        ("redcap2wl.t1_date", Outcome.UNNEEDED),
        ("redcap2wl.demo_sex", Outcome.CHANGED),
        ("redcap2wl.mri_wt_lbs", Outcome.CHANGED),
        ("redcap2wl.mri_status", Outcome.CHANGED),
        ("redcap2wl.station_name", Outcome.TAKEN),
        ("site", Outcome.TAKEN),
        ("protocol.792", Outcome.TAKEN),
        ("protocol.793", Outcome.UNNEEDED),
        ("protocol.mapping", Outcome.TAKEN),
        ("operation_interval", Outcome.TAKEN),
        ("api.cors_allowed_origins", Outcome.DECIDE),
        ("api.cors_allow_headers", Outcome.DECIDE),
        ("api.cors_allow_methods", Outcome.UNNEEDED),
        ("db_path", Outcome.UNNEEDED),
    ],
)
def test_what_became_of_each_key_is_said(key: str, expected: Outcome) -> None:
    assert outcome(translated(config()), key) is expected


def test_unknown_keys_are_reported_wherever_they_are() -> None:
    text = config(colour="blue", _comment="x", api={"cors_allowed_origins": [], "port": 1})
    done = translated(text)
    assert outcome(done, "colour") is Outcome.DECIDE
    assert outcome(done, "_comment") is Outcome.UNNEEDED
    assert outcome(done, "api.port") is Outcome.DECIDE


COLUMNS = st.sampled_from(
    [
        "study_id",
        "mri_date",
        "demo_sex",
        "patient_id",
        "patient_name",
        "patient_sex",
        "patient_weight_lb",
        "station_name",
        "modality",
        "scheduled_start_date",
        "study_instance_uid",
        "performed_procedure_step_status",
        "nonsense",
        "youth_dob_y",
    ]
)
NAMES = st.sampled_from(
    ["study_id", "mri_date", "demo_sex", "station_name", "Wrong-Name", "family_id", "mri_wt_lbs"]
)


@pytest.mark.slow
@given(
    mapping=st.dictionaries(NAMES, COLUMNS | st.integers()),
    more=st.dictionaries(st.text(min_size=1, max_size=5), st.integers(), max_size=3),
    new=st.booleans(),
    asked=st.booleans(),
)
def test_no_key_is_dropped_without_a_word(
    mapping: dict[str, Any], more: dict[str, int], new: bool, asked: bool
) -> None:
    if new:
        text = data_sources({**more, **REDCAP_SOURCE, "field_mapping": mapping})
    else:
        text = config(**{**more, "redcap2wl": mapping})
    done = translated(text, KNOWN if asked else Answers())
    said = {finding.key for finding in done.findings}
    assert [leaf for leaf in leaves(json.loads(text)) if leaf not in said] == []


def test_the_operating_window_ends_with_the_minute_named() -> None:
    window = definition(config()).operating_window
    assert window is not None
    assert (window.opens, window.closes) == (time(6, 0), time(20, 31))
    assert definition(config(operation_interval=None)).operating_window is None
    whole = {"start_time": [0, 0], "end_time": [23, 59]}
    assert definition(config(operation_interval=whole)).operating_window is None
    evening = {"start_time": [12, 0], "end_time": [23, 59]}
    until_midnight = definition(config(operation_interval=evening)).operating_window
    assert until_midnight is not None
    assert until_midnight.closes == time(0, 0)


def test_an_interval_in_which_pylantir_never_syncs_must_be_decided() -> None:
    done = translated(config(operation_interval={"start_time": [20, 0], "end_time": [6, 0]}))
    assert outcome(done, "operation_interval") is Outcome.DECIDE


def test_each_allowed_scanner_sees_what_it_saw() -> None:
    relay = tomllib.loads(translated(config()).files["relay.toml"])
    assert relay["relay"]["ae_title"] == "MWL_SERVER"
    scanners = [ScannerProfile.model_validate(each) for each in relay["scanners"]]
    assert [scanner.ae_title for scanner in scanners] == ["PRISMA1", "SKYRA2"]
    assert all("UNASSIGNED" in scanner.stations for scanner in scanners)
    assert not any(scanner.restricted for scanner in scanners)
    assert all("DISCONTINUED" in scanner.statuses for scanner in scanners)


def test_where_anybody_was_let_in_nobody_is() -> None:
    done = translated(config(allowed_aet=[]))
    assert "scanners" not in tomllib.loads(done.files["relay.toml"])
    assert outcome(done, "allowed_aet") is Outcome.DECIDE


def test_a_wildcard_is_no_origin() -> None:
    assert (
        translated(config()).files["parameters.txt"] == 'CorsAllowedOrigins="https://radiology.example.org"\n'
    )
    assert "parameters.txt" not in translated(config(api=None)).files


def test_the_form_of_0_4_gives_a_definition_for_each_redcap_source() -> None:
    calpendo = {"name": "bookings", "type": "calpendo", "enabled": True, "config": {"resources": ["3T"]}}
    other = {**REDCAP_SOURCE, "name": "second", "config": {"site_id": "793", "protocol": {"793": "HEART"}}}
    done = translated(data_sources(REDCAP_SOURCE, other, calpendo))
    assert [made.id for made in done.definitions] == ["main-redcap", "second"]
    first, second = done.definitions
    assert (first.site, first.interval_seconds) == ("792", 120)
    assert first.fields["protocol_name"].constant == "BRAIN_MRI_3T"
    assert first.fields["hisris_coding_designator"].constant == "GEHC"
    assert (second.site, second.fields["protocol_name"].constant) == ("793", "HEART")
    assert outcome(done, "data_sources[2].type") is Outcome.DECIDE
    relay = tomllib.loads(done.files["relay.toml"])
    assert (relay["scanners"][0]["days_back"], relay["scanners"][0]["days_ahead"]) == (0, 1)


def test_a_source_that_is_switched_off_stays_off() -> None:
    off, on = {**REDCAP_SOURCE, "enabled": False}, {**REDCAP_SOURCE, "name": "on"}
    del on["enabled"]
    assert [made.enabled for made in translated(data_sources(off, on)).definitions] == [False, True]


def test_of_two_sites_with_one_protocol_only_our_own_is_taken() -> None:
    done = translated(config(protocol={"792": "BRAIN", "793": "BRAIN"}))
    assert outcome(done, "protocol.792") is Outcome.TAKEN
    assert outcome(done, "protocol.793") is Outcome.UNNEEDED


def test_where_no_fields_are_mapped_it_is_said_that_pylantir_syncs_nothing() -> None:
    assert outcome(translated(config(redcap2wl={})), "(redcap2wl)") is Outcome.DECIDE


def test_an_empty_list_of_sources_leaves_the_older_keys_in_force() -> None:
    assert definition(config(data_sources=[])).site == "792"


def test_a_field_mapped_to_sex_is_taken_instead_of_demo_sex() -> None:
    mapped = definition(config(redcap2wl={"sex_at_birth": "patient_sex"}), Answers())
    assert mapped.fields["patient_sex"].field == "sex_at_birth"
    assert definition(config(redcap2wl={"study_id": "study_id"})).fields["patient_sex"].field == "demo_sex"


def test_where_the_project_could_not_be_asked_it_is_said() -> None:
    done = translated(config(), Answers())
    keys = {finding.key for finding in done.findings if finding.outcome is Outcome.DECIDE}
    assert {"(source.url)", "(source.token)", "(source.time_zone)", "(source.project)"} <= keys
    assert outcome(done, "redcap2wl.demo_sex") is Outcome.DECIDE


def test_a_field_the_project_has_not_is_left_out_and_the_closest_named() -> None:
    mapping = {"station_nam": "station_name", "study_id": "study_id"}
    done = translated(config(redcap2wl=mapping))
    assert "station_name" not in done.definitions[0].fields
    said = {finding.key: finding.said for finding in done.findings}["redcap2wl.station_nam"]
    assert "did you mean station_name" in said


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("{", "configuration"),
        ("[]", "configuration"),
        (config(allowed_aet="PRISMA1"), "allowed_aet"),
        (config(allowed_aet=["MUCH TOO LONG FOR AN AE TITLE"]), "allowed_aet"),
        (config(redcap2wl=[]), "redcap2wl"),
        (config(db_update_interval="soon"), "db_update_interval"),
        (config(operation_interval={"start_time": [25, 0]}), "operation_interval.start_time"),
        (data_sources(REDCAP_SOURCE, REDCAP_SOURCE), "data_sources[1].name"),
        ('{"data_sources": [1]}', "data_sources[0]"),
    ],
)
def test_what_cannot_be_read_is_refused_naming_the_key(text: str, where: str) -> None:
    with pytest.raises(Rejected) as caught:
        translated(text)
    assert where in caught.value.where


def test_a_site_may_look_like_a_template_and_is_none() -> None:
    done = definition(config(site="a{b}", protocol={}))
    assert done.site == "a-b"
    assert str(done.fields["patient_id"].template).endswith("_site_a{{b}}")
