"""One scanner's profile, and what the cloud may say in its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.errors import Rejected
from shared.scanners.scanner_profile import (
    ScannerOverride,
    ScannerOverrides,
    ScannerProfile,
    overridden,
    reasons,
)
from shared.worklist_item import OPEN_STATUSES, Status

HOSPITALS = {"addresses", "max_associations"}
KEYWORDS = st.sampled_from(["PatientWeight", "Allergies", "PatientSize", "PregnancyStatus"])
OTHERS = st.sampled_from(["MedicalAlerts", "PatientComments"])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "ignore_ae_title_case": st.booleans(),
    "station_ae_titles": st.lists(st.sampled_from(["MR1", "MR2", "CT 9"]), max_size=3),
    "station_names": st.lists(st.sampled_from(["Basement", "Søndre"]), max_size=2),
    "restrict_to_station": st.booleans(),
    "modalities": st.lists(st.sampled_from(["MR", "CT"]), max_size=2),
    "days_back": st.integers(0, 3650),
    "days_ahead": st.integers(0, 3650),
    "statuses": st.lists(st.sampled_from(sorted(set(Status) - {Status.NO_SHOW})), min_size=1, unique=True),
    "mpps": st.sampled_from(["strict", "lenient"]),
    "charset": st.sampled_from(["ISO_IR 100", "ISO 2022 IR 6\\ISO 2022 IR 87"]),
    "ignore_accents": st.booleans(),
    "combine_date_and_time": st.booleans(),
    "extra_attributes": st.lists(KEYWORDS, max_size=2),
    "suppressed_attributes": st.lists(OTHERS, max_size=2),
    "fixed_values": st.dictionaries(st.just("InstitutionName"), st.sampled_from(["A", "B"])),
    "images_from": st.sampled_from(["PACS", "PACS2"]),
}
OWN: dict[str, st.SearchStrategy[Any]] = {
    **VALUES,
    "addresses": st.lists(st.sampled_from(["10.1.2.3", "10.1.2.0/24", "fd00::/8"]), max_size=2),
    "max_associations": st.integers(1, 1024),
}
PROFILES = st.fixed_dictionaries({"ae_title": st.just("PRISMA1")}, optional=OWN).map(
    ScannerProfile.model_validate
)
OVERRIDES = st.fixed_dictionaries(
    {"ae_title": st.just("PRISMA1")},
    optional={name: st.none() | values for name, values in VALUES.items()},
).map(ScannerOverride.model_validate)


def an_override(**fields: Any) -> ScannerOverride:
    return ScannerOverride.model_validate({"ae_title": "PRISMA1", **fields})


def a_profile(**fields: Any) -> ScannerProfile:
    return ScannerProfile.model_validate({"ae_title": "PRISMA1", **fields})


def test_an_override_may_say_everything_of_a_profile_but_what_is_the_hospitals() -> None:
    assert set(ScannerOverride.model_fields) == set(ScannerProfile.model_fields) - HOSPITALS
    assert set(VALUES) == set(ScannerOverride.model_fields) - {"ae_title"}


@given(PROFILES)
def test_an_override_that_says_nothing_changes_nothing(profile: ScannerProfile) -> None:
    assert overridden(profile, an_override()) == profile


@given(PROFILES, OVERRIDES)
def test_what_is_given_counts_and_the_rest_stays(profile: ScannerProfile, override: ScannerOverride) -> None:
    result = overridden(profile, override)
    usual = ScannerProfile(ae_title="PRISMA1")
    for name in ScannerProfile.model_fields:
        said = getattr(override, name, None)
        expected = getattr(profile if name not in override.given() else usual, name) if said is None else said
        assert getattr(result, name) == (override.ae_title if name == "ae_title" else expected), name
    assert (result.addresses, result.max_associations) == (profile.addresses, profile.max_associations)


@pytest.mark.slow
@given(PROFILES, OVERRIDES, OVERRIDES)
def test_overriding_twice_is_overriding_once_with_both_the_later_winning(
    profile: ScannerProfile, first: ScannerOverride, second: ScannerOverride
) -> None:
    said = first.model_dump(mode="json") | second.model_dump(mode="json")
    both = ScannerOverride.model_validate(said)
    assert overridden(overridden(profile, first), second) == overridden(profile, both)
    assert overridden(overridden(profile, first), first) == overridden(profile, first)


@given(OVERRIDES)
def test_an_override_written_out_and_read_again_says_the_same(override: ScannerOverride) -> None:
    again = ScannerOverride.model_validate_json(override.model_dump_json())
    assert again == override
    assert again.given() == override.given()
    assert again.model_dump_json() == override.model_dump_json()


@given(PROFILES)
def test_a_profile_written_out_and_read_again_is_the_same(profile: ScannerProfile) -> None:
    assert ScannerProfile.model_validate_json(profile.model_dump_json()) == profile


def test_null_is_the_default_whatever_the_file_says() -> None:
    profile = a_profile(days_back=7, restrict_to_station=True, modalities=["MR"], statuses=["COMPLETED"])
    nulls = an_override(days_back=None, restrict_to_station=None, modalities=None, statuses=None)
    assert overridden(profile, nulls) == ScannerProfile(ae_title="PRISMA1")


def test_not_given_and_null_stay_apart_within_a_list_too() -> None:
    text = '{"scanners":[{"ae_title":"PRISMA1","days_back":null}]}'
    assert ScannerOverrides.model_validate_json(text).model_dump_json() == text


def test_statuses_are_written_in_order() -> None:
    written = json.loads(a_profile(statuses=["SCHEDULED", "ARRIVED", "READY"]).model_dump_json())
    assert written["statuses"] == ["ARRIVED", "READY", "SCHEDULED"]


def test_another_scanners_override_is_refused() -> None:
    with pytest.raises(Rejected, match="another scanner"):
        overridden(a_profile(), ScannerOverride(ae_title="VIDA"))


def test_what_contradicts_the_file_is_refused_with_the_field() -> None:
    profile = a_profile(extra_attributes=["Allergies"])
    with pytest.raises(Rejected, match=r"suppressed_attributes: Allergies is in extra_attributes too"):
        overridden(profile, an_override(suppressed_attributes=["Allergies"]))
    assert overridden(profile, an_override(suppressed_attributes=["Allergies"], extra_attributes=None))


@pytest.mark.parametrize("model", [ScannerProfile, ScannerOverride])
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"ae_title": ""}, "ae_title: an AE title must be"),
        ({"station_ae_titles": ["TOO LONG AN AE TITLE"]}, "station_ae_titles[1]: an AE title has 20"),
        ({"station_names": ["x" * 17]}, "station_names[1]: an identifier has 17"),
        ({"modalities": ["m/r"]}, "modalities[1]: a code may"),
        ({"days_back": -1}, "days_back: "),
        ({"days_ahead": 3651}, "days_ahead: "),
        ({"statuses": []}, "statuses: "),
        ({"statuses": ["DONE"]}, "statuses"),
        ({"statuses": ["SCHEDULED", "NO_SHOW"]}, "statuses: NO_SHOW is never shown to scanners"),
        ({"mpps": "strickt"}, "mpps: "),
        ({"charset": "KLINGON"}, "charset: 'KLINGON' is not"),
        ({"extra_attributes": ["PatientWait"]}, "extra_attributes[1]: is not the keyword"),
        ({"suppressed_attributes": [""]}, "suppressed_attributes[1]: is not the keyword"),
        ({"fixed_values": {"Institution": "x"}}, "is not the keyword"),
        ({"fixed_values": {"InstitutionName": "x" * 65}}, "fixed_values.InstitutionName: text has 65"),
        (
            {"suppressed_attributes": ["InstitutionName"], "fixed_values": {"InstitutionName": "x"}},
            "suppressed_attributes: InstitutionName is in fixed_values too",
        ),
        ({"colour": "blue"}, "colour: there is no such setting"),
    ],
)
def test_a_mistake_names_its_field(model: type[BaseModel], fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({"ae_title": "PRISMA1", **fields})
    assert says in reasons(caught.value)


@pytest.mark.parametrize("name", sorted(HOSPITALS))
def test_from_where_and_how_often_a_scanner_calls_is_not_the_clouds_to_say(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        an_override(**{name: None})


def test_a_scanner_is_overridden_once() -> None:
    with pytest.raises(ValidationError) as caught:
        ScannerOverrides.model_validate(
            {"scanners": [{"ae_title": "A"}, {"ae_title": "B"}, {"ae_title": " A"}]}
        )
    assert reasons(caught.value) == "scanners: AE title A is listed twice"


def test_a_network_with_bits_of_a_host_is_refused() -> None:
    with pytest.raises(ValidationError, match="addresses"):
        a_profile(addresses=["10.1.2.3/24"])


def test_a_scanner_with_stations_sees_only_theirs_unless_it_is_said_otherwise() -> None:
    assert not a_profile().restricted
    assert a_profile(station_ae_titles=["MR1"]).restricted
    assert a_profile(station_names=["Basement"]).restricted
    assert not a_profile(station_ae_titles=["MR1"], restrict_to_station=False).restricted
    assert a_profile(restrict_to_station=True).restricted
    assert a_profile(station_ae_titles=["MR1"]).stations == {"PRISMA1", "MR1"}
    assert a_profile().statuses == OPEN_STATUSES
