"""Events, arms, repeats, groups and gates: every scan is an item at its own site, held back, or rejected."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.mapping.record import Mapped, map_record
from lambdas.redcap.row import RedcapRow
from lambdas.sources.definition import SourceDefinition
from lambdas.sources.file import definition_from
from lambdas.sources.unshown_rows import HeldRow
from shared import identifiers
from shared.worklist_item import WorklistItem

FIELDS: dict[str, Any] = {
    "patient_name": "{last_name}",
    "patient_id": "study_id",
    "modality": {"constant": "MR"},
    "scheduled_station_aetitle": {"constant": "PRISMA1"},
    "scheduled_start_date": "mri_date",
    "scheduled_start_time": {"field": "mri_time", "default": "00:00"},
    "procedure_description": {"constant": "MRI"},
}
BASE: dict[str, Any] = {
    "id": "s",
    "site": "main",
    "url": "https://redcap.example.org/api/",
    "token_secret": "s",
    "record_id_field": "study_id",
    "time_zone": "Europe/Berlin",
    "rows": {"required": ["mri_date"]},
    "fields": FIELDS,
}
VALUES = {"study_id": "007", "last_name": "Zoë", "mri_date": "2026-11-23", "mri_time": "09:30"}


def source(fields: dict[str, Any] | None = None, **changes: Any) -> SourceDefinition:
    wanted = {name: value for name, value in {**FIELDS, **(fields or {})}.items() if value is not None}
    return definition_from({**BASE, **changes, "fields": wanted})


def row(event: str = "", instrument: str = "", instance: int | None = None, **values: str) -> RedcapRow:
    return RedcapRow("007", event, instrument, instance, {"study_id": "007", **values})


def scan(event: str = "", instrument: str = "", instance: int | None = None, **values: str) -> RedcapRow:
    return row(event, instrument, instance, **{**VALUES, **values})


def only(outcome: Mapped) -> WorklistItem:
    assert (len(outcome.items), outcome.rejected, outcome.held) == (1, (), ())
    return outcome.items[0]


def reason(outcome: Mapped) -> tuple[str, str]:
    assert (len(outcome.rejected), outcome.items, outcome.held) == (1, (), ())
    return outcome.rejected[0].field, outcome.rejected[0].reason


# Sites by data access group


BY_GROUP: dict[str, Any] = {"site": "", "sites_by_dag": {"oslo_dag": "oslo", "bergen_dag": "bergen"}}


def grouped(*groups: str) -> Mapped:
    rows = [scan(redcap_data_access_group=groups[0])]
    rows += [row("other", redcap_data_access_group=group) for group in groups[1:]]
    return map_record(source(**BY_GROUP), rows)


def test_a_scan_takes_place_at_its_groups_site() -> None:
    assert only(grouped("oslo_dag")).site == "oslo"
    assert only(grouped("bergen_dag", "bergen_dag", "")).site == "bergen"


def test_the_group_on_another_row_is_the_records() -> None:
    assert only(grouped("", "oslo_dag")).site == "oslo"


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (("",), "in no data access group"),
        (("tromso_dag",), "is not one of sites_by_dag"),
        (("Oslo_dag",), "is not one of sites_by_dag"),
        (("oslo_dag", "bergen_dag"), "several data access groups"),
    ],
)
def test_nobody_is_shown_at_a_site_that_may_not_be_theirs(groups: tuple[str, ...], said: str) -> None:
    field, why = reason(grouped(*groups))
    assert field == "redcap_data_access_group"
    assert said in why


def test_a_group_may_choose_the_station() -> None:
    stations = {"field": "redcap_data_access_group", "values": {"oslo_dag": "PRISMA", "bergen_dag": "SKYRA"}}
    definition = source({"scheduled_station_aetitle": stations}, **BY_GROUP)
    assert definition.wants_data_access_groups()
    made = only(map_record(definition, [scan(redcap_data_access_group="bergen_dag")]))
    assert (made.site, made.scheduled_station_aetitle) == ("bergen", "SKYRA")


def test_a_row_that_is_written_back_never_says_its_group() -> None:
    read = scan("v", redcap_data_access_group="oslo_dag")
    assert set(read.to_flat("study_id")) == {"redcap_event_name", *VALUES}


# Safety gates


CLEARED = {"field": "mri_cleared", "values": ["1"], "reason": "MR safety screening not signed off"}
NOT_PREGNANT = {
    "field": "pregnancy_test",
    "values": ["0"],
    "reason": "No negative pregnancy test",
    "unless": {"field": "demo_sex", "values": ["1"]},
}


@pytest.mark.parametrize("value", ["", "0", "2", "UNK", " "])
def test_a_gate_holds_back_whatever_is_not_known_to_be_right(value: str) -> None:
    outcome = map_record(source(gates=[CLEARED]), [scan(mri_cleared=value)], ("UNK",))
    assert (outcome.items, outcome.rejected) == ((), ())
    assert outcome.held == (
        HeldRow(
            record="007",
            field="mri_cleared",
            reason="MR safety screening not signed off",
            day="20261123",
            site="main",
        ),
    )


def test_an_open_gate_changes_nothing_about_the_item() -> None:
    gated = map_record(source(gates=[CLEARED]), [scan(mri_cleared="1")])
    assert only(gated) == only(map_record(source(), [scan()]))


def test_every_closed_gate_is_named() -> None:
    outcome = map_record(source(gates=[CLEARED, NOT_PREGNANT]), [scan()])
    assert outcome.held[0].field == "mri_cleared, pregnancy_test"
    assert outcome.held[0].reason == "MR safety screening not signed off; No negative pregnancy test"


@pytest.mark.parametrize(("sex", "items"), [("1", 1), ("2", 0), ("", 0), ("UNK", 0)])
def test_a_gate_is_waived_only_for_those_known_to_be_exempt(sex: str, items: int) -> None:
    outcome = map_record(source(gates=[NOT_PREGNANT]), [scan(demo_sex=sex)], ("UNK",))
    assert len(outcome.items) == items


@pytest.mark.parametrize(("ticked", "items"), [("0", 0), ("1", 1)])
def test_a_checkbox_can_be_a_gate_and_stand_on_another_row(ticked: str, items: int) -> None:
    gate = {"field": "consent___mri", "values": ["1"], "reason": "No consent to MRI"}
    joins = [{"fields": ["consent___mri"], "events": ["enrolment"]}]
    rows = [row("enrolment", consent___mri=ticked), scan("visit")]
    outcome = map_record(source(gates=[gate], joins=joins), rows)
    assert (len(outcome.items), len(outcome.held)) == (items, 1 - items)


def test_a_gate_whose_row_does_not_exist_is_closed() -> None:
    joins = [{"fields": ["mri_cleared"], "events": ["enrolment"]}]
    assert len(map_record(source(gates=[CLEARED], joins=joins), [scan("visit", mri_cleared="1")]).held) == 1


# Which rows are scans, and what they join


def test_a_row_that_a_filter_excludes_is_no_scan() -> None:
    where = [{"field": "booking", "values": ["1", "2"]}, {"field": "withdrawn", "not_values": ["1"]}]
    definition = source(rows={"required": ["mri_date"], "where": where}, joins=[{"fields": ["withdrawn"]}])
    kept = [("2", ""), ("1", "0")]
    dropped = [("3", ""), ("", ""), ("1", "1")]
    for booking, withdrawn in kept + dropped:
        rows = [scan(booking=booking, withdrawn=withdrawn)]
        assert len(map_record(definition, rows).items) == ((booking, withdrawn) in kept)


@pytest.mark.parametrize(
    ("join", "event", "instance", "expected"),
    [
        ({"instrument": "safety"}, "v_arm_1", 2, "one"),
        ({"instrument": "safety", "pick": "last"}, "v_arm_1", 2, "three"),
        ({"instrument": "safety", "pick": "same"}, "v_arm_1", 2, "two"),
        ({"instrument": "safety", "pick": "same"}, "v_arm_1", 4, None),
        ({"instrument": "safety", "pick": "same"}, "v_arm_2", 1, "other arm"),
        ({"instrument": "safety"}, "v_arm_2", 1, "other arm"),
        ({"events": ["e_arm_1", "e_arm_2"]}, "v_arm_1", 1, "enrolled 1"),
        ({"events": ["e_arm_1", "e_arm_2"]}, "v_arm_2", 1, "enrolled 2"),
        ({"events": ["e_arm_2", "e_arm_1"]}, "v_arm_3", 1, "enrolled 2"),
        ({"pick": "same"}, "v_arm_1", 1, "own visit"),
    ],
)
def test_a_join_finds_the_row_it_means(
    join: dict[str, Any], event: str, instance: int, expected: str | None
) -> None:
    rows = [
        row("e_arm_1", last_name="enrolled 1"),
        row("e_arm_2", last_name="enrolled 2"),
        row("v_arm_1", last_name="own visit"),
        row("v_arm_1", "safety", 1, last_name="one"),
        row("v_arm_1", "safety", 3, last_name="three"),
        row("v_arm_1", "safety", 2, last_name="two"),
        row("v_arm_2", "safety", 1, last_name="other arm"),
    ]
    scanned = scan(event, "mri", instance, last_name="not this one")
    definition = source(
        rows={"instrument": "mri", "required": ["mri_date"]}, joins=[{"fields": ["last_name"], **join}]
    )
    outcome = map_record(definition, [*rows, scanned])
    if expected is None:
        assert reason(outcome) == ("last_name", "patient_name: is empty")
    else:
        assert only(outcome).patient_name == expected


def test_in_a_repeating_event_the_same_row_is_the_scans_own_repeat() -> None:
    joins = [{"fields": ["last_name"], "pick": "same"}]
    rows = [scan("v", "", 1, last_name="one"), scan("v", "", 2, last_name="two")]
    made = map_record(source(joins=joins), rows).items
    assert [item.patient_name for item in made] == ["one", "two"]


def test_each_event_and_each_repeat_is_a_scan_of_its_own() -> None:
    rows = [scan("v_arm_1"), scan("v_arm_2"), scan("r", "", 1), scan("r", "", 2), row("r", "", 3)]
    made = map_record(source(), rows).items
    keys = [(item.source_event, item.source_instance) for item in made]
    assert keys == [("v_arm_1", 1), ("v_arm_2", 1), ("r", 1), ("r", 2)]
    assert len({item.id for item in made}) == 4
    expected = identifiers.RowKey("s", "007", "r", "", 2).item_id()
    assert made[3].id == expected == "55653206454254dba60e1d0df3be88b6"


def test_only_the_events_asked_for_have_scans() -> None:
    definition = source(rows={"events": ["v_arm_1"], "required": ["mri_date"]})
    made = map_record(definition, [scan("v_arm_1"), scan("v_arm_2")]).items
    assert [item.source_event for item in made] == ["v_arm_1"]


# Dates and times


@pytest.mark.parametrize("moment", ["2026-03-29 02:30", "2026-10-25 02:30:00", "2026-06-01 23:59"])
def test_times_stay_what_the_wall_clock_says_even_where_it_jumps(moment: str) -> None:
    fields = {"scheduled_start_date": "starts", "scheduled_start_time": "starts"}
    definition = source(fields, rows={"required": ["starts"]})
    made = only(map_record(definition, [scan(starts=moment)]))
    assert made.scheduled_start_date == moment[:10].replace("-", "")
    assert made.scheduled_start_time == moment[11:].replace(":", "").ljust(6, "0")


def test_a_date_without_a_time_is_no_time() -> None:
    definition = source({"scheduled_start_time": {"field": "mri_date", "transforms": [{"take": "time"}]}})
    field, why = reason(map_record(definition, [scan()]))
    assert field == "mri_date"
    assert why.startswith("scheduled_start_time: to take the time")


def test_a_calculated_number_is_used_as_it_is() -> None:
    made = only(map_record(source({"patient_weight_kg": "mri_wt_kg"}), [scan(mri_wt_kg="31.8")]))
    assert made.patient_weight_kg == "31.8"


# What is no scan


def test_half_a_booking_is_no_scan() -> None:
    definition = source(rows={"required": ["mri_date", "mri_time"]})
    assert map_record(definition, [scan(mri_time="")]) == Mapped((), ())
    assert map_record(definition, [scan(mri_date="")]) == Mapped((), ())
    assert only(map_record(definition, [scan()])).scheduled_start_time == "093000"


@pytest.mark.parametrize(("code", "of_project"), [("-9", ()), ("UNK", ("UNK",))])
def test_a_missing_data_code_of_the_definition_or_of_the_project_is_an_empty_field(
    code: str, of_project: tuple[str, ...]
) -> None:
    definition = source(missing_data_codes=["-9"])
    assert map_record(definition, [scan(mri_date=code)], of_project) == Mapped((), ())
