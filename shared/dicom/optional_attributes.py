"""What a console may ask for besides: attributes that an item has if REDCap or a person gives them.

Every field is named like its DICOM attribute (PS3.6), and empty if it is not known. Empty ones are not
written out, so that an item without them is as small as if they did not exist.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.dicom.dicom_text import LO, LT, PN, SH, ST, OptionalDA, OptionalTM


def _is_empty(value: str) -> bool:
    return not value


_Left = Field(exclude_if=_is_empty)


class OptionalAttributes(BaseModel):
    """The attributes. A sequence of the standard has one item here: its code, scheme and meaning."""

    model_config = ConfigDict(defer_build=True)

    # Patient (PS3.3 C.2.2, C.2.3, C.2.4)
    other_patient_ids: Annotated[LO, _Left] = ""
    other_patient_names: Annotated[PN, _Left] = ""
    patient_comments: Annotated[LT, _Left] = ""
    patient_address: Annotated[LO, _Left] = ""
    patient_state: Annotated[LO, _Left] = ""
    special_needs: Annotated[LO, _Left] = ""
    ethnic_group: Annotated[SH, _Left] = ""
    occupation: Annotated[SH, _Left] = ""
    smoking_status: Annotated[Literal["YES", "NO", "UNKNOWN", ""], _Left] = ""
    additional_patient_history: Annotated[LT, _Left] = ""
    last_menstrual_date: Annotated[OptionalDA, _Left] = ""
    confidentiality_constraint_on_patient_data_description: Annotated[LO, _Left] = ""

    # Visit (C.3) and where the exam takes place (C.7.5.1)
    admission_id: Annotated[LO, _Left] = ""
    current_patient_location: Annotated[LO, _Left] = ""
    institution_name: Annotated[LO, _Left] = ""
    institution_address: Annotated[ST, _Left] = ""
    institutional_department_name: Annotated[LO, _Left] = ""

    # Imaging Service Request (C.4.12)
    requesting_physician: Annotated[PN, _Left] = ""
    requesting_service: Annotated[LO, _Left] = ""
    imaging_service_request_comments: Annotated[LT, _Left] = ""

    # Requested Procedure (C.4.11)
    requested_procedure_priority: Annotated[SH, _Left] = ""
    requested_procedure_location: Annotated[LO, _Left] = ""
    requested_procedure_comments: Annotated[LT, _Left] = ""
    requested_procedure_code_value: Annotated[SH, _Left] = ""
    requested_procedure_code_scheme: Annotated[SH, _Left] = ""
    requested_procedure_code_meaning: Annotated[LO, _Left] = ""
    reason_for_the_requested_procedure: Annotated[LO, _Left] = ""
    reason_code_value: Annotated[SH, _Left] = ""
    reason_code_scheme: Annotated[SH, _Left] = ""
    reason_code_meaning: Annotated[LO, _Left] = ""
    patient_transport_arrangements: Annotated[LO, _Left] = ""
    names_of_intended_recipients_of_results: Annotated[PN, _Left] = ""

    # Scheduled Procedure Step (C.4.10)
    comments_on_the_scheduled_procedure_step: Annotated[LT, _Left] = ""
    scheduled_procedure_step_location: Annotated[SH, _Left] = ""
    scheduled_end_date: Annotated[OptionalDA, _Left] = ""
    scheduled_end_time: Annotated[OptionalTM, _Left] = ""
    pre_medication: Annotated[LO, _Left] = ""
    requested_contrast_agent: Annotated[LO, _Left] = ""
    protocol_code_meaning: Annotated[LO, _Left] = ""

    # Clinical Trial Subject and Study (C.7.1.3, C.7.2.3)
    clinical_trial_sponsor_name: Annotated[LO, _Left] = ""
    clinical_trial_protocol_id: Annotated[LO, _Left] = ""
    clinical_trial_protocol_name: Annotated[LO, _Left] = ""
    clinical_trial_site_id: Annotated[LO, _Left] = ""
    clinical_trial_site_name: Annotated[LO, _Left] = ""
    clinical_trial_subject_id: Annotated[LO, _Left] = ""
    clinical_trial_subject_reading_id: Annotated[LO, _Left] = ""
    clinical_trial_time_point_id: Annotated[LO, _Left] = ""
    clinical_trial_time_point_description: Annotated[ST, _Left] = ""
    clinical_trial_protocol_ethics_committee_name: Annotated[LO, _Left] = ""
