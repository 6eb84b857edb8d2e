"""One exam with everything known of it: each field, its value and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from lambdas.api.schemas.items import ItemView
from lambdas.store.ownership import IDENTITY, STATUS, StoredItem, completed_without_step
from lambdas.store.unfinished_write_backs import WriteBackState
from shared.dicom.optional_attributes import OptionalAttributes
from shared.steps.study_images import BY_LIST
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


class DoneView(NamedTuple):
    """What is known of an exam being done that no scanner reported.

    :param said: in words; empty if there is nothing to say.
    :param may_complete: a person may say that it was done; ``may_reopen``: or take that back.
    """

    said: str = ""
    may_complete: bool = False
    may_reopen: bool = False


def done_view(stored: StoredItem, write_back: WriteBackState | None) -> DoneView:
    """Return what to say, and to offer, of an exam that no scanner reported.

    :param write_back: whether REDCap was told; None: it never had to be.
    """
    who = completed_without_step(stored)
    said = [_images_in_words(stored)] if stored.images else []
    if who:
        by = "a person marked it as done" if who == "person" else "its images are in the archive"
        said.insert(0, f"No scanner reported this exam: it is completed because {by}.")
        if stored.item.source and write_back:
            said.append(_TOLD[write_back])
    scanned = stored.status_owner == "mpps"
    over = stored.item.performed_procedure_step_status is Status.COMPLETED
    return DoneView(" ".join(said), may_complete=not (scanned or over or stored.gone), may_reopen=bool(who))


_TOLD: Final[Mapping[WriteBackState, str]] = {
    "done": "REDCap knows it.",
    "due": "REDCap is being told.",
    "parked": "REDCap refuses to be told: see Write-backs.",
}


def _images_in_words(stored: StoredItem) -> str:
    found = stored.images
    if found is None:
        return ""
    count = f"{found.image_count} images in " if found.image_count else ""
    since = f", the last begun {found.last_at:%Y-%m-%d %H:%M}" if found.last_at else ""
    where = "A list" if found.archive == BY_LIST else f"The archive {found.archive}"
    told = f"{where} has {count}{found.series_count} series of it{since}."
    if found.other_patient:
        return f"{told} They are under another Patient ID, so they are not believed: find out whose they are."
    return told


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
    owners["images"] = "its images in the archive"
    if name == STATUS and (stored.item.source or stored.status_owner != "source"):
        return owners[stored.status_owner]
    if name in stored.edited or not stored.item.source:
        return "a person"
    return "REDCap"


def _text(value: object) -> str:
    return "" if value is None else str(value)
