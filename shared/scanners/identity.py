"""What says whose exam it is, and which: it reaches a scanner as it is, or the exam does not. Pure.

A scanner's character set may lack a letter of an identifier. Sent without it, the identifier would be
another one, perhaps another person's: that scanner is not shown the exam, and the preview says so.
"""

from __future__ import annotations

from typing import Final

from shared.dicom.charset import CharacterSet, character_set
from shared.worklist_item import WorklistItem

IDENTIFIERS: Final = {
    "PatientID": "patient_id",
    "IssuerOfPatientID": "issuer_of_patient_id",
    "AccessionNumber": "accession_number",
    "RequestedProcedureID": "requested_procedure_id",
    "ScheduledProcedureStepID": "scheduled_procedure_step_id",
    "OtherPatientIDs": "other_patient_ids",
    "AdmissionID": "admission_id",
    "ClinicalTrialProtocolID": "clinical_trial_protocol_id",
    "ClinicalTrialSiteID": "clinical_trial_site_id",
    "ClinicalTrialSubjectID": "clinical_trial_subject_id",
    "ClinicalTrialSubjectReadingID": "clinical_trial_subject_reading_id",
    "ClinicalTrialTimePointID": "clinical_trial_time_point_id",
}
"""Attributes that name a patient or an exam by text, and the items' fields they come from."""


def can_name(charset: CharacterSet, patient_name: str) -> bool:
    """Tell whether a component group of the name is left; a name never is another, but it may be none."""
    return patient_name.isascii() or charset.fit_name(patient_name)[0] != ""


def can_carry(terms: tuple[str, ...], item: WorklistItem) -> bool:
    """Tell whether an exam may be shown in a character set.

    :param terms: its defined terms, as Specific Character Set (0008,0005) has them.
    """
    charset = character_set(terms)
    identifiers = (getattr(item, field) for field in IDENTIFIERS.values())
    return all(map(charset.carries, identifiers)) and can_name(charset, item.patient_name)
