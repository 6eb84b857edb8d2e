"""Two people may not bear one Patient ID at a site; what is not known of one does not differ."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.mapping.patients import Bearer, Patients, in_order, shared_id_reason
from tests.rigs.builders import an_item


def bearer(record: str = "001", **changes: Any) -> Bearer:
    fields = {
        "patient_id": "F1",
        "patient_name": "Ng^Ann",
        "patient_birth_date": "20140228",
        "patient_sex": "F",
    }
    return Bearer.of(an_item(record, **{**fields, **changes}))


@pytest.mark.parametrize(
    ("changes", "differ"),
    [
        ({"patient_name": "Ng^Bo"}, ["name"]),
        ({"patient_birth_date": "20160101"}, ["birth date"]),
        ({"patient_sex": "M"}, ["sex"]),
        ({"patient_name": "Ng^Bo", "patient_sex": "M"}, ["name", "sex"]),
        ({"patient_name": "NG^ann"}, []),
        ({"patient_name": "Ng ^Ann^^"}, []),
        ({"patient_birth_date": "", "patient_sex": ""}, []),
        ({}, []),
    ],
)
def test_people_differ_in_what_is_known_of_both(changes: dict[str, Any], differ: list[str]) -> None:
    assert bearer().differs_from(bearer("002", **changes)) == differ


@pytest.mark.parametrize(
    "changes",
    [{"patient_id": "F2"}, {"issuer_of_patient_id": "LAB"}, {"site": "south"}, {"patient_name": "Ng^Ann"}],
)
def test_another_id_issuer_or_site_is_nobody_else(changes: dict[str, Any]) -> None:
    patients = Patients()
    patients.add(bearer())
    assert patients.another(bearer("002", **{"patient_name": "Ng^Bo", **changes})) is None


def test_somebody_else_under_the_same_id_is_found_until_forgotten() -> None:
    patients = Patients()
    first, second = bearer("001"), bearer("002", patient_name="Ng^Bo")
    patients.add(first)
    assert patients.another(second) == first
    assert patients.forget_record(first.source, first.record) == {first}
    assert (patients.another(second), first.item_id in patients) == (None, False)


def test_an_item_forgotten_by_id_is_forgotten_at_every_site() -> None:
    patients = Patients()
    patients.add(bearer())
    patients.add(bearer(site="south"))
    patients.forget([bearer().item_id])
    assert patients.another(bearer("002", patient_sex="M")) is None
    assert patients.another(bearer("002", patient_sex="M", site="south")) is None


def test_who_was_on_the_list_first_comes_first() -> None:
    one, two, three = (bearer(record) for record in ("001", "002", "003"))
    assert list(in_order([one, two, three], frozenset({three}))) == [three, one, two]


def test_the_reason_names_both_records_and_no_value() -> None:
    said = shared_id_reason(bearer("002", patient_name="Ng^Bo"), bearer("001"))
    assert said.startswith("patient_id: record 002 and record 001 have one Patient ID and differ in name")
    assert "allow_shared_patient_id = true" in said
    assert not any(value in said for value in ("Ng", "Ann", "Bo", "F1"))


def test_the_reason_names_another_source_and_what_was_made_by_hand() -> None:
    later = bearer("002", patient_name="Ng^Bo")
    assert "record 001 of source other" in shared_id_reason(later, bearer("001", source="other"))
    assert "an item made by hand" in shared_id_reason(later, bearer("", source=""))
