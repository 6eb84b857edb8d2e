"""The performed procedure step: the events a scanner sends, and the state machine they drive.

Every transition and refusal is a row of `TRANSITIONS`, citing DICOM PS3.4 Annex F (F.7.2.1 N-CREATE, F.7.2.2
N-SET) and PS3.7 Annex C (statuses). The relay asks the table before it answers the scanner; the cloud folds
the same events with the same table.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.dicom_text import UI
from shared.worklist_item import Status

DataSetJson = dict[str, Any]
"""A data set in the DICOM JSON model (PS3.18 Annex F): ``{"00100010": {"vr": "PN", "Value": [...]}}``."""


class StepStatus(StrEnum):
    """Performed Procedure Step Status (0040,0252) as we store it; DICOM writes IN PROGRESS with a space."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"


class EventKind(StrEnum):
    """The DIMSE service an event came by."""

    N_CREATE = "N-CREATE"
    N_SET = "N-SET"


class ProcedureStepEvent(BaseModel):
    """One N-CREATE or N-SET a relay accepted, as it was received.

    :param event_id: made by the relay when the event was journaled; the same event is recorded once.
    :param received_at: the relay's clock, corrected by the offset it knows to the cloud's.
    :param item_id: the worklist item the relay linked the step to, None if it found none.
    :param dataset: the attribute list as received, in the DICOM JSON model.
    :param warnings: what was wrong with it, in words without patient data (lenient scanners).
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    event_id: Annotated[str, Field(pattern=r"^[0-9a-f-]{32,36}$")]
    sop_instance_uid: UI
    kind: EventKind
    received_at: AwareDatetime
    calling_aetitle: Annotated[str, Field(max_length=16)]
    item_id: str | None = None
    dataset: DataSetJson
    warnings: tuple[str, ...] = ()


class LinkedItem(BaseModel):
    """An item an event changed, and the change number from which the feed shows it."""

    model_config = ConfigDict(frozen=True)

    item_id: str
    feed_seq: int


class EventResult(BaseModel):
    """The cloud's answer for one event.

    :param outcome: ``recorded``; ``already_recorded`` (a replay, as good as recorded); ``refused`` (for good,
        the relay parks it).
    :param reason: why it was refused, without patient data.
    :param items: the items whose status it changed.
    """

    model_config = ConfigDict(frozen=True)

    event_id: str
    outcome: Literal["recorded", "already_recorded", "refused"]
    reason: str = ""
    items: tuple[LinkedItem, ...] = ()


class Move(NamedTuple):
    """A legal transition."""

    to: StepStatus


class Refusal(NamedTuple):
    """A DIMSE failure: status and, where the standard names one, Error ID (0000,0903)."""

    status: int
    comment: str
    error_id: int | None = None


_INVALID_CREATE: Final = Refusal(0x0106, "N-CREATE must have status IN PROGRESS")  # PS3.4 F.7.2.1.2
_DUPLICATE: Final = Refusal(0x0111, "SOP Instance UID is already known")  # PS3.7 C.5.9
_UNKNOWN: Final = Refusal(0x0112, "no such performed procedure step")  # PS3.7 C.5.14
_FINAL: Final = Refusal(0x0110, "performed procedure step is already ended", 0xA710)  # PS3.4 F.7.2.2.2

_IN_PROGRESS, _COMPLETED, _DISCONTINUED = StepStatus

TRANSITIONS: Final[dict[tuple[StepStatus | None, EventKind, StepStatus], Move | Refusal]] = {
    # state now       service             status asked for   outcome
    (None, EventKind.N_CREATE, _IN_PROGRESS): Move(_IN_PROGRESS),
    (None, EventKind.N_CREATE, _COMPLETED): _INVALID_CREATE,
    (None, EventKind.N_CREATE, _DISCONTINUED): _INVALID_CREATE,
    (None, EventKind.N_SET, _IN_PROGRESS): _UNKNOWN,
    (None, EventKind.N_SET, _COMPLETED): _UNKNOWN,
    (None, EventKind.N_SET, _DISCONTINUED): _UNKNOWN,
    (_IN_PROGRESS, EventKind.N_SET, _IN_PROGRESS): Move(_IN_PROGRESS),
    (_IN_PROGRESS, EventKind.N_SET, _COMPLETED): Move(_COMPLETED),
    (_IN_PROGRESS, EventKind.N_SET, _DISCONTINUED): Move(_DISCONTINUED),
    **{(now, EventKind.N_SET, asked): _FINAL for now in (_COMPLETED, _DISCONTINUED) for asked in StepStatus},
    **{(now, EventKind.N_CREATE, asked): _DUPLICATE for now in StepStatus for asked in StepStatus},
}


def transition(now: StepStatus | None, kind: EventKind, asked: StepStatus | None) -> Move | Refusal:
    """Return where an event leads, or why it may not.

    :param now: the step's status, None if the SOP Instance UID is unknown.
    :param asked: the status in the data set; None if it names none: an N-SET then keeps the status, an
        N-CREATE lacks a type 1 attribute (0120, PS3.7 C.5.5).
    """
    if asked is None:
        if kind is EventKind.N_CREATE and now is None:
            return Refusal(0x0120, "Performed Procedure Step Status (0040,0252) is missing")
        asked = _IN_PROGRESS
    return TRANSITIONS[now, kind, asked]


class Step(BaseModel):
    """The folded state of one performed procedure step.

    ``started_at`` and ``ended_at`` are the scanner's local time, as DICOM has them; ``station_aetitle``,
    ``station_name`` and ``discontinuation_reason`` (code value, CID 9300) are empty if not sent.
    """

    model_config = ConfigDict(frozen=True)

    sop_instance_uid: str
    status: StepStatus
    started_at: datetime | None = None
    ended_at: datetime | None = None
    station_aetitle: str = ""
    station_name: str = ""
    discontinuation_reason: str = ""
    series_count: int = 0
    item_ids: tuple[str, ...] = ()


WRONG_WORKLIST_ENTRY: Final = "110514"
"""Code value of "Incorrect worklist entry selected" (PS3.16 CID 9300, DCM)."""


def item_status(step: Step) -> Status:
    """Return the status a step gives the items it is linked to.

    A step discontinued because the wrong entry was selected frees the item: it is still to be done.
    """
    if step.status is StepStatus.DISCONTINUED and step.discontinuation_reason == WRONG_WORKLIST_ENTRY:
        return Status.SCHEDULED
    return Status(step.status.value)
