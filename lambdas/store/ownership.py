"""Who may change what of a stored item. Pure; the rules are those of `shared.worklist_item`.

change from    demographics, schedule                status
source         unless a person edited the field      unless MPPS or a person set it
person         yes, and owns what was edited         yes, until a scanner reports
MPPS           never                                 always
images         never                                 of an open item: COMPLETED, likewise
clock          never                                 of an open item: NO_SHOW, unless MPPS or a person set it;
                                                     without a step that was never ended: see `without_stale`

What an archive has of an item is kept beside its status, so that it does not matter what was heard of first:
once a scanner's step does not count any more, the images do. They never do if the scanner said that the wrong
entry had been selected: they are then of somebody else, under this item's study.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from lambdas.store.plans.timing import Timing
from lambdas.store.unfinished_write_backs import completion_of, no_show_of
from shared.errors import Rejected
from shared.steps.procedure_step import Progress, Step, StepStatus
from shared.steps.study_images import ImagesFound, StudyImages
from shared.worklist_item import Status, WorklistItem

StatusOwner = Literal["source", "mpps", "person", "clock", "images"]
STATUS: Final = "performed_procedure_step_status"
IDENTITY: Final = frozenset(
    {"id", "site", "source", "source_record", "source_event", "source_instrument", "source_instance"}
)
"""What an item is; no edit may change it."""
WAITING: Final = (Status.SCHEDULED, Status.ARRIVED, Status.READY)
"""Open, and no scanner has begun."""
SCANNED: Final = ("mpps", "images")
"""Owners of the status of what was scanned: it stays on the list, and at its site."""


class PerformedStep(BaseModel):
    """A performed step of an item, as scanners reported it; times are the scanner's local ones."""

    model_config = ConfigDict(frozen=True)

    sop_instance_uid: str
    status: StepStatus
    started_at: datetime | None = None
    ended_at: datetime | None = None
    station_aetitle: str = ""
    station_name: str = ""
    series_count: int = 0

    @classmethod
    def of(cls, step: Step) -> PerformedStep:
        """Return what is kept of a step with its item."""
        return cls.model_validate(step.model_dump(include=set(cls.model_fields)))


class StoredItem(BaseModel):
    """An item as the table holds it.

    :param edited: names of the fields a person owns.
    :param gone: a tombstone; the item it buried is kept for what a scanner may still report of it.
    :param progress: what its performed steps amount to, since a person last set the status.
    :param performed: its performed steps as they were reported, also from before a person set the status.
    :param images: what an archive says of its images; None: nothing.
    :param audited: the key of the last audit entry about it; no part of its content.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    item: WorklistItem
    feed_seq: int
    edited: tuple[str, ...] = ()
    status_owner: StatusOwner = "source"
    gone: bool = False
    progress: Progress = Progress()
    audited: str = ""
    performed: tuple[PerformedStep, ...] = ()
    timing: Timing = Timing()
    images: ImagesFound | None = None

    @property
    def version(self) -> str:
        """Which version of the item this is: other content has another, also in a restored table."""
        return _version_of(_Same(self))

    def same_content(self, other: StoredItem) -> bool:
        """Tell whether writing ``other`` over this would change nothing but the number."""
        beside = {"feed_seq": other.feed_seq, "audited": other.audited, "timing": other.timing}
        return self.model_copy(update=beside) == other


class _Same:
    """A stored item as the key of a memo: this very object, which never changes."""

    def __init__(self, stored: StoredItem) -> None:
        self.stored: Final = stored

    def __hash__(self) -> int:
        return id(self.stored)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.stored is other.stored


@lru_cache(maxsize=1024)  # a page that renews itself reads the same items again
def _version_of(same: _Same) -> str:
    stored = same.stored
    # What an earlier build did not know adds nothing as long as it is empty: versions stay the same.
    later = set() if stored.images else {"images"}
    content = stored.model_dump_json(exclude={"feed_seq", "audited", "timing", *later}).encode()
    return f"{stored.feed_seq}-{sha256(content).hexdigest()[:12]}"


def from_source(current: StoredItem | None, incoming: WorklistItem) -> StoredItem:
    """Return what the table should hold after the source says ``incoming``.

    What a person removed stays removed. But it says what the source says: a person who brings it back, or a
    scanner that scans it after all, must not find what was corrected since.
    """
    if current is None or (current.gone and current.status_owner != "person"):
        return StoredItem(item=incoming, feed_seq=0)
    item = incoming.model_copy(update={name: getattr(current.item, name) for name in current.edited})
    if current.status_owner == "clock" and not _still_missed(current.item, item):
        return current.model_copy(update={"item": item, "status_owner": "source"})
    if current.status_owner != "source":
        item = item.model_copy(update={STATUS: current.item.performed_procedure_step_status})
    return current.model_copy(update={"item": item})


def _still_missed(missed: WorklistItem, now: WorklistItem) -> bool:
    return (
        now.performed_procedure_step_status in WAITING
        and now.scheduled_start_date == missed.scheduled_start_date
    )


def from_person(current: StoredItem, changes: Mapping[str, Any]) -> StoredItem:
    """Return the item after a person's edit.

    :raises Rejected: a field that does not exist, may not be edited, or cannot hold the value.
    """
    for name in changes:
        if name not in WorklistItem.model_fields or name in IDENTITY:
            raise Rejected("cannot be edited", where=name)
    try:
        item = WorklistItem.model_validate({**current.item.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise Rejected(str(first["msg"]), where=".".join(map(str, first["loc"]))) from None
    edited = sorted({*current.edited, *(name for name in changes if name != STATUS)})
    update: dict[str, Any] = {"item": item, "edited": tuple(edited)}
    if STATUS in changes:  # what scanners reported before is settled by it
        update |= {"status_owner": "person", "progress": Progress()}
    elif current.status_owner == "clock" and item.scheduled_start_date != current.item.scheduled_start_date:
        update |= {"item": item.model_copy(update={STATUS: Status.SCHEDULED}), "status_owner": "source"}
    return current.model_copy(update=update)


def released(current: StoredItem, fields: Collection[str] = ()) -> StoredItem:
    """Return the item after a person gave fields back to its source, which says them anew with its next sync.

    :param fields: which; none: all that people own.
    :raises Rejected: the item has no source, or nobody changed such a field, or a scanner owns the status.
    """
    if not current.item.source:
        raise Rejected("the item was made by hand: there is no source to give it back to", where="id")
    own = {*current.edited, *([STATUS] if current.status_owner == "person" else [])}
    for name in fields:
        if name not in own:
            reported = name == STATUS and current.status_owner == "mpps"
            why = "belongs to the scanner that reported it" if reported else "is not a person's"
            raise Rejected(why, where=name, hint="the item's `edited` and `status_owner` say what is")
    given = set(fields) or own
    update: dict[str, Any] = {"edited": tuple(name for name in current.edited if name not in given)}
    if STATUS in given:
        update["status_owner"] = "source"
    return current.model_copy(update=update)


def restored(current: StoredItem) -> StoredItem:
    """Return the item after a person brought back what a person had removed.

    :raises Rejected: its row is gone from its source: it comes back with the row.
    """
    if not current.gone:
        return current
    if current.status_owner != "person":
        raise Rejected(
            "its row is gone from REDCap, or is not to be scanned", where="id", hint="put the row right there"
        )
    owner: StatusOwner = "mpps" if current.progress.steps else "source" if current.item.source else "person"
    return current.model_copy(update={"gone": False, "status_owner": owner})


def completed_by_person(current: StoredItem) -> StoredItem:
    """Return the item after a person said that it was scanned; nothing changes if it is completed.

    :raises Rejected: a scanner reports it.
    """
    if current.item.performed_procedure_step_status is Status.COMPLETED:
        return current
    if current.status_owner == "mpps":
        raise Rejected(
            "a scanner reports this exam, and says when it is completed",
            where="id",
            hint="if what it reported is wrong, change the status itself",
        )
    return from_person(current, {STATUS: Status.COMPLETED})


def reopened(current: StoredItem) -> StoredItem:
    """Return the item after a person took back that it is completed: it is to be scanned.

    Its source has the say again; if images had completed it, the person has, or they would do so again.

    :raises Rejected: no person and no archive said that it is completed.
    """
    if not completed_without_step(current):
        raise Rejected("no person and no archive said that it is completed", where="id")
    waiting = current.item.model_copy(update={STATUS: Status.SCHEDULED})
    owner: StatusOwner = "person" if current.images else "source"
    return current.model_copy(update={"item": waiting, "status_owner": owner})


def completed_without_step(current: StoredItem) -> str:
    """Return who says that an item is completed if no scanner does: ``person``, ``images``; else empty."""
    completed = current.item.performed_procedure_step_status is Status.COMPLETED
    says_so = current.status_owner if current.status_owner in {"person", "images"} else ""
    return says_so if completed and not current.gone else ""


def is_same_patient(current: StoredItem, told: StudyImages) -> bool:
    """Tell whether images are under the item's Patient ID. Spaces around it mean nothing (PS3.5 6.2, LO)."""
    return told.patient_id.strip(" ") == current.item.patient_id.strip(" ")


def from_images(current: StoredItem, told: StudyImages) -> StoredItem:
    """Return the item after an archive told of its images: COMPLETED if it is open.

    Images of another study are no news of it; under another Patient ID they are noted, and not believed.
    """
    if current.gone or told.study_instance_uid != current.item.study_instance_uid:
        return current
    found = ImagesFound.of(told, other_patient=not is_same_patient(current, told))
    return _with_images(current.model_copy(update={"images": found}))


def doubted(stored: StoredItem) -> bool:
    """Tell whether images are under another Patient ID, and nobody has said yet what became of the exam."""
    open_still = stored.item.performed_procedure_step_status in (*WAITING, Status.NO_SHOW)
    unsaid = stored.status_owner in {"source", "clock"} and open_still and not stored.gone
    return unsaid and stored.images is not None and stored.images.other_patient


def _with_images(current: StoredItem) -> StoredItem:
    """Return an item as its images have it, where nobody else has the say."""
    freed = current.progress.freed_at is not None
    believed = current.images is not None and not current.images.other_patient and not freed
    status = current.item.performed_procedure_step_status
    if believed and current.status_owner in {"source", "clock"} and status in (*WAITING, Status.NO_SHOW):
        item = current.item.model_copy(update={STATUS: Status.COMPLETED})
        return current.model_copy(update={"item": item, "status_owner": "images"})
    if not believed and current.status_owner == "images":
        item = current.item.model_copy(update={STATUS: Status.SCHEDULED})
        owner: StatusOwner = "clock" if current.progress.stale else "source"
        return current.model_copy(update={"item": item, "status_owner": owner})
    return current


def from_scanner(current: StoredItem, step: Step) -> StoredItem:
    """Return the item after a scanner reported a step of it. A scan is real: it revives even a tombstone."""
    others = [each for each in current.performed if each.sop_instance_uid != step.sop_instance_uid]
    performed = sorted((*others, PerformedStep.of(step)), key=lambda each: each.sop_instance_uid)
    reported = current.model_copy(update={"performed": tuple(performed)})
    return _progressed(reported, current.progress.after(step))


def unlinked(current: StoredItem, uid: str, others: Iterable[Step]) -> StoredItem:
    """Return the item after a person said that a step is not of it.

    :param others: its other steps that count: those since a person last set the status.
    """
    performed = tuple(each for each in current.performed if each.sop_instance_uid != uid)
    without = current.model_copy(update={"performed": performed})
    if uid not in current.progress.steps:
        return without
    return _progressed(without, Progress.of(others))


def _progressed(current: StoredItem, progress: Progress) -> StoredItem:
    status = progress.status()
    freed = status is Status.SCHEDULED
    if freed and current.gone:
        return current.model_copy(update={"progress": progress})
    item = current.item.model_copy(update={STATUS: status})
    owner: StatusOwner = "mpps"
    if freed:  # whose step is stale was there: the clock may not say that nobody came
        owner = "clock" if progress.stale else "source"
    update = {"item": item, "status_owner": owner, "gone": False, "progress": progress}
    return _with_images(current.model_copy(update=update))


def without_stale(current: StoredItem, unknown: Iterable[Step], heard_before: datetime) -> StoredItem:
    """Return the item once nobody waits any more for steps that a scanner began and never ended.

    It is what its other steps amount to, and to be scanned again if there is none; it never becomes NO_SHOW
    for that day. A later report of the step, a new day or a person undoes it.

    :param unknown: steps of an earlier build, of which the item says only that they run.
    :param heard_before: aware; a step last heard of before it is stale.
    """
    if current.status_owner != "mpps" or current.gone:
        return current
    progress = current.progress
    for step in unknown:
        progress = progress.after(step)
    without = progress.without_stale(heard_before)
    return current if without.stale == current.progress.stale else _progressed(current, without)


def unended(stored: StoredItem) -> tuple[str, ...]:
    """Return the steps that a scanner began and never ended, if nobody has said yet what became of the exam.

    No other step, no archive, no person and no new day has said it.
    """
    status = stored.item.performed_procedure_step_status
    unsaid = stored.status_owner == "clock" and status in WAITING and not stored.gone
    return stored.progress.stale if unsaid else ()


def from_clock(current: StoredItem, last_day: str) -> StoredItem:
    """Return the item after its day may have passed: NO_SHOW if it is still waiting for its scan.

    A status that a person set stays: who sets NO_SHOW back to SCHEDULED is not contradicted an hour later.

    :param last_day: ``YYYYMMDD``, the last of the days that have passed.
    """
    item = current.item
    waiting = item.performed_procedure_step_status in WAITING and not current.gone
    if not waiting or current.status_owner != "source" or item.scheduled_start_date > last_day:
        return current
    missed = item.model_copy(update={STATUS: Status.NO_SHOW})
    return current.model_copy(update={"item": missed, "status_owner": "clock"})


def told_as(before: StoredItem | None, after: StoredItem) -> str:
    """Return what the write-back goes by that a change of an item makes due; empty if it makes none due.

    Its row is told that its scan was missed or completed, or was not after all. What a scanner reports is
    told with its step.
    """
    if before is None or after.gone or not after.item.source or after.status_owner == "mpps":
        return ""
    if completed_without_step(before) != completed_without_step(after):
        return completion_of(after.item.id)
    statuses = (each.item.performed_procedure_step_status for each in (before, after))
    return no_show_of(after.item.id) if sum(status is Status.NO_SHOW for status in statuses) == 1 else ""


def withdrawn(current: StoredItem) -> StoredItem:
    """Return the item after its row vanished from the source: gone, unless it was scanned."""
    return current if current.status_owner in SCANNED else current.model_copy(update={"gone": True})


def moved_away(current: StoredItem) -> StoredItem:
    """Return the item after its record moved to another site: withdrawn here, and not cancelled."""
    after = withdrawn(current)
    if after is current:
        return current
    return after.model_copy(update={"timing": current.timing.model_copy(update={"moved": True})})


def removed(current: StoredItem) -> StoredItem:
    """Return the item after a person removed it: the source will not bring it back."""
    return current.model_copy(update={"gone": True, "status_owner": "person"})
