"""Who may change what of a stored item. Pure; the rules are those of `shared.worklist_item`.

change from    demographics, schedule                status
source         unless a person edited the field      unless MPPS or a person set it
person         yes, and owns what was edited         yes, until a scanner reports
MPPS           never                                 always
clock          never                                 of an open item: NO_SHOW, unless MPPS or a person set it
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import Rejected
from shared.steps.procedure_step import Progress, Step
from shared.worklist_item import Status, WorklistItem

StatusOwner = Literal["source", "mpps", "person", "clock"]
STATUS: Final = "performed_procedure_step_status"
IDENTITY: Final = frozenset(
    {"id", "site", "source", "source_record", "source_event", "source_instrument", "source_instance"}
)
"""What an item is; no edit may change it."""
WAITING: Final = (Status.SCHEDULED, Status.ARRIVED, Status.READY)
"""Open, and no scanner has begun."""


class StoredItem(BaseModel):
    """An item as the table holds it.

    :param edited: names of the fields a person owns.
    :param gone: a tombstone; the item it buried is kept for what a scanner may still report of it.
    :param progress: what its performed steps amount to, since a person last set the status.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    item: WorklistItem
    feed_seq: int
    edited: tuple[str, ...] = ()
    status_owner: StatusOwner = "source"
    gone: bool = False
    progress: Progress = Progress()

    @property
    def version(self) -> str:
        """Which version of the item this is: other content has another, also in a restored table."""
        content = self.model_dump_json(exclude={"feed_seq"}).encode()
        return f"{self.feed_seq}-{sha256(content).hexdigest()[:12]}"

    def same_content(self, other: StoredItem) -> bool:
        """Tell whether writing ``other`` over this would change nothing but the number."""
        return self.model_copy(update={"feed_seq": other.feed_seq}) == other


def from_source(current: StoredItem | None, incoming: WorklistItem) -> StoredItem:
    """Return what the table should hold after the source says ``incoming``."""
    if current is None or (current.gone and current.status_owner != "person"):
        return StoredItem(item=incoming, feed_seq=0)
    if current.gone:
        return current  # a person removed it: only a person brings it back
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


def from_scanner(current: StoredItem, step: Step) -> StoredItem:
    """Return the item after a scanner reported a step of it. A scan is real: it revives even a tombstone."""
    progress = current.progress.after(step)
    status = progress.status()
    freed = status is Status.SCHEDULED
    if freed and current.gone:
        return current.model_copy(update={"progress": progress})
    item = current.item.model_copy(update={STATUS: status})
    owner: StatusOwner = "source" if freed else "mpps"
    update = {"item": item, "status_owner": owner, "gone": False, "progress": progress}
    return current.model_copy(update=update)


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


def tells_source(before: StoredItem | None, after: StoredItem) -> bool:
    """Tell whether the row an item came from has to be told that its scan was missed, or was not after all.

    What a scanner reports is told with its step.
    """
    if before is None or after.gone or not after.item.source or after.status_owner == "mpps":
        return False
    statuses = (each.item.performed_procedure_step_status for each in (before, after))
    return sum(status is Status.NO_SHOW for status in statuses) == 1


def withdrawn(current: StoredItem) -> StoredItem:
    """Return the item after its row vanished from the source: gone, unless a scanner has reported on it."""
    return current if current.status_owner == "mpps" else current.model_copy(update={"gone": True})


def removed(current: StoredItem) -> StoredItem:
    """Return the item after a person removed it: the source will not bring it back."""
    return current.model_copy(update={"gone": True, "status_owner": "person"})
