"""The worklist item: one scheduled procedure step for one participant.

One frozen model, stored, exchanged and shown under the same names. Who owns a field is part of the model:

    REDCap   demographics and schedule (every field but the status)
    MPPS     performed_procedure_step_status, from the moment a scanner reports
    person   whatever they edited through the API, until released
    clock    NO_SHOW, once the day of an open item has passed; a person, a new day or a scan undoes it
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from shared.dicom.dicom_text import AE, CS, DA, LO, PN, SH, TM, OptionalDA, OptionalDS, UIInUse
from shared.dicom.optional_attributes import OptionalAttributes

PatientSex = Literal["M", "F", "O"]

SiteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
OptionalSiteName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,64}$")]
"""Empty where no site is named."""


class Status(StrEnum):
    """Where a scheduled procedure step stands; towards DICOM (0040,0020) see `dicom_status`."""

    SCHEDULED = "SCHEDULED"
    ARRIVED = "ARRIVED"
    READY = "READY"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"
    CANCELLED = "CANCELLED"
    NO_SHOW = "NO_SHOW"
    """Its day passed without a scan. No scanner is ever shown it: DICOM has no such status."""

    def dicom_status(self) -> str:
        """Return the Scheduled Procedure Step Status (0040,0020), PS3.3 C.4.10: IN_PROGRESS is STARTED."""
        return "STARTED" if self is Status.IN_PROGRESS else self.value


OPEN_STATUSES: Final = frozenset({Status.SCHEDULED, Status.ARRIVED, Status.READY, Status.IN_PROGRESS})
"""What a scanner is shown unless its configuration says otherwise: everything not yet over."""


class WorklistItem(OptionalAttributes):
    """One scheduled procedure step. Dates are ``YYYYMMDD``, times ``HHMMSS``, both local to the site.

    Empty text means "not known": it is sent as an empty type 2 attribute. Type 1 attributes of the worklist
    response (PS3.4 Table K.6-1) have no empty form here, so that none can ever be sent empty.
    """

    # Unknown fields are ignored: a relay must go on reading items from a newer cloud.
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    id: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    site: SiteName

    source: str = ""
    source_record: str = ""
    source_event: str = ""
    source_instrument: str = ""
    source_instance: int = 1

    study_instance_uid: UIInUse
    accession_number: SH = ""
    requested_procedure_id: Annotated[SH, Field(min_length=1)]
    scheduled_procedure_step_id: Annotated[SH, Field(min_length=1)]

    patient_name: Annotated[PN, Field(min_length=1)]
    patient_id: Annotated[LO, Field(min_length=1)]
    issuer_of_patient_id: LO = ""
    patient_birth_date: OptionalDA = ""
    patient_sex: PatientSex | Literal[""] = ""
    patient_weight_kg: OptionalDS = ""
    patient_size_m: OptionalDS = ""
    pregnancy_status: Literal[1, 2, 3, 4] | None = None
    medical_alerts: LO = ""
    allergies: LO = ""

    referring_physician_name: PN = ""
    study_description: LO = ""

    modality: CS
    scheduled_station_aetitle: AE
    station_name: SH = ""
    scheduled_start_date: DA
    scheduled_start_time: TM
    performing_physician: PN = ""
    procedure_description: Annotated[LO, Field(min_length=1)]
    protocol_name: LO = ""
    hisris_coding_designator: SH = ""

    performed_procedure_step_status: Status = Status.SCHEDULED
