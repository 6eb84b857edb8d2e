"""The oracle of the histories: what it says of single rows, each by the rule in docs/sources.md."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from infra.redcap_simulator.project.records import Record, RowKey
from shared.identifiers import accession_number
from tests.fuzz.histories.oracle import Identities, Scan, are_two_people, scans
from tests.fuzz.histories.study import STUDIES, Kind, Variant

PERSON = {"last_name": "Doe", "first_name": "Zoë", "mrn": "M1", "consent": "yes", "youth_dob": "2014-02-28"}
SCAN = {"mri_date": "2026-12-07", "mri_time": "9:30", "mri_wt_lbs": "70,5"}


def only(
    kind: Kind = "classic",
    variant: Variant | None = None,
    dag: str = "montreal",
    changes: dict[str, str] | None = None,
    identities: Identities | None = None,
) -> Scan:
    study = STUDIES[kind]
    values = {**PERSON, **SCAN, **(changes or {})}
    person = {name: text for name, text in values.items() if name in PERSON}
    scan = {name: text for name, text in values.items() if name in SCAN}
    instrument, instance = {"classic": ("mri", 2), "longitudinal": ("", 2), "single": ("", 0)}[kind]
    rows = {RowKey(study.person_event): person}
    key = RowKey(study.scan_event, instrument, instance)
    rows[key] = {**rows.get(key, {}), **scan}
    project = study.project(may_log=True)
    project.records.put("R1", Record(rows, dag), datetime(2026, 11, 18, tzinfo=UTC))
    (found,) = scans(project, study, variant or Variant(), identities or Identities()).values()
    return found


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ("classic", ("R1", "", "mri", 2)),
        ("longitudinal", ("R1", "mri_arm_1", "", 2)),
        ("single", ("R1", "", "", 1)),
    ],
)
def test_a_scan_is_known_by_its_row(kind: Kind, place: tuple[str, str, str, int]) -> None:
    assert only(kind).place == place


def test_what_people_type_is_what_the_list_shows() -> None:
    shown = only().fields
    assert (shown["patient_name"], shown["scheduled_start_time"]) == ("Doe^Zoë", "093000")
    assert (shown["patient_weight_kg"], shown["patient_birth_date"]) == ("31.978", "20140228")


@pytest.mark.parametrize("change", [{"mri_date": "soon"}, {"mri_time": "9 am"}, {"mrn": ""}])
def test_what_no_scan_may_lack_rejects_it(change: dict[str, str]) -> None:
    assert only(changes=change).verdict == "rejected"


@pytest.mark.parametrize("change", [{"consent": "no"}, {"consent": ""}, {"mri_wt_lbs": "999"}])
def test_a_gate_and_a_limit_hold_it(change: dict[str, str]) -> None:
    assert only(changes=change).verdict == "held"


def test_without_a_gate_the_consent_does_not_matter() -> None:
    assert only(variant=Variant(gated=False), changes={"consent": "no"}).verdict == "item"


@pytest.mark.parametrize(("dag", "site"), [("montreal", "north"), ("quebec", "south")])
def test_the_group_is_the_site(dag: str, site: str) -> None:
    assert only("longitudinal", dag=dag).site == site


def test_a_group_without_a_site_rejects_the_scan() -> None:
    assert only("longitudinal", dag="osaka").verdict == "rejected"


def test_two_people_differ_in_what_both_know() -> None:
    one = {"patient_id": "M1", "patient_name": "Doe^A", "patient_birth_date": "", "patient_sex": "F"}
    assert not are_two_people(one, {**one, "patient_birth_date": "20140228"})
    assert are_two_people(one, {**one, "patient_sex": "M"})
    assert not are_two_people(one, {**one, "patient_sex": "M", "patient_id": "M2"})


OLD, NEW = ("R0", "", "mri", 2), ("R1", "", "mri", 2)


def test_a_row_that_follows_another_name_has_its_item_and_identifiers() -> None:
    identities, before = Identities(), Identities().of(OLD)
    identities.follow(OLD, NEW)
    found = only(identities=identities)
    assert found.item_id == before
    assert found.fields["accession_number"] == accession_number(before)
    assert identities.followed("R1") == {NEW: before}


def test_a_row_that_begins_anew_has_an_item_of_its_own() -> None:
    identities = Identities()
    identities.follow(OLD, NEW)
    identities.begin_anew(NEW)
    assert only(identities=identities).item_id == Identities().of(NEW)
