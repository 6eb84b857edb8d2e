"""What every server holds, and what every client asks: exams of scanners that each do twenty a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from pydicom.dataset import Dataset

from shared.identifiers import (
    accession_number,
    requested_procedure_id,
    scheduled_procedure_step_id,
    study_instance_uid,
)
from shared.worklist_item import WorklistItem

A_DAY: Final = 20
DAYS: Final = 50
A_SCANNER: Final = A_DAY * DAYS
FIRST_DAY: Final = date(2026, 11, 23)
_NAMES: Final = ("Berg^Anna", "Dahl^Ole", "Hansen^Kari Ann", "Lund^Per", "Moen^Ingrid^Sofie", "Strand^Nils")


def items(count: int) -> Iterator[WorklistItem]:
    """Yield ``count`` items, the same ones every time; each is of another patient."""
    return (item(number) for number in range(count))


def item(number: int) -> WorklistItem:
    """Return one item; the first thousand are the first scanner's, and so on."""
    item_id = f"bench-{number:06}"
    return WorklistItem(
        id=item_id,
        site="bench",
        study_instance_uid=study_instance_uid(item_id),
        accession_number=accession_number(item_id),
        requested_procedure_id=requested_procedure_id(item_id),
        scheduled_procedure_step_id=scheduled_procedure_step_id(item_id),
        patient_name=_NAMES[number % len(_NAMES)],
        patient_id=patient_id(number),
        patient_birth_date=f"{1940 + number % 80}0{1 + number % 9}{1 + number % 28:02}",
        patient_sex="F" if number % 2 else "M",
        patient_weight_kg="61.235",
        referring_physician_name="Vik^Tone",
        study_description="Cohort, second visit",
        modality="MR",
        scheduled_station_aetitle=station(number),
        station_name="Room 4",
        scheduled_start_date=day(number),
        scheduled_start_time=f"{8 + number % A_DAY // 2:02}{number % 2 * 30:02}00",
        performing_physician="Aas^Eva",
        procedure_description="MR brain",
        protocol_name="BRAIN_T1",
    )


def patient_id(number: int) -> str:
    """Return the Patient ID of an item: what a query for one match asks for."""
    return f"B{number:06}"


def station(number: int) -> str:
    """Return the Scheduled Station AE Title of an item."""
    return f"MR{number // A_SCANNER + 1}"


def day(number: int) -> str:
    """Return the start date of an item."""
    return f"{FIRST_DAY + timedelta(days=number % A_SCANNER // A_DAY):%Y%m%d}"


def one(number: int) -> Dataset:
    """Return the query for one item, by Patient ID."""
    return _asked(PatientID=patient_id(number))


def a_day(number: int) -> Dataset:
    """Return the query of a scanner for the day on which an item is booked: twenty match."""
    return _asked(ScheduledStationAETitle=station(number), ScheduledProcedureStepStartDate=day(number))


def everything() -> Dataset:
    """Return the query that all items match."""
    return _asked()


def _asked(**keys: str) -> Dataset:
    """Return a query with the return keys of a usual scanner, in no character set but the default."""
    asked, step, protocol = Dataset(), Dataset(), Dataset()
    for keyword in (
        "AccessionNumber",
        "ReferringPhysicianName",
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "PatientWeight",
        "StudyInstanceUID",
        "RequestedProcedureDescription",
        "RequestedProcedureID",
    ):
        setattr(asked, keyword, "")
    for keyword in (
        "Modality",
        "ScheduledStationAETitle",
        "ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepStartTime",
        "ScheduledPerformingPhysicianName",
        "ScheduledProcedureStepDescription",
        "ScheduledProcedureStepID",
        "ScheduledStationName",
    ):
        setattr(step, keyword, "")
    for keyword in ("CodeValue", "CodingSchemeDesignator", "CodeMeaning"):
        setattr(protocol, keyword, "")
    step.ScheduledProtocolCodeSequence = [protocol]
    asked.ScheduledProcedureStepSequence = [step]
    for keyword, value in keys.items():
        setattr(asked if keyword in asked else step, keyword, value)
    return asked
