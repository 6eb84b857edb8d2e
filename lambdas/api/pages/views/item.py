"""One exam with everything known of it: each field, its value and whose it is."""

from __future__ import annotations

from typing import Final, NamedTuple

from lambdas.api.schemas.items import ItemView
from lambdas.store.ownership import IDENTITY, STATUS, StoredItem
from shared.dicom.optional_attributes import OptionalAttributes
from shared.worklist_item import Status

LABELS: Final = {
    "patient_name": "Name",
    "patient_id": "Patient ID",
    "issuer_of_patient_id": "Issuer of Patient ID",
    "patient_birth_date": "Birth date",
    "patient_sex": "Sex",
    "patient_weight_kg": "Weight (kg)",
    "patient_size_m": "Height (m)",
    "pregnancy_status": "Pregnancy status",
    "medical_alerts": "Medical alerts",
    "allergies": "Allergies",
    "scheduled_start_date": "Day",
    "scheduled_start_time": "Time",
    "modality": "Modality",
    "scheduled_station_aetitle": "Scanner (AE title)",
    "station_name": "Station name",
    "procedure_description": "Procedure",
    "protocol_name": "Protocol",
    "study_description": "Study",
    "referring_physician_name": "Referring physician",
    "performing_physician": "Performing physician",
    "hisris_coding_designator": "Coding designator",
    "accession_number": "Accession number",
    "requested_procedure_id": "Requested procedure ID",
    "scheduled_procedure_step_id": "Scheduled step ID",
    "study_instance_uid": "Study Instance UID",
    STATUS: "Status",
}
"""The fields that are always shown, in this order; the others follow if they have a value."""

EDITABLE: Final = frozenset(LABELS.keys() - IDENTITY - {"study_instance_uid", STATUS, "pregnancy_status"})
"""What the page's form changes; the rest is for the API, or has buttons of its own."""

_HINTS: Final = {
    "patient_name": "Family^Given, as the scanner has it",
    "patient_birth_date": "YYYYMMDD",
    "scheduled_start_date": "YYYYMMDD",
    "scheduled_start_time": "HHMM",
}


class FieldView(NamedTuple):
    """A field; ``owner`` says who decides on its value."""

    name: str
    label: str
    value: str
    owner: str
    hint: str
    editable: bool


def field_views(stored: StoredItem, *, hides_names: bool = False) -> tuple[FieldView, ...]:
    """Return the fields of an exam. With hidden names, what tells who it is is not shown."""
    shown = ItemView.of(stored).model_dump()
    others = {
        name: name.replace("_", " ").capitalize()
        for name in OptionalAttributes.model_fields
        if shown.get(name)
    }
    return tuple(
        FieldView(
            name,
            label,
            "hidden" if hides_names and name in _PERSONAL else _text(shown.get(name)),
            owner_of(name, stored),
            _HINTS.get(name, ""),
            name in EDITABLE,
        )
        for name, label in (LABELS | others).items()
    )


_PERSONAL: Final = frozenset({"patient_name", "patient_id", "patient_birth_date", "patient_address"}) | {
    name
    for name in OptionalAttributes.model_fields
    if name.startswith(("other_patient_", "clinical_trial_subject"))
}


def owner_of(name: str, stored: StoredItem) -> str:
    """Return who decides on a field."""
    missed = stored.item.performed_procedure_step_status is Status.NO_SHOW
    clock = "its day passed" if missed else "its scan was begun and never ended"
    owners = {"source": "REDCap", "mpps": "the scanner", "person": "a person", "clock": clock}
    if name == STATUS and (stored.item.source or stored.status_owner != "source"):
        return owners[stored.status_owner]
    if name in stored.edited or not stored.item.source:
        return "a person"
    return "REDCap"


def _text(value: object) -> str:
    return "" if value is None else str(value)
