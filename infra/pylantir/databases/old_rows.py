"""The rows of the predecessor's databases: an exam, a user. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OldItem:
    """A row of ``worklist_items``; what is null is empty.

    :param id: the row's number, by which reports name it.
    """

    id: int
    study_instance_uid: str
    patient_name: str
    patient_id: str
    patient_birth_date: str
    patient_sex: str
    patient_weight_lb: str
    referring_physician_name: str
    modality: str
    study_description: str
    scheduled_station_aetitle: str
    scheduled_start_date: str
    scheduled_start_time: str
    performing_physician: str
    procedure_description: str
    protocol_name: str
    station_name: str
    hisris_coding_designator: str
    performed_procedure_step_status: str


@dataclass(frozen=True)
class OldUser:
    """A row of ``users``.

    :param role: ``ADMIN``, ``WRITE`` or ``READ``.
    """

    username: str
    hashed_password: str
    role: str
    is_active: bool
