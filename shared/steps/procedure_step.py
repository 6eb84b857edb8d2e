"""The performed procedure step: the events a scanner sends, and the state machine they drive.

Every transition and refusal is a row of `TRANSITIONS`, citing DICOM PS3.4 Annex F (F.7.2.1 N-CREATE, F.7.2.2
N-SET) and PS3.7 Annex C (statuses). The relay asks the table before it answers the scanner; the cloud folds
the same events with the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from shared.dicom.dicom_text import UI
from shared.dicom.dimse_status import (
    DUPLICATE_SOP_INSTANCE,
    INVALID_ATTRIBUTE_VALUE,
    NO_LONGER_UPDATED,
    NO_SUCH_SOP_INSTANCE,
    PROCESSING_FAILURE,
)
from shared.text.storable import storable
from shared.worklist_item import Status

DataSetJson = dict[str, Any]
"""A data set in the DICOM JSON model (PS3.18 Annex F): ``{"00100010": {"vr": "PN", "Value": [...]}}``."""


class StepStatus(StrEnum):
    """Performed Procedure Step Status (0040,0252) as we store it; DICOM writes IN PROGRESS with a space."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"


MOST_EVENTS: Final = 100
"""The most events a relay may send in one call."""


class EventKind(StrEnum):
    """The DIMSE service an event came by."""

    N_CREATE = "N-CREATE"
    N_SET = "N-SET"


class ProcedureStepEvent(BaseModel):
    """One N-CREATE or N-SET a relay accepted, as it was received.

    :param event_id: made by the relay when the event was journaled; the same event is recorded once.
    :param received_at: the relay's clock, corrected by the offset it knows to the cloud's.
    :param item_id: the first worklist item the relay linked the step to, None if it found none. Relays that
        know ``item_ids`` send both; older ones only this.
    :param item_ids: all items the relay linked the step to.
    :param dataset: the attribute list as received, in the DICOM JSON model.
    :param warnings: what was wrong with it, in words without patient data.
    """

    model_config = ConfigDict(defer_build=True, frozen=True, hide_input_in_errors=True)

    event_id: Annotated[str, Field(pattern=r"^[0-9a-f-]{32,36}$")]
    sop_instance_uid: UI
    kind: EventKind
    received_at: AwareDatetime
    calling_aetitle: Annotated[str, Field(max_length=16), BeforeValidator(storable)]
    item_id: Annotated[str | None, BeforeValidator(storable)] = None
    item_ids: Annotated[tuple[str, ...], BeforeValidator(storable)] = ()
    dataset: Annotated[DataSetJson, BeforeValidator(storable)]
    warnings: Annotated[tuple[str, ...], BeforeValidator(storable)] = ()

    def linked(self) -> tuple[str, ...]:
        """Return the ids of all items the relay linked it to, whichever way it said so."""
        first = (self.item_id,) if self.item_id else ()
        return tuple(dict.fromkeys((*first, *self.item_ids)))


MOST_REFERENCES: Final = 500
"""The most events a relay may ask about in one call."""


class EventReference(BaseModel):
    """Names an event, for a relay that asks whether the cloud has it."""

    model_config = ConfigDict(defer_build=True, frozen=True, hide_input_in_errors=True)

    event_id: Annotated[str, Field(pattern=r"^[0-9a-f-]{32,36}$")]
    sop_instance_uid: UI


class LinkedItem(BaseModel):
    """An item an event changed, and the change number from which the feed shows it."""

    model_config = ConfigDict(defer_build=True, frozen=True)

    item_id: str
    feed_seq: int


class EventResult(BaseModel):
    """The cloud's answer for one event.

    :param outcome: ``recorded``; ``already_recorded`` (a replay, as good as recorded); ``refused`` (for good,
        the relay parks it).
    :param reason: why it was refused, without patient data.
    :param items: the items whose status it changed.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

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


_INVALID_CREATE: Final = Refusal(
    INVALID_ATTRIBUTE_VALUE, "N-CREATE must have status IN PROGRESS"
)  # PS3.4 F.7.2.1.3
# PS3.7 10.1.5.1.6. Also if the same N-CREATE is sent again because our answer was lost: the scanner learns
# from it that the step is known, and goes on with N-SET.
_DUPLICATE: Final = Refusal(DUPLICATE_SOP_INSTANCE, "SOP Instance UID is already known")
_UNKNOWN: Final = Refusal(NO_SUCH_SOP_INSTANCE, "no such performed procedure step")  # PS3.7 10.1.3.1.9
_FINAL: Final = Refusal(  # PS3.4 Table F.7.2-2, comment and Error ID are the standard's
    PROCESSING_FAILURE, "Performed Procedure Step Object may no longer be updated", NO_LONGER_UPDATED
)

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
    :param asked: the status in the data set; None if it names none: an N-SET then keeps the status, and an
        N-CREATE can mean nothing but IN PROGRESS. Whether it may be left out is not decided here.
    """
    return TRANSITIONS[now, kind, asked or _IN_PROGRESS]


EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When steps were reported that were stored before it was noted."""


class Step(BaseModel):
    """The folded state of one performed procedure step.

    ``reported_at`` is when a relay received its last event, ``created_at`` its first. ``started_at`` and
    ``ended_at`` are the scanner's local time, as DICOM has them, with the offset from UTC (0008,0201) that
    came with each, empty if none did, and when a relay received it: see `shared.steps.step_times`.
    ``station_aetitle``, ``station_name`` and ``discontinuation_reason`` (code value, CID 9300) are empty if
    not sent.
    ``image_count`` is how many instances its series refer to.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    sop_instance_uid: str
    status: StepStatus
    reported_at: AwareDatetime = EARLIEST
    created_at: AwareDatetime = EARLIEST
    started_at: datetime | None = None
    started_offset: str = ""
    started_heard_at: AwareDatetime | None = None
    ended_at: datetime | None = None
    ended_offset: str = ""
    ended_heard_at: AwareDatetime | None = None
    station_aetitle: str = ""
    station_name: str = ""
    discontinuation_reason: str = ""
    series_count: int = 0
    image_count: int = 0
    item_ids: tuple[str, ...] = ()


WRONG_WORKLIST_ENTRY: Final = "110514"
"""Code value of "Incorrect worklist entry selected" (PS3.16 CID 9300, DCM)."""


def item_status(step: Step) -> Status:
    """Return the status a step alone gives the items it is linked to.

    A step discontinued because the wrong entry was selected frees the item: it is still to be done.
    """
    if step.status is StepStatus.DISCONTINUED and step.discontinuation_reason == WRONG_WORKLIST_ENTRY:
        return Status.SCHEDULED
    return Status(step.status.value)


class OpenStep(BaseModel):
    """A step in progress: at which station, and when anything was last heard of it (aware).

    :param stale: nobody waits for its end any more, because nothing was heard of it for so long.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    sop_instance_uid: str
    station_aetitle: str
    reported_at: AwareDatetime
    stale: bool = False


class Progress(BaseModel):
    """What all performed steps of one item amount to. Relay and cloud use the same, so that they agree.

    The item is IN_PROGRESS while any of its steps is; else COMPLETED if any was completed; else what the
    scanner said last: DISCONTINUED, or SCHEDULED again because the wrong entry had been selected. Events of
    different steps may be heard of in any order: the outcome is the same.

    A scanner that was restarted in mid-exam may begin a step anew and never end the first. Such an orphan
    does not count any more once the same scanner has ended a step of the item that it began later. If the
    orphan is heard of again after that, it counts again. So it is with a step that became stale: see
    `without_stale`.

    :param steps: SOP Instance UIDs of all its steps, sorted.
    :param running: those of its steps in progress that count, sorted.
    :param open_steps: all its steps in progress, those superseded or stale too; sorted. Of an earlier build's
        steps only ``running`` knows.
    :param ended: when the last step began that a station ended, by its AE title; sorted.
    :param given_up_at: when the scanner last discontinued one, aware.
    :param freed_at: when it last discontinued one because the wrong entry had been selected, aware.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    steps: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    open_steps: tuple[OpenStep, ...] = ()
    ended: tuple[tuple[str, AwareDatetime], ...] = ()
    completed: bool = False
    given_up_at: AwareDatetime | None = None
    freed_at: AwareDatetime | None = None

    @classmethod
    def of(cls, steps: Iterable[Step]) -> Progress:
        """Return what these steps amount to."""
        progress = cls()
        for step in steps:
            progress = progress.after(step)
        return progress

    def after(self, step: Step) -> Progress:
        """Return the progress once a step stands as given."""
        uid, status, at = step.sop_instance_uid, item_status(step), step.reported_at
        unknown = {*self.running} - {each.sop_instance_uid for each in self.open_steps} - {uid}
        open_steps = [each for each in self.open_steps if each.sop_instance_uid != uid]
        ended = dict(self.ended)
        if status is Status.IN_PROGRESS:
            open_steps.append(
                OpenStep(sop_instance_uid=uid, station_aetitle=step.station_aetitle, reported_at=at)
            )
        elif step.station_aetitle:
            ended[step.station_aetitle] = max(step.created_at, ended.get(step.station_aetitle, EARLIEST))
        counting = {each.sop_instance_uid for each in open_steps if _counts(each, ended)}
        return Progress(
            steps=tuple(sorted({*self.steps, uid})),
            running=tuple(sorted(unknown | counting)),
            open_steps=tuple(sorted(open_steps, key=lambda each: each.sop_instance_uid)),
            ended=tuple(sorted(ended.items())),
            completed=self.completed or status is Status.COMPLETED,
            given_up_at=_later(self.given_up_at, at) if status is Status.DISCONTINUED else self.given_up_at,
            freed_at=_later(self.freed_at, at) if status is Status.SCHEDULED else self.freed_at,
        )

    def without_stale(self, heard_before: datetime) -> Progress:
        """Return the progress once nobody waits any more for steps that are silent since then.

        Such a step does not count until it is heard of again.

        :param heard_before: aware; a step last heard of before it becomes stale.
        """
        stale = {each.sop_instance_uid for each in self.open_steps if each.reported_at < heard_before}
        open_steps = tuple(
            each.model_copy(update={"stale": True}) if each.sop_instance_uid in stale else each
            for each in self.open_steps
        )
        running = tuple(uid for uid in self.running if uid not in stale)
        return self.model_copy(update={"open_steps": open_steps, "running": running})

    @property
    def superseded(self) -> tuple[str, ...]:
        """The SOP Instance UIDs of steps in progress that do not count because of a later one, sorted."""
        aside = (each for each in self.open_steps if each.sop_instance_uid not in self.running)
        return tuple(each.sop_instance_uid for each in aside if not each.stale)

    @property
    def stale(self) -> tuple[str, ...]:
        """The SOP Instance UIDs of steps that nobody waits for any more, sorted."""
        return tuple(each.sop_instance_uid for each in self.open_steps if each.stale)

    def status(self) -> Status:
        """Return the status it gives the item."""
        if self.running:
            return Status.IN_PROGRESS
        if self.completed:
            return Status.COMPLETED
        given_up = self.given_up_at is not None and self.given_up_at == _later(
            self.given_up_at, self.freed_at
        )
        return Status.DISCONTINUED if given_up else Status.SCHEDULED


def _counts(step: OpenStep, ended: Mapping[str, datetime]) -> bool:
    superseded = step.reported_at < ended.get(step.station_aetitle, EARLIEST)
    return not superseded and not step.stale


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other
