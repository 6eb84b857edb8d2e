"""Which part of an item is which DICOM attribute: PS3.4 Table K.6-1 as a table.

`WORKLIST` maps tags to `Attribute` or `Sequence`. What is listed without a field is known and always empty:
type 2, we have no source for it. What is not listed at all is not supported: the answer is then FF01.
Every sequence holds at most one item, read from the same worklist item.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from pydicom.datadict import dictionary_VR, tag_for_keyword

from shared.worklist_item import WorklistItem

Value = str | int | None
Read = Callable[[WorklistItem], Value]

PRIVATE_DESIGNATOR: Final = "99MWLRELAY"
"""Coding Scheme Designator of codes that name no scheme: 99 marks a private one (PS3.16 section 8.2)."""

_LONGEST_CODE_VALUE: Final = 16  # SH; longer ones travel as Long Code Value (PS3.3 section 8.1, Table 8.8-1)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: how to read it from an item, and how the response must carry it.

    :param read: None if we have no source for it: always empty, and not matched on.
    """

    tag: int
    vr: str
    read: Read | None

    def value(self, item: WorklistItem) -> Value:
        """Return the attribute's value for an item; empty text or None if not known."""
        return self.read(item) if self.read else ""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence of no or one item. ``present`` tells whether it has its item."""

    tag: int
    children: Tree
    present: Callable[[WorklistItem], bool]


Tree = Mapping[int, Attribute | Sequence]


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(keyword)
    return tag


def _tree(*entries: Attribute | Sequence) -> Tree:
    return {entry.tag: entry for entry in entries}


def _known(keyword: str, read: str | Read) -> Attribute:
    tag = _tag(keyword)
    return Attribute(tag, dictionary_VR(tag), attrgetter(read) if isinstance(read, str) else read)


def _unknown(keyword: str) -> Attribute:
    tag = _tag(keyword)
    return Attribute(tag, dictionary_VR(tag), None)


def _empty_sequence(keyword: str, *children: str) -> Sequence:
    return Sequence(_tag(keyword), _tree(*map(_unknown, children)), lambda _: False)


def _short_code(item: WorklistItem) -> str:
    return item.protocol_name if len(item.protocol_name) <= _LONGEST_CODE_VALUE else ""


def _long_code(item: WorklistItem) -> str:
    return item.protocol_name if len(item.protocol_name) > _LONGEST_CODE_VALUE else ""


def _designator(item: WorklistItem) -> str:
    return item.hisris_coding_designator or PRIVATE_DESIGNATOR


def _step_status(item: WorklistItem) -> str:
    return item.performed_procedure_step_status.dicom_status()


CODE_VALUE: Final = _tag("CodeValue")
LONG_CODE_VALUE: Final = _tag("LongCodeValue")
SPECIFIC_CHARACTER_SET: Final = _tag("SpecificCharacterSet")
STEP_SEQUENCE: Final = _tag("ScheduledProcedureStepSequence")
STEP_START_DATE: Final = _tag("ScheduledProcedureStepStartDate")
STEP_START_TIME: Final = _tag("ScheduledProcedureStepStartTime")
STEP_STATUS: Final = _tag("ScheduledProcedureStepStatus")

_CODE_KEYWORDS: Final = ("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning")
_REFERENCE_KEYWORDS: Final = ("ReferencedSOPClassUID", "ReferencedSOPInstanceUID")

_PROTOCOL_CODE: Final = Sequence(
    _tag("ScheduledProtocolCodeSequence"),
    _tree(
        _known("CodeValue", _short_code),
        _known("CodingSchemeDesignator", _designator),
        _known("CodeMeaning", "protocol_name"),
        _known("LongCodeValue", _long_code),
    ),
    lambda item: bool(item.protocol_name),
)

_SCHEDULED_STEP: Final = Sequence(
    STEP_SEQUENCE,
    _tree(
        _known("Modality", "modality"),
        _unknown("RequestedContrastAgent"),
        _known("ScheduledStationAETitle", "scheduled_station_aetitle"),
        _known("ScheduledProcedureStepStartDate", "scheduled_start_date"),
        _known("ScheduledProcedureStepStartTime", "scheduled_start_time"),
        _known("ScheduledPerformingPhysicianName", "performing_physician"),
        _known("ScheduledProcedureStepDescription", "procedure_description"),
        _PROTOCOL_CODE,
        _known("ScheduledProcedureStepID", "scheduled_procedure_step_id"),
        _known("ScheduledStationName", "station_name"),
        _unknown("ScheduledProcedureStepLocation"),
        _unknown("PreMedication"),
        _known("ScheduledProcedureStepStatus", _step_status),
    ),
    lambda _: True,
)

WORKLIST: Final[Tree] = _tree(
    _SCHEDULED_STEP,
    # Requested Procedure
    _known("RequestedProcedureID", "requested_procedure_id"),
    _known(
        "RequestedProcedureDescription", lambda item: item.study_description or item.procedure_description
    ),
    _empty_sequence("RequestedProcedureCodeSequence", *_CODE_KEYWORDS),
    _known("StudyInstanceUID", "study_instance_uid"),
    _empty_sequence("ReferencedStudySequence", *_REFERENCE_KEYWORDS),
    _unknown("RequestedProcedurePriority"),
    _unknown("PatientTransportArrangements"),
    # Imaging Service Request
    _known("AccessionNumber", "accession_number"),
    _unknown("RequestingPhysician"),
    _known("ReferringPhysicianName", "referring_physician_name"),
    # Visit
    _unknown("AdmissionID"),
    _unknown("CurrentPatientLocation"),
    _empty_sequence("ReferencedPatientSequence", *_REFERENCE_KEYWORDS),
    # Patient
    _known("PatientName", "patient_name"),
    _known("PatientID", "patient_id"),
    _known("IssuerOfPatientID", "issuer_of_patient_id"),
    _known("PatientBirthDate", "patient_birth_date"),
    _known("PatientSex", "patient_sex"),
    _known("PatientWeight", "patient_weight_kg"),
    _known("PatientSize", "patient_size_m"),
    _unknown("PatientAddress"),
    _unknown("ConfidentialityConstraintOnPatientDataDescription"),
    _unknown("PatientState"),
    _known("PregnancyStatus", "pregnancy_status"),
    _known("MedicalAlerts", "medical_alerts"),
    _known("Allergies", "allergies"),
    _unknown("SpecialNeeds"),
)
"""Everything a query may ask for, by tag."""
