"""Which part of an item is which DICOM attribute: PS3.4 Table K.6-1 as a table. Pure.

`WORKLIST` maps tags to `Attribute` or `Sequence`, each with its matching key type (R required, O optional)
and return key type (1, 1C, 2, 2C, 3) as the standard has them. What is listed without a field is known and
always empty: type 2, we have no source for it. What is not listed at all is not supported: the answer is
then FF01. Every sequence holds at most one item, read from the same worklist item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from operator import attrgetter
from typing import Final, Literal

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

from shared.worklist_item import WorklistItem

Value = str | int | None
Read = Callable[[WorklistItem], Value]
Matching = Literal["R", "O"]
Returned = Literal["1", "1C", "2", "2C", "3"]

PRIVATE_DESIGNATOR: Final = "99MWLRELAY"
"""Coding Scheme Designator of codes that name no scheme: 99 marks a private one (PS3.16 section 8.2)."""

_LONGEST_CODE_VALUE: Final = 16  # SH; longer ones travel as Long Code Value (PS3.3 section 8.1, Table 8.8-1)
_MEASURES: Final = frozenset({"AS", "DS", "US"})  # returned, never matched on


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: how to read it from an item, and how the response must carry it.

    :param read: None if we have no source for it: always empty, and not matched on.
    :param matching: R or O, PS3.4 Table K.6-1.
    :param returned: return key type, the same table.
    :param fixed: the value every item has, from a scanner's profile; only where there is no ``read``.
    :param rare: whether most items have none.
    :param within: the sequence it is in, if the tag has another meaning elsewhere; else 0.
    """

    tag: int
    vr: str
    read: Read | None
    matching: Matching = "O"
    returned: Returned = "3"
    fixed: str = ""
    rare: bool = False
    within: int = 0

    @property
    def keyword(self) -> str:
        """The keyword of PS3.6."""
        return keyword_for_tag(self.tag)

    @property
    def matched(self) -> bool:
        """Whether a value in a query selects by it."""
        return (self.read is not None or self.fixed != "") and self.vr not in _MEASURES

    def value(self, item: WorklistItem) -> Value:
        """Return the attribute's value for an item; empty text or None if not known."""
        return self.read(item) if self.read else self.fixed


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence of no or one item. ``present`` tells whether it has its item."""

    tag: int
    children: Tree
    present: Callable[[WorklistItem], bool]
    matching: Matching = "O"
    returned: Returned = "3"

    @property
    def keyword(self) -> str:
        """The keyword of PS3.6."""
        return keyword_for_tag(self.tag)


Tree = Mapping[int, Attribute | Sequence]


def tag_of(keyword: str) -> int:
    """Return the tag of a keyword of PS3.6; raise `LookupError` if there is none."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise LookupError(keyword)
    return tag


def attributes(tree: Tree) -> Iterator[Attribute]:
    """Yield the attributes of a tree, those within sequences too, in the order of the table."""
    for entry in tree.values():
        if isinstance(entry, Sequence):
            yield from attributes(entry.children)
        else:
            yield entry


def _tree(*entries: Attribute | Sequence) -> Tree:
    return {entry.tag: entry for entry in entries}


def _known(keyword: str, read: str | Read, matching: Matching, returned: Returned) -> Attribute:
    tag = tag_of(keyword)
    reader = attrgetter(read) if isinstance(read, str) else read
    return Attribute(tag, dictionary_VR(tag), reader, matching, returned)


def _rare(keyword: str, read: str | Read, returned: Returned = "3", *, within: str = "") -> Attribute:
    known = _known(keyword, read, "O", returned)
    return replace(known, rare=True, within=tag_of(within) if within else 0)


def _unknown(keyword: str, returned: Returned, *, within: str = "") -> Attribute:
    tag = tag_of(keyword)
    return Attribute(tag, dictionary_VR(tag), None, "O", returned, within=tag_of(within) if within else 0)


def _code(keyword: str, field: str, returned: Returned) -> Sequence:
    """Return a sequence of one code, of the item's fields ``{field}_value``, ``_scheme`` and ``_meaning``."""

    def scheme(item: WorklistItem) -> str:
        return str(getattr(item, f"{field}_scheme") or PRIVATE_DESIGNATOR)

    def meaning(item: WorklistItem) -> str:
        return str(getattr(item, f"{field}_meaning") or getattr(item, f"{field}_value"))

    return Sequence(
        tag_of(keyword),
        _tree(
            _rare("CodeValue", f"{field}_value", "1C", within=keyword),
            _rare("CodingSchemeDesignator", scheme, "1C", within=keyword),
            _unknown("CodingSchemeVersion", "3", within=keyword),
            _rare("CodeMeaning", meaning, "3", within=keyword),
        ),
        lambda item: bool(getattr(item, f"{field}_value")),
        "O",
        returned,
    )


def _empty_sequence(keyword: str, returned: Returned, *children: Attribute) -> Sequence:
    return Sequence(tag_of(keyword), _tree(*children), lambda _: False, "O", returned)


def _short_code(item: WorklistItem) -> str:
    return item.protocol_name if len(item.protocol_name) <= _LONGEST_CODE_VALUE else ""


def _long_code(item: WorklistItem) -> str:
    return item.protocol_name if len(item.protocol_name) > _LONGEST_CODE_VALUE else ""


def _designator(item: WorklistItem) -> str:
    return item.hisris_coding_designator or PRIVATE_DESIGNATOR


def _procedure(item: WorklistItem) -> str:
    return item.study_description or item.procedure_description


def _protocol_meaning(item: WorklistItem) -> str:
    return item.protocol_code_meaning or item.protocol_name


def _age(item: WorklistItem) -> str:
    """Return the age on the day of the exam as an AS: years, below two months, below one days (PS3.5 6.2)."""
    if not item.patient_birth_date:
        return ""
    born, day = (date.fromisoformat(text) for text in (item.patient_birth_date, item.scheduled_start_date))
    if not born <= day:
        return ""
    months = (day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)
    if months >= 24:
        return f"{months // 12:03}Y"
    return f"{months:03}M" if months else f"{(day - born).days:03}D"


def _step_status(item: WorklistItem) -> str:
    return item.performed_procedure_step_status.dicom_status()


CODE_VALUE: Final = tag_of("CodeValue")
LONG_CODE_VALUE: Final = tag_of("LongCodeValue")
SPECIFIC_CHARACTER_SET: Final = tag_of("SpecificCharacterSet")
STEP_SEQUENCE: Final = tag_of("ScheduledProcedureStepSequence")
STEP_START_DATE: Final = tag_of("ScheduledProcedureStepStartDate")
STEP_START_TIME: Final = tag_of("ScheduledProcedureStepStartTime")
STEP_STATUS: Final = tag_of("ScheduledProcedureStepStatus")
STATION_AE_TITLE: Final = tag_of("ScheduledStationAETitle")
STATION_NAME: Final = tag_of("ScheduledStationName")
MODALITY: Final = tag_of("Modality")

_REFERENCE: Final = (_unknown("ReferencedSOPClassUID", "1"), _unknown("ReferencedSOPInstanceUID", "1"))

_OTHER_PATIENT_IDS: Final = Sequence(
    tag_of("OtherPatientIDsSequence"),
    _tree(
        _rare("PatientID", "other_patient_ids", "1", within="OtherPatientIDsSequence"),
        _unknown("IssuerOfPatientID", "3", within="OtherPatientIDsSequence"),
        replace(_unknown("TypeOfPatientID", "1", within="OtherPatientIDsSequence"), fixed="TEXT"),
    ),
    lambda item: bool(item.other_patient_ids),
)

_PROTOCOL_CODE: Final = Sequence(
    tag_of("ScheduledProtocolCodeSequence"),
    _tree(
        _known("CodeValue", _short_code, "O", "1C"),
        _known("CodingSchemeDesignator", _designator, "O", "1C"),
        _unknown("CodingSchemeVersion", "3"),
        _known("CodeMeaning", _protocol_meaning, "O", "3"),
        _known("LongCodeValue", _long_code, "O", "1C"),
    ),
    lambda item: bool(item.protocol_name),
    "O",
    "1C",
)

_SCHEDULED_STEP: Final = Sequence(
    STEP_SEQUENCE,
    _tree(
        _known("Modality", "modality", "R", "1"),
        _rare("RequestedContrastAgent", "requested_contrast_agent", "2C"),
        _known("ScheduledStationAETitle", "scheduled_station_aetitle", "R", "1"),
        _known("ScheduledProcedureStepStartDate", "scheduled_start_date", "R", "1"),
        _known("ScheduledProcedureStepStartTime", "scheduled_start_time", "R", "1"),
        _known("ScheduledPerformingPhysicianName", "performing_physician", "R", "2"),
        _known("ScheduledProcedureStepDescription", "procedure_description", "O", "1C"),
        _PROTOCOL_CODE,
        _known("ScheduledProcedureStepID", "scheduled_procedure_step_id", "O", "1"),
        _known("ScheduledStationName", "station_name", "O", "2"),
        _rare("ScheduledProcedureStepLocation", "scheduled_procedure_step_location", "2"),
        _rare("PreMedication", "pre_medication", "2C"),
        _known("ScheduledProcedureStepStatus", _step_status, "O", "3"),
        _rare("ScheduledProcedureStepEndDate", "scheduled_end_date"),
        _rare("ScheduledProcedureStepEndTime", "scheduled_end_time"),
        _rare("CommentsOnTheScheduledProcedureStep", "comments_on_the_scheduled_procedure_step"),
    ),
    lambda _: True,
    "R",
    "1",
)

WORKLIST: Final[Tree] = _tree(
    _SCHEDULED_STEP,
    # Requested Procedure
    _known("RequestedProcedureID", "requested_procedure_id", "O", "1"),
    _known("RequestedProcedureDescription", _procedure, "O", "1C"),
    _code("RequestedProcedureCodeSequence", "requested_procedure_code", "1C"),  # or the description alone
    _rare("ReasonForTheRequestedProcedure", "reason_for_the_requested_procedure"),
    _code("ReasonForRequestedProcedureCodeSequence", "reason_code", "3"),
    _rare("RequestedProcedureComments", "requested_procedure_comments"),
    _rare("RequestedProcedureLocation", "requested_procedure_location"),
    _rare("NamesOfIntendedRecipientsOfResults", "names_of_intended_recipients_of_results"),
    _known("StudyInstanceUID", "study_instance_uid", "O", "1"),
    _empty_sequence("ReferencedStudySequence", "2", *_REFERENCE),
    _rare("RequestedProcedurePriority", "requested_procedure_priority", "2"),
    _rare("PatientTransportArrangements", "patient_transport_arrangements", "2"),
    # Imaging Service Request
    _known("AccessionNumber", "accession_number", "O", "2"),
    _rare("RequestingPhysician", "requesting_physician", "2"),
    _rare("RequestingService", "requesting_service"),
    _rare("ImagingServiceRequestComments", "imaging_service_request_comments"),
    _known("ReferringPhysicianName", "referring_physician_name", "O", "2"),
    # Visit
    _rare("AdmissionID", "admission_id", "2"),
    _rare("CurrentPatientLocation", "current_patient_location", "2"),
    _rare("InstitutionName", "institution_name"),
    _rare("InstitutionAddress", "institution_address"),
    _rare("InstitutionalDepartmentName", "institutional_department_name"),
    _empty_sequence("ReferencedPatientSequence", "2", *_REFERENCE),
    # Patient
    _known("PatientName", "patient_name", "R", "1"),
    _known("PatientID", "patient_id", "R", "1"),
    _known("IssuerOfPatientID", "issuer_of_patient_id", "O", "3"),
    _known("PatientBirthDate", "patient_birth_date", "O", "2"),
    _known("PatientSex", "patient_sex", "O", "2"),
    _known("PatientWeight", "patient_weight_kg", "O", "2"),
    _known("PatientSize", "patient_size_m", "O", "3"),
    _known("PatientAge", _age, "O", "3"),
    _rare("OtherPatientIDs", "other_patient_ids"),
    _OTHER_PATIENT_IDS,
    _rare("OtherPatientNames", "other_patient_names"),
    _rare("PatientAddress", "patient_address"),
    _rare(
        "ConfidentialityConstraintOnPatientDataDescription",
        "confidentiality_constraint_on_patient_data_description",
        "2",
    ),
    _rare("PatientState", "patient_state", "2"),
    _rare("EthnicGroup", "ethnic_group"),
    _rare("Occupation", "occupation"),
    _rare("SmokingStatus", "smoking_status"),
    _rare("AdditionalPatientHistory", "additional_patient_history"),
    _rare("LastMenstrualDate", "last_menstrual_date"),
    _rare("PatientComments", "patient_comments"),
    _known("PregnancyStatus", "pregnancy_status", "O", "2"),
    _known("MedicalAlerts", "medical_alerts", "O", "2"),
    _known("Allergies", "allergies", "O", "2"),
    _rare("SpecialNeeds", "special_needs", "2"),
    # Clinical trial
    _rare("ClinicalTrialSponsorName", "clinical_trial_sponsor_name"),
    _rare("ClinicalTrialProtocolID", "clinical_trial_protocol_id"),
    _rare("ClinicalTrialProtocolName", "clinical_trial_protocol_name"),
    _rare("ClinicalTrialSiteID", "clinical_trial_site_id"),
    _rare("ClinicalTrialSiteName", "clinical_trial_site_name"),
    _rare("ClinicalTrialSubjectID", "clinical_trial_subject_id"),
    _rare("ClinicalTrialSubjectReadingID", "clinical_trial_subject_reading_id"),
    _rare("ClinicalTrialTimePointID", "clinical_trial_time_point_id"),
    _rare("ClinicalTrialTimePointDescription", "clinical_trial_time_point_description"),
    _rare("ClinicalTrialProtocolEthicsCommitteeName", "clinical_trial_protocol_ethics_committee_name"),
)
"""Everything a query may ask for, by tag."""
