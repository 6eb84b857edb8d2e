"""Unfinished write-backs: those of steps and of missed scans that are due, or that REDCap refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from shared.steps.procedure_step import Step
from shared.worklist_item import WorklistItem

PARKED: Final = "PARKED"
"""Stands where `DUE` stood once REDCap has refused for good; the same index finds both."""

FOR_GOOD: Final = "parked: "
NOTE_LENGTH: Final = 1000

NO_SHOW: Final = "NO_SHOW:"
COMPLETION: Final = "COMPLETION:"
WITHOUT_STEP: Final = (NO_SHOW, COMPLETION)
"""How the write-backs that are of no step begin, where others go by a SOP Instance UID."""
FEEDBACK: Final = "FEEDBACK:"
"""Begins the message that asks for a source's rows to be told whether their scans are on the worklist."""


def no_show_of(item_id: str) -> str:
    """Return what the write-back of a missed scan goes by."""
    return f"{NO_SHOW}{item_id}"


def completion_of(item_id: str) -> str:
    """Return what the write-back goes by of a scan that a person or an archive says is completed."""
    return f"{COMPLETION}{item_id}"


@dataclass(frozen=True)
class PendingWriteBack:
    """A write-back that is due.

    :param performed: item id -> every step of that item, this one and others; none since a person last set
        its status.
    :param completed_by: item id -> who says that it is completed (``mpps``, ``images``, ``person``), or "".
    :param version: hand it back when done: a newer event in between keeps the step due.
    :param attempts: how often it has been tried in vain.
    """

    items: tuple[WorklistItem, ...]
    performed: Mapping[str, tuple[Step, ...]]
    version: int
    attempts: int
    completed_by: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ParkedWriteBack:
    """A write-back that REDCap refused; only a person makes it due again.

    :param items: the items it is linked to: each names its source and the row it was made from.
    :param reason: what REDCap said, without values.
    :param attempts: how often it had been tried before.
    :param parked_at: aware.
    """

    sop_instance_uid: str
    site: str
    items: tuple[WorklistItem, ...]
    reason: str
    attempts: int
    parked_at: datetime

    def sources(self) -> tuple[str, ...]:
        """Return the ids of the sources its items came from, sorted."""
        return tuple(sorted({item.source for item in self.items if item.source}))


WriteBackState = Literal["done", "due", "parked"]


@dataclass(frozen=True)
class PerformedStep:
    """A step as people look at it, with its write-back.

    :param write_back: ``done``: nothing is owed to REDCap; ``due``: it is tried; ``parked``: REDCap refuses.
    :param note: why it is still due or parked, without patient data; empty if nothing is known.
    """

    step: Step
    write_back: WriteBackState
    note: str = ""
