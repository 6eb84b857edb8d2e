"""Worklist items as people and programs send and see them: the predecessor's JSON names, and ours.

Weight travels in kilograms and in pounds; it is stored in kilograms. Somebody who reads an item, changes one
field and sends the whole back has changed one field: what equals what is there does not become theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, field_validator, model_validator

from lambdas.api.schemas.common import Request
from lambdas.mapping.hidden_characters import IDENTIFIERS, check_identifier, visible
from lambdas.sources.field_values import KG_PER_LB
from lambdas.store.ownership import IDENTITY, PerformedStep, StatusOwner, StoredItem
from shared import identifiers
from shared.dicom.dicom_text import (
    AE,
    CS,
    DA,
    LO,
    PN,
    SH,
    TM,
    UI,
    OptionalDA,
    OptionalDS,
    UIInUse,
    parse_decimal,
    parse_uid,
)
from shared.dicom.optional_attributes import OptionalAttributes
from shared.errors import Rejected
from shared.steps.procedure_step import StepStatus
from shared.steps.study_images import ImagesFound
from shared.worklist_item import OptionalSiteName, PatientSex, Status, WorklistItem

_SAME_WEIGHT: Final = Decimal("0.05")
"""Kilograms by which two units may differ through rounding."""

_TEXTS: Final = (
    "patient_name",
    "medical_alerts",
    "allergies",
    "referring_physician_name",
    "study_description",
    "performing_physician",
    "procedure_description",
    "protocol_name",
    *(OptionalAttributes.model_fields.keys() - IDENTIFIERS),
)
"""In these what nobody sees is taken out; in identifiers it is refused."""

ACTUAL: Final = frozenset(
    {
        "actual_start",
        "actual_end",
        "actual_station_aetitle",
        "actual_station_name",
        "series_count",
        "procedure_steps",
        "images",
    }
)
READ_ONLY: Final = frozenset({*IDENTITY, *ACTUAL, "edited", "status_owner"})

_KG, _LB = "patient_weight_kg", "patient_weight_lb"


class ItemView(WorklistItem):
    """An item as shown.

    `edited` names the fields that a person changed, which REDCap no longer does; `status_owner` is who set
    the status last: `source`, `mpps`, `images` (an archive has them), `person` or `clock` (its day passed).
    `version` is what the header `ETag` says, without quotes. `images` is what an archive has of the exam.
    What scanners reported: `actual_start` and `actual_end` (the scanner's local time), station, series, and
    the SOP Instance UIDs of the performed procedure steps.
    """

    model_config = ConfigDict(defer_build=False)  # FastAPI builds it, and knows which warnings to leave out

    patient_weight_lb: str = ""
    edited: tuple[str, ...] = ()
    status_owner: StatusOwner = "source"
    version: str = ""
    actual_start: datetime | None = None
    actual_end: datetime | None = None
    actual_station_aetitle: str = ""
    actual_station_name: str = ""
    series_count: int = 0
    procedure_steps: tuple[str, ...] = ()
    images: ImagesFound | None = None

    @classmethod
    def of(cls, stored: StoredItem) -> ItemView:
        """Return what is shown of an item.

        What is stored was checked when it was written, and again when it was read: a third time here would
        take longer than anything else of a list.
        """
        return _blank().model_copy(
            update={
                **stored.item.__dict__,
                "patient_weight_lb": to_pounds(stored.item.patient_weight_kg),
                "edited": stored.edited,
                "status_owner": _status_owner(stored),
                "version": stored.version,
                "images": stored.images,
                **_actual(stored.performed),
            }
        )


@cache
def _blank() -> ItemView:
    nothing: dict[str, Any] = {}
    return ItemView.model_construct(**nothing)


def _status_owner(stored: StoredItem) -> StatusOwner:
    """Return who set the status last: of an item made by hand, which has no source, a person did."""
    by_hand = not stored.item.source and stored.status_owner == "source"
    return "person" if by_hand else stored.status_owner


def _actual(steps: tuple[PerformedStep, ...]) -> dict[str, Any]:
    """Return what an item's performed steps come to."""
    last = max(steps, key=lambda step: step.started_at or datetime.min, default=None)  # noqa: DTZ901 - local
    running = any(step.status is StepStatus.IN_PROGRESS for step in steps)
    ends = [step.ended_at for step in steps if step.ended_at]
    return {
        "actual_start": min((step.started_at for step in steps if step.started_at), default=None),
        "actual_end": max(ends) if ends and not running else None,
        "actual_station_aetitle": last.station_aetitle if last else "",
        "actual_station_name": last.station_name if last else "",
        "series_count": sum(step.series_count for step in steps),
        "procedure_steps": tuple(step.sop_instance_uid for step in steps),
    }


class ItemFields(OptionalAttributes, Request):
    """The fields that a person may set. An empty text means "not known"."""

    model_config = ConfigDict(defer_build=False)  # FastAPI builds it, and knows which warnings to leave out

    study_instance_uid: UI = ""
    accession_number: SH = ""
    requested_procedure_id: Annotated[SH, Field(min_length=1)] = ""
    scheduled_procedure_step_id: Annotated[SH, Field(min_length=1)] = ""

    patient_name: Annotated[PN, Field(min_length=1)] = ""
    patient_id: Annotated[LO, Field(min_length=1)] = ""
    issuer_of_patient_id: LO = ""
    patient_birth_date: OptionalDA = ""
    patient_sex: PatientSex | Annotated[str, Field(max_length=0)] = ""
    patient_weight_kg: OptionalDS = ""
    patient_weight_lb: OptionalDS = ""
    patient_size_m: OptionalDS = ""
    pregnancy_status: Annotated[int, Field(ge=1, le=4)] | None = None
    medical_alerts: LO = ""
    allergies: LO = ""

    referring_physician_name: PN = ""
    study_description: LO = ""

    modality: CS = ""
    scheduled_station_aetitle: AE = ""
    station_name: SH = ""
    scheduled_start_date: DA = ""
    scheduled_start_time: TM = ""
    performing_physician: PN = ""
    procedure_description: Annotated[LO, Field(min_length=1)] = ""
    protocol_name: LO = ""
    hisris_coding_designator: SH = ""

    performed_procedure_step_status: Status = Status.SCHEDULED

    @field_validator(*_TEXTS, mode="before")
    @classmethod
    def _as_it_looks(cls, value: Any) -> Any:
        return visible(value) if isinstance(value, str) else value


class NewItem(ItemFields):
    """An item made by hand. Only name and id must be given; empty or null is as good as not given.

    Left out, `modality` is DEFAULT_MODALITY, and must be given where there is none; `site` is DEFAULT_SITE or
    the only one there is; the start is now; `scheduled_station_aetitle` is DEFAULT_STATION_AETITLE;
    `procedure_description` is the study's, the protocol's or the modality; identifiers are made.
    """

    patient_name: Annotated[PN, Field(min_length=1)]
    patient_id: Annotated[LO, Field(min_length=1)]
    site: OptionalSiteName = ""

    @model_validator(mode="before")
    @classmethod
    def _given(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        return {name: value for name, value in data.items() if value is not None and value != ""}

    def to_item(
        self, item_id: str, *, site: str, now: datetime, station_aetitle: str, modality: str = ""
    ) -> WorklistItem:
        """Return the item, with what was left out made up as the class says.

        :raises Rejected: there is no modality, or an identifier is not what it looks like.
        """
        modality = self.modality or modality
        if not modality:
            raise Rejected("must be given: DEFAULT_MODALITY is not set", where="modality")
        given = self.model_dump(exclude={"patient_weight_lb"}, exclude_unset=True)
        _check_identifiers(given)
        description = self.study_description or self.protocol_name or modality
        return WorklistItem.model_validate(
            {
                "study_instance_uid": identifiers.study_instance_uid(item_id),
                "accession_number": identifiers.accession_number(item_id),
                "requested_procedure_id": identifiers.requested_procedure_id(item_id),
                "scheduled_procedure_step_id": identifiers.scheduled_procedure_step_id(item_id),
                "scheduled_station_aetitle": station_aetitle,
                "scheduled_start_date": now.date(),
                "scheduled_start_time": now.time(),
                "procedure_description": description,
                "modality": modality,
                **given,
                "id": item_id,
                "site": site,
                "patient_weight_kg": agreed_kg(self.patient_weight_kg, self.patient_weight_lb),
            }
        )


class ItemChanges(ItemFields):
    """What to change of an item: what is not named stays, null empties. What it is may be named only.

    `version` says which version was looked at, as the header `If-Match` does.
    """

    study_instance_uid: UIInUse = ""
    id: str = ""
    site: str = ""
    source: str = ""
    source_record: str = ""
    source_event: str = ""
    source_instrument: str = ""
    source_instance: int = 1
    edited: tuple[str, ...] = ()
    status_owner: str = ""
    version: str = ""
    actual_start: datetime | None = None
    actual_end: datetime | None = None
    actual_station_aetitle: str = ""
    actual_station_name: str = ""
    series_count: int = 0
    procedure_steps: tuple[str, ...] = ()
    images: ImagesFound | None = None

    @model_validator(mode="before")
    @classmethod
    def _emptied(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        keep = {"pregnancy_status", "actual_start", "actual_end", "images"}
        return {name: "" if value is None and name not in keep else value for name, value in data.items()}

    def against(self, current: StoredItem, shown: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the fields that differ from what is there, and from what was shown if that was otherwise.

        :param shown: fields that were otherwise when the caller looked, as they were.

        Of the two units of weight the one that differs counts.

        :raises Rejected: a field that cannot be changed does, kilograms and pounds disagree, or an identifier
            is not what it looks like.
        """
        there = ItemView.of(current).model_dump()
        # What scanners reported since is not known field by field, and nobody sends it to change it.
        unsaid = {"version", *(ACTUAL if shown is not None else ())}
        named = {name: getattr(self, name) for name in self.model_fields_set - unsaid}
        seen = there | _seen(shown or {})
        changes = {
            name: value
            for name, value in named.items()
            if value not in _alike(there.get(name, "")) and value not in _alike(seen.get(name, ""))
        }
        _check_identifiers(changes)
        for name in sorted(READ_ONLY & changes.keys()):
            raise Rejected("cannot be changed", where=name)
        if changes.get("study_instance_uid"):
            parse_uid(changes["study_instance_uid"])  # one in use may lie anywhere, a new one may not
        if {_KG, _LB} & changes.keys():
            changes[_KG] = agreed_kg(changes.get(_KG, ""), changes.pop(_LB, ""))
        return changes


def _seen(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as an item view had them."""
    seen = {name: value for name, value in shown.items() if name in ItemView.model_fields}
    if _KG in seen:
        seen[_LB] = to_pounds(seen[_KG])
    if "edited" in seen:
        seen["edited"] = tuple(seen["edited"] or ())
    if seen.get("pregnancy_status") == "":
        seen["pregnancy_status"] = None
    return seen


def _alike(value: Any) -> tuple[Any, ...]:
    """Return what is as good as a stored value: an earlier build may have stored what nobody sees."""
    return (value, visible(value)) if isinstance(value, str) else (value,)


def _check_identifiers(given: Mapping[str, Any]) -> None:
    for name in sorted(IDENTIFIERS & given.keys()):
        try:
            check_identifier(given[name])
        except Rejected as error:
            raise Rejected(error.what, where=name) from None


def to_pounds(kilograms: str) -> str:
    """Return a weight in pounds, to the hundredth: what was given in pounds is shown as it was given."""
    if not kilograms:
        return ""
    pounds = (Decimal(kilograms) / KG_PER_LB).quantize(Decimal("0.01"))
    return f"{pounds:f}".rstrip("0").rstrip(".")


def agreed_kg(kilograms: str, pounds: str) -> str:
    """Return the weight in kilograms that was given in either unit or both; empty if in neither.

    :raises Rejected: they disagree by more than rounding explains.
    """
    if not pounds:
        return kilograms
    converted = Decimal(pounds) * KG_PER_LB
    if not kilograms:
        return parse_decimal(converted)
    if abs(converted - Decimal(kilograms)) > _SAME_WEIGHT:
        raise Rejected("is not the weight patient_weight_kg says", where="patient_weight_lb")
    return kilograms
