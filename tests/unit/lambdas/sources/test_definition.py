"""A source definition is read, and whatever is wrong with it is said naming the key."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import check_against, definition_from, parse_definition
from shared.errors import Rejected
from tests.rigs.redcap import CLASSIC_FILE, classic_data, classic_definition

LONGITUDINAL_FILE = CLASSIC_FILE.with_name("longitudinal.toml")
PERSON = ("study_id", "family_id", "youth_dob", "first_name", "last_name", "demo_sex")
SCAN = (
    *("mri_date", "mri_time", "mri_wt_lbs", "mri_ht_in", "referring_physician", "performing_physician"),
    *("station_name", "protocol", "mri_status", "mri_start", "mri_end", "mri_station"),
    "mri_discontinuation_reason",
)
METADATA = [
    *({"field_name": name, "form_name": "demographics"} for name in PERSON),
    *({"field_name": name, "form_name": "mri"} for name in SCAN),
]


def refusal(**changes: Any) -> str:
    with pytest.raises(Rejected) as refused:
        classic_definition(**changes)
    return str(refused.value)


def with_field(name: str, mapping: object) -> dict[str, Any]:
    return {"fields": {**classic_data()["fields"], name: mapping}}


def gate(**keys: Any) -> dict[str, Any]:
    return {"gates": [keys]}


def protocol(*codes: dict[str, str]) -> dict[str, Any]:
    return {"protocol": {"field": "kind", "codes": {str(n): code for n, code in enumerate(codes, 1)}}}


def test_the_example_is_read_as_toml_and_as_json_alike() -> None:
    text = CLASSIC_FILE.read_text(encoding="utf-8")
    definition = parse_definition(text)
    assert definition == parse_definition(json.dumps(classic_data()))
    assert definition == SourceDefinition.model_validate_json(definition.model_dump_json())


def test_the_example_agrees_with_its_project() -> None:
    check_against(classic_definition(), METADATA)


@pytest.mark.parametrize(
    ("text", "named"),
    [("{", "JSON in line 1"), ("id = ", "TOML"), ('{"a": 1}', "record_id_field")],
)
def test_text_that_is_no_definition_is_refused(text: str, named: str) -> None:
    with pytest.raises(Rejected, match=named):
        parse_definition(text)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"intervall_seconds": 5}, "intervall_seconds: there is no such key; did you mean interval_seconds"),
        ({"rows": {"required": ["mri_date"], "event": "x"}}, "rows.event: there is no such key"),
        ({"rows": {"required": []}}, "rows.required"),
        ({"time_zone": "Mars/Olympus"}, "time_zone: is not a time zone"),
        ({"time_zone": ""}, "time_zone"),
        ({"url": "https://redcap.example.org/"}, "url: must end with /api/"),
        ({"url": "http://redcap.example.org/api/"}, "url: must begin with https://"),
        ({"url": "https://user:pw@redcap.example.org/api/"}, "url: must be the bare address"),
        ({"url": "https://[/api/"}, "url: is not a web address"),
        ({"id": "Über"}, "id"),
        ({"record_id_field": "Study ID"}, "record_id_field: a REDCap field's name"),
        (with_field("patient_nam", "x"), "fields.patient_nam: there is no such worklist field; did you mean"),
        (with_field("accession_number", "x"), "fields.accession_number: there is no such worklist field"),
        (with_field("patient_sex", {"values": {}}), "give exactly one of field, template and constant"),
        (with_field("patient_id", "sub_{study_id"), "closing }"),
        (with_field("patient_id", "{study_id!r}"), "nothing more inside the braces"),
        (with_field("patient_id", "{study_id.real}"), "fields.patient_id: a REDCap field's name"),
        (with_field("patient_weight_kg", {"field": "w", "unit": "in"}), "fields.patient_weight_kg.unit"),
        (with_field("patient_id", {"field": "w", "unit": "kg"}), "takes no unit"),
        ({"joins": [{"fields": ["a", "b"]}, {"fields": ["b"]}]}, "b is taken from two rows"),
        ({"joins": [{"fields": ["mri_date"]}]}, "rows.required: mri_date"),
        ({"write_back": {"status": "mri_date"}}, "write_back: mri_date is also read"),
        ({"write_back": {"start": "told", "end": "told"}}, "write_back: told is the target of two values"),
        ({"write_back": {"statsu": "x"}}, "write_back.statsu: there is no such key; did you mean status"),
        ({"operating_window": {"opens": "6am", "closes": "20:00"}}, "operating_window.opens"),
        ({"scanner_hours": {"all": {"opens": "18:00", "closes": "08:00"}}}, "scanner_hours.all"),
        ({"scanner_hours": {"A" * 17: {"opens": "08:00", "closes": "18:00"}}}, "scanner_hours"),
        ({"site": ""}, "site: give either site or sites_by_dag"),
        ({"sites_by_dag": {"oslo_dag": "oslo"}}, "site: give either site or sites_by_dag"),
        ({"site": "", "sites_by_dag": {"oslo_dag": "Oslo 1"}}, "sites_by_dag.oslo_dag"),
        ({"joins": [{"fields": ["redcap_event_name"]}]}, "joins: redcap_event_name is known of every row"),
        ({"joins": [{"fields": ["a"], "pick": "same", "events": ["e"]}]}, "joins.0: pick"),
        ({"gates": [{"field": "a", "values": ["1"]}]}, "gates.0.reason"),
        (gate(field="a", values=[], reason="x"), "gates.0.values"),
        (gate(field="a", values=[""], reason="x"), "gates.0.values.0"),
        (
            gate(field="a", valeus=["1"], reason="x"),
            "gates.0.valeus: there is no such key; did you mean values",
        ),
        (
            gate(field="a", unless={"feld": "b"}),
            "gates.0.unless.feld: there is no such key; did you mean field",
        ),
        (
            {**gate(field="mri_status", values=["1"], reason="x"), "write_back": {"status": "mri_status"}},
            "write_back: mri_status is also read",
        ),
        ({"write_back": {"status": "redcap_event_name"}}, "write_back: redcap_event_name is also read"),
        (
            {"rows": {"required": ["a"], "where": [{"field": "a"}]}},
            "rows.where.0: give exactly one of values",
        ),
        ({"parts": {"A": "study_id"}}, "parts.A"),
        (with_field("patient_id", {"field": "x", "transforms": [{"zeropad": 3}]}), "transforms.0.zeropad"),
        (
            with_field("patient_id", {"field": "x", "transforms": [{}]}),
            "transforms.0: a step has exactly one",
        ),
        (with_field("patient_id", {"field": "x", "otherwise": "1"}), "fields.patient_id: otherwise is for"),
        (with_field("patient_sex", {"field": "x", "values": {"1": "Male"}}), "fields.patient_sex.values.1"),
        (with_field("modality", {"constant": "M-R"}), "fields.modality.constant: a code may contain only"),
        (with_field("scheduled_start_time", {"field": "x", "default": "noon"}), "time.default: a time must"),
        (
            with_field("patient_weight_kg", {"field": "x", "unit": "g", "default": "a"}),
            "kg.default: a measure",
        ),
        ({"protocol": {"field": "x", "codes": {}}}, "protocol.codes"),
        (protocol({"protocol_name": "A"}), "fields.protocol_name: is also given by protocol"),
        (protocol({"protocol_name": "A" * 65}), "protocol: protocol_name: text has 65 characters"),
        (
            protocol({"protocol_nam": "A"}),
            "protocol.codes.1.protocol_nam: there is no such key; did you mean",
        ),
        (
            protocol({"protocol_name": "A"}, {"protocol_name": "B", "procedure_description": "b"}),
            "protocol: every protocol must give the same keys",
        ),
    ],
)
def test_what_is_wrong_is_said_naming_the_key(changes: dict[str, Any], said: str) -> None:
    message = refusal(**changes)
    assert said in message
    assert message.startswith("source ")


def test_a_field_no_item_can_be_without_is_missed() -> None:
    fields = classic_data()["fields"]
    del fields["patient_id"]
    assert "fields.patient_id: is missing" in refusal(fields=fields)


def test_a_protocol_gives_what_no_item_can_be_without() -> None:
    fields = classic_data()["fields"]
    del fields["procedure_description"], fields["protocol_name"]
    code = {"protocol_name": "A", "procedure_description": "a"}
    assert classic_definition(fields=fields, **protocol(code)).redcap_fields("protocol_name") == ("kind",)


def test_every_field_that_is_read_is_asked_for() -> None:
    definition = classic_definition(
        **gate(field="cleared", values=["1"], reason="x", unless={"field": "sex", "values": ["1"]}),
        rows={"instrument": "mri", "required": ["mri_date"], "where": [{"field": "kept", "values": ["1"]}]},
        parts={"study": {"field": "long_id"}},
        **with_field("patient_id", "{study}-{redcap_event_name}"),
    )
    assert {"cleared", "sex", "kept", "long_id"} <= set(definition.read_fields())
    assert not {"study", "redcap_event_name"} & set(definition.read_fields())
    assert definition.read_fields()[0] == "study_id"


def test_groups_are_asked_for_only_if_they_matter() -> None:
    assert not classic_definition().wants_data_access_groups()
    by_group = classic_definition(site="", sites_by_dag={"oslo_dag": "oslo", "bergen_dag": "bergen"})
    assert by_group.wants_data_access_groups()
    assert by_group.sites() == {"oslo", "bergen"}
    assert classic_definition().sites() == {"main"}
    gated = classic_definition(**gate(field="redcap_data_access_group", values=["a"], reason="x"))
    assert gated.wants_data_access_groups()


def test_a_field_the_project_does_not_have_is_named_with_the_closest_ones() -> None:
    definition = classic_definition(**with_field("patient_birth_date", "yuth_dob"))
    with pytest.raises(Rejected) as refused:
        check_against(definition, METADATA)
    assert "fields.patient_birth_date: the project has no field yuth_dob; did you mean youth_dob" in str(
        refused.value
    )


def test_checkbox_columns_and_form_status_count_as_fields() -> None:
    metadata = [*METADATA, {"field_name": "mri_safety", "form_name": "mri"}]
    rows = {"instrument": "mri", "required": ["mri_date", "mri_safety___1", "mri_complete"]}
    check_against(classic_definition(rows=rows), metadata)


def test_a_field_of_another_form_is_missed_among_the_joins() -> None:
    joins = [{"fields": [name for name in PERSON[1:] if name != "demo_sex"]}]
    with pytest.raises(Rejected, match="patient_sex: demo_sex is on the form demographics, not on mri"):
        check_against(classic_definition(joins=joins), METADATA)


def test_another_record_id_field_is_named() -> None:
    with pytest.raises(Rejected, match="the project's first field is family_id"):
        check_against(classic_definition(), METADATA[1:] + METADATA[:1])


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23T11:00:00+00:00", True),  # Monday 06:00 in New York
        ("2026-11-23T10:59:59+00:00", False),
        ("2026-11-24T00:59:59+00:00", True),  # Monday 19:59:59
        ("2026-11-24T01:00:00+00:00", False),
        ("2026-11-22T15:00:00+00:00", False),  # Sunday
        ("2026-06-22T10:00:00+00:00", True),  # 06:00 in summer time
    ],
)
def test_the_operating_window_is_local_summer_and_winter(moment: str, is_open: bool) -> None:
    window = {"opens": "06:00", "closes": "20:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
    assert classic_definition(operating_window=window).open_at(datetime.fromisoformat(moment)) is is_open


@pytest.mark.parametrize(("hour", "is_open"), [(2, False), (3, True), (9, True), (11, False)])
def test_a_window_may_span_midnight_of_the_day_it_opens_on(hour: int, is_open: bool) -> None:
    window = {"opens": "22:00", "closes": "06:00", "days": ["fri"]}
    definition = classic_definition(operating_window=window)
    saturday = datetime(2026, 11, 21, hour, tzinfo=UTC)  # Friday evening to Saturday morning in New York
    assert definition.open_at(saturday) is is_open


def openings(window: Mapping[str, object], first: datetime, hours: int) -> list[str]:
    """Return when a source in Oslo opens and closes, minute by minute, by the wall clock there."""
    definition = classic_definition(operating_window=window, time_zone="Europe/Oslo")
    changes, was_open = [], False
    for minute in range(hours * 60):
        moment = first + timedelta(minutes=minute)
        if (is_open := definition.open_at(moment)) != was_open:
            changes.append(f"{definition.local(moment):%H:%M%z}")
        was_open = is_open
    return changes


@pytest.mark.parametrize(
    ("opens", "closes", "spring", "autumn"),
    [
        ("02:15", "02:45", ["01:15+0100", "03:45+0200"], ["02:15+0200", "02:45+0100"]),
        ("02:30", "03:15", ["01:30+0100", "03:15+0200"], ["02:30+0200", "03:15+0100"]),
        ("01:30", "02:30", ["01:30+0100", "03:30+0200"], ["01:30+0200", "02:30+0100"]),
        ("06:00", "20:00", ["06:00+0200", "20:00+0200"], ["06:00+0100", "20:00+0100"]),
    ],
)
def test_a_window_opens_once_on_the_days_when_the_clocks_change(
    opens: str, closes: str, spring: list[str], autumn: list[str]
) -> None:
    window = {"opens": opens, "closes": closes}
    assert openings(window, datetime(2026, 3, 28, 23, tzinfo=UTC), 23) == spring
    assert openings(window, datetime(2026, 10, 24, 22, tzinfo=UTC), 25) == autumn


def test_a_window_of_all_day_is_open_all_day_also_when_the_clocks_change() -> None:
    window = {"opens": "02:30", "closes": "02:30"}
    assert len(openings(window, datetime(2026, 3, 27, tzinfo=UTC), 72)) == 1
    assert len(openings(window, datetime(2026, 10, 23, tzinfo=UTC), 72)) == 1


def test_the_hour_that_happens_twice_is_asked_for_twice() -> None:
    definition = classic_definition(server_time_zone="Europe/Berlin")
    since = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 summer time; at 01:00 UTC clocks go back
    assert definition.server_wall_clock(since, datetime(2026, 10, 25, 0, 50, tzinfo=UTC)) == datetime(
        2026, 10, 25, 2, 30
    )
    assert definition.server_wall_clock(since, datetime(2026, 10, 25, 1, 5, tzinfo=UTC)) == datetime(
        2026, 10, 25, 1, 30
    )


def test_the_hour_that_never_happens_loses_nothing() -> None:
    definition = classic_definition(server_time_zone="Europe/Berlin")
    since = datetime(2026, 3, 29, 0, 50, tzinfo=UTC)  # 01:50; at 01:00 UTC clocks go forward
    assert definition.server_wall_clock(since, datetime(2026, 3, 29, 1, 5, tzinfo=UTC)) == datetime(
        2026, 3, 29, 1, 50
    )


def test_a_changed_definition_has_another_digest() -> None:
    assert classic_definition().digest() == classic_definition().digest()
    assert classic_definition().digest() != classic_definition(site="north").digest()


def test_scanner_hours_make_no_item_so_nothing_is_read_again_for_them() -> None:
    hours = {"all": {"opens": "08:00", "closes": "18:00"}}
    assert classic_definition(scanner_hours=hours).digest() == classic_definition().digest()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@settings(deadline=None)
@given(data=st.data(), value=JSON)
def test_nonsense_anywhere_is_refused_and_nothing_worse(data: st.DataObject, value: object) -> None:
    whole = tomllib.loads(LONGITUDINAL_FILE.read_text(encoding="utf-8"))
    replace_somewhere(data, whole, value)
    try:
        definition = definition_from(whole)
    except Rejected:
        return
    assert SourceDefinition.model_validate_json(definition.model_dump_json()) == definition


def replace_somewhere(data: st.DataObject, place: Any, value: object) -> None:
    key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
    inner = place[key]
    if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
        replace_somewhere(data, inner, value)
    else:
        place[key] = value
