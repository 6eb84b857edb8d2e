"""What consoles ask of a worklist, and an item that has an answer to everything."""

from __future__ import annotations

from typing import Any, Final

from pydicom.dataset import Dataset

from shared.dicom.optional_attributes import OptionalAttributes
from shared.worklist_item import WorklistItem
from tests.rigs.relay import item
from tests.rigs.worklist import asking

_SPECIAL: Final = {
    "smoking_status": "NO",
    "last_menstrual_date": "20261101",
    "scheduled_end_date": "20261122",
    "scheduled_end_time": "101500",
}


def full_item(**changes: Any) -> WorklistItem:
    """Return an item in which every optional attribute has a value of its own."""
    names = enumerate(OptionalAttributes.model_fields)
    optional = {name: _SPECIAL.get(name, f"value {number}") for number, name in names}
    return item(**{**optional, "patient_size_m": "1.7", "allergies": "latex", **changes})


_FULL: Final = full_item()
_STEP: Final = "ScheduledProcedureStepSequence"

SIXTY_KEYS: Final = {
    "AccessionNumber": _FULL.accession_number,
    "InstitutionName": _FULL.institution_name,
    "InstitutionAddress": _FULL.institution_address,
    "InstitutionalDepartmentName": _FULL.institutional_department_name,
    "ReferringPhysicianName": "",
    "PatientName": "Doe^Jane",
    "PatientID": "P-001",
    "IssuerOfPatientID": "",
    "PatientBirthDate": "19800229",
    "PatientSex": "F",
    "OtherPatientIDs": _FULL.other_patient_ids,
    "OtherPatientNames": _FULL.other_patient_names,
    "OtherPatientIDsSequence.PatientID": _FULL.other_patient_ids,
    "OtherPatientIDsSequence.TypeOfPatientID": "TEXT",
    "PatientAge": "046Y",
    "PatientSize": "1.7",
    "PatientWeight": "61.235",
    "PatientAddress": _FULL.patient_address,
    "MedicalAlerts": "",
    "Allergies": "latex",
    "EthnicGroup": _FULL.ethnic_group,
    "Occupation": _FULL.occupation,
    "SmokingStatus": "NO",
    "AdditionalPatientHistory": _FULL.additional_patient_history,
    "PregnancyStatus": "None",
    "LastMenstrualDate": "20261101",
    "PatientComments": _FULL.patient_comments,
    "ClinicalTrialSponsorName": _FULL.clinical_trial_sponsor_name,
    "ClinicalTrialProtocolID": _FULL.clinical_trial_protocol_id,
    "ClinicalTrialProtocolName": _FULL.clinical_trial_protocol_name,
    "ClinicalTrialSiteID": _FULL.clinical_trial_site_id,
    "ClinicalTrialSiteName": _FULL.clinical_trial_site_name,
    "ClinicalTrialSubjectID": _FULL.clinical_trial_subject_id,
    "ClinicalTrialSubjectReadingID": _FULL.clinical_trial_subject_reading_id,
    "ClinicalTrialTimePointID": _FULL.clinical_trial_time_point_id,
    "ClinicalTrialTimePointDescription": _FULL.clinical_trial_time_point_description,
    "ClinicalTrialProtocolEthicsCommitteeName": _FULL.clinical_trial_protocol_ethics_committee_name,
    "StudyInstanceUID": _FULL.study_instance_uid,
    "RequestingPhysician": _FULL.requesting_physician,
    "RequestingService": _FULL.requesting_service,
    "RequestedProcedureDescription": "MR brain",
    "RequestedProcedureCodeSequence.CodeValue": _FULL.requested_procedure_code_value,
    "RequestedProcedureCodeSequence.CodingSchemeDesignator": _FULL.requested_procedure_code_scheme,
    "RequestedProcedureCodeSequence.CodeMeaning": _FULL.requested_procedure_code_meaning,
    "AdmissionID": _FULL.admission_id,
    "SpecialNeeds": _FULL.special_needs,
    "CurrentPatientLocation": _FULL.current_patient_location,
    "PatientState": _FULL.patient_state,
    "ConfidentialityConstraintOnPatientDataDescription": (
        _FULL.confidentiality_constraint_on_patient_data_description
    ),
    f"{_STEP}.Modality": "MR",
    f"{_STEP}.RequestedContrastAgent": _FULL.requested_contrast_agent,
    f"{_STEP}.ScheduledStationAETitle": "MR1",
    f"{_STEP}.ScheduledProcedureStepStartDate": "20261122",
    f"{_STEP}.ScheduledProcedureStepStartTime": "093000",
    f"{_STEP}.ScheduledProcedureStepEndDate": "20261122",
    f"{_STEP}.ScheduledProcedureStepEndTime": "101500",
    f"{_STEP}.ScheduledPerformingPhysicianName": "",
    f"{_STEP}.ScheduledProcedureStepDescription": "MR brain",
    f"{_STEP}.ScheduledProtocolCodeSequence.CodeValue": "BRAIN_T1",
    f"{_STEP}.ScheduledProtocolCodeSequence.CodeMeaning": _FULL.protocol_code_meaning,
    f"{_STEP}.ScheduledProcedureStepID": _FULL.scheduled_procedure_step_id,
    f"{_STEP}.ScheduledStationName": "",
    f"{_STEP}.ScheduledProcedureStepLocation": _FULL.scheduled_procedure_step_location,
    f"{_STEP}.PreMedication": _FULL.pre_medication,
    f"{_STEP}.ScheduledProcedureStepStatus": "SCHEDULED",
    f"{_STEP}.CommentsOnTheScheduledProcedureStep": _FULL.comments_on_the_scheduled_procedure_step,
    "RequestedProcedureID": _FULL.requested_procedure_id,
    "ReasonForTheRequestedProcedure": _FULL.reason_for_the_requested_procedure,
    "ReasonForRequestedProcedureCodeSequence.CodeValue": _FULL.reason_code_value,
    "ReasonForRequestedProcedureCodeSequence.CodingSchemeDesignator": _FULL.reason_code_scheme,
    "ReasonForRequestedProcedureCodeSequence.CodeMeaning": _FULL.reason_code_meaning,
    "RequestedProcedurePriority": _FULL.requested_procedure_priority,
    "PatientTransportArrangements": _FULL.patient_transport_arrangements,
    "RequestedProcedureLocation": _FULL.requested_procedure_location,
    "NamesOfIntendedRecipientsOfResults": _FULL.names_of_intended_recipients_of_results,
    "RequestedProcedureComments": _FULL.requested_procedure_comments,
    "ImagingServiceRequestComments": _FULL.imaging_service_request_comments,
}
"""Path of keywords -> the answer for `full_item`. Modelled on an ultrasound console's query (pynetdicom issue
791, which has the end of it), PS3.4 Table K.6-1 and the modules it draws from."""


def sixty_keys() -> Dataset:
    """Return the query, every key empty."""
    return _nested(dict.fromkeys(SIXTY_KEYS, ""))


def _nested(paths: dict[str, str]) -> Dataset:
    keys: dict[str, Any] = {}
    inner: dict[str, dict[str, str]] = {}
    for path, text in paths.items():
        first, _, rest = path.partition(".")
        if rest:
            inner.setdefault(first, {})[rest] = text
        else:
            keys[first] = text
    return asking(**keys, **{name: [_nested(within)] for name, within in inner.items()})


def values_of(dataset: Dataset, expected: dict[str, str] | None = None) -> dict[str, str]:
    """Return path -> text of a data set; or of what is expected, for the paths of a query."""
    if expected is not None:
        return {path: expected[path] for path in _paths(dataset)}
    return _paths(dataset)


def _paths(dataset: Dataset, above: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for element in dataset:
        path = above + element.keyword
        if element.VR == "SQ":
            for each in element.value:
                found |= _paths(each, f"{path}.")
        else:
            found[path] = str(element.value)
    return found
