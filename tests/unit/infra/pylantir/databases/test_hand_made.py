"""An exam of the predecessor's as an item made by hand: what comes along, and what is said of the rest."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from infra.pylantir.databases.hand_made import HandMade, Making, Unusable, hand_made
from infra.pylantir.databases.old_rows import OldItem
from shared.worklist_item import Status

BLANK: dict[str, Any] = {each.name: "" for each in fields(OldItem)} | {"id": 1}
ROW = OldItem(**BLANK | {
    "patient_name": "Doe^Zoë",
    "patient_id": "PHANTOM",
    "study_instance_uid": "1.2.840.10008.3.1.2.3.4.7",
    "scheduled_start_date": "2031-01-20",
    "scheduled_start_time": "14:30",
})  # fmt: skip
SCHEDULED = Making("792", "made", Status.SCHEDULED, is_scan=False, is_redcaps=False, today="20301231")
SCAN = replace(SCHEDULED, status=Status.COMPLETED, is_scan=True)


def made(how: Making = SCHEDULED, /, **changes: str) -> HandMade:
    return hand_made(replace(ROW, **changes), how)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "sent"),
    [("M", "M"), ("f", "F"), ("female", "F"), ("O", "O"), ("", ""), ("2.0", ""), ("x", "")],
)
def test_a_sex_is_one_or_is_said_to_be_none(written: str, sent: str) -> None:
    done = made(patient_sex=written)
    assert (done.item.patient_sex, bool(done.notes)) == (sent, bool(written and not sent))


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("180", "81.647"),
        ("180 lb", "81.647"),
        ("180lbs", "81.647"),
        ("150,5", "68.266"),
        ("82 kg", "82"),
        ("", ""),
    ],
)
def test_a_weight_as_people_type_it_is_read(written: str, sent: str) -> None:
    done = made(patient_weight_lb=written)
    assert (done.item.patient_weight_kg, done.notes) == (sent, ())


@pytest.mark.parametrize("written", ["100", "100.0", "heavy", "9999", "-3", "1,234", "180 st"])
def test_a_weight_that_is_invented_or_none_is_left_out_and_said(written: str) -> None:
    done = made(SCAN, patient_weight_lb=written)
    assert done.item.patient_weight_kg == ""
    assert len(done.notes) == 1
    assert done.notes[0].startswith("patient_weight")
    assert written not in done.notes[0] or written.startswith("100")


def test_a_typed_first_of_january_is_a_birth_date_and_redcaps_is_a_year() -> None:
    assert made(patient_birth_date="19900101").item.patient_birth_date == "19900101"
    done = made(replace(SCAN, is_redcaps=True), patient_birth_date="19900101")
    assert (done.item.patient_birth_date, len(done.notes)) == ("", 1)


@pytest.mark.parametrize("written", ["soon", "19901301", "20400101"])
def test_a_birth_date_that_cannot_be_is_left_out_and_said(written: str) -> None:
    done = made(patient_birth_date=written)
    assert (done.item.patient_birth_date, len(done.notes)) == ("", 1)


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"scheduled_start_date": "-99"}, ("20301231", "143000")),
        ({"scheduled_start_date": ""}, ("20301231", "143000")),
        ({"scheduled_start_time": "noon"}, ("20310120", "000000")),
        ({"scheduled_start_time": ""}, ("20310120", "000000")),
        ({"scheduled_start_time": "8:00"}, ("20310120", "080000")),
    ],
)
def test_a_scan_is_real_whatever_its_schedule_says(change: dict[str, str], shown: tuple[str, str]) -> None:
    done = made(SCAN, **change)
    assert (done.item.scheduled_start_date, done.item.scheduled_start_time) == shown
    assert len(done.notes) == (0 if change == {"scheduled_start_time": "8:00"} else 1)


@pytest.mark.parametrize("uid", ["abc", "", "1.02.3", "1." * 40])
def test_a_scan_without_a_uid_gets_one_of_ours(uid: str) -> None:
    done = made(SCAN, study_instance_uid=uid)
    assert done.item.study_instance_uid.startswith("2.25.")
    assert "study_instance_uid" in done.notes[0]


@pytest.mark.parametrize("change", [{"scheduled_start_date": "-99"}, {"scheduled_start_time": "noon"}])
def test_what_is_only_scheduled_needs_a_day_and_a_time(change: dict[str, str]) -> None:
    with pytest.raises(Unusable, match=next(iter(change))):
        made(SCHEDULED, **change)


@pytest.mark.parametrize("change", [{"modality": "m-r"}, {"scheduled_station_aetitle": "x" * 20}])
def test_a_scan_with_an_illegal_modality_or_station_is_shown_as_pylantirs_own(change: dict[str, str]) -> None:
    assert len(made(SCAN, **change).notes) == 1
    with pytest.raises(Unusable):
        made(SCHEDULED, **change)


def test_an_illegal_optional_text_is_left_out_alone() -> None:
    done = made(station_name="x" * 40, performing_physician="Roe^A")
    assert (done.item.station_name, done.item.performing_physician) == ("", "Roe^A")
    assert done.notes[0].startswith("station_name: left out")


@pytest.mark.parametrize("how", [SCHEDULED, SCAN])
@pytest.mark.parametrize("change", [{"patient_name": ""}, {"patient_id": "x" * 70}])
def test_who_it_is_must_be_known(how: Making, change: dict[str, str]) -> None:
    with pytest.raises(Unusable, match=next(iter(change))):
        made(how, **change)
