"""An event as it fits a call to the cloud, and a DynamoDB item of at most 400 KB: packed, or shortened.

Lists of many images are counted (`shared.steps.image_references`). What still does not fit, because it is no
list of images, loses its longest attributes, and says so in its warnings; the relay's journal has the whole
of it. Relay and cloud use the same rules: what the relay answers with Success, the cloud takes.

Pure.
"""

from __future__ import annotations

import json
import zlib
from typing import Final, NamedTuple

from shared.errors import Rejected
from shared.steps.image_references import counted
from shared.steps.procedure_step import DataSetJson, ProcedureStepEvent

LONGEST_PLAIN: Final = 100_000
LONGEST_PACKED: Final = 350_000
LONGEST_CARRIED: Final = 3_000_000
"""Characters of an event in a call; the API takes 5 MB."""

_MOST_BYTES_A_CHARACTER: Final = 4  # UTF-8

_NEEDED: Final = frozenset(  # what folds, links and names a step: see shared.steps.step_dataset
    {
        "00080060",
        "00400241",
        "00400242",
        "00400244",
        "00400245",
        "00400250",
        "00400251",
        "00400252",
        "00400253",
        "00400270",
        "00400281",
    }
)


class EventBody(NamedTuple):
    """An event's JSON as a row holds it: as text, or packed."""

    body: str | None
    packed: bytes | None


def carried(event: ProcedureStepEvent) -> ProcedureStepEvent:
    """Return an event as a relay sends it; raise `Rejected` if what is needed of it is too long by itself."""
    event = counted(event)
    while (length := len(event.model_dump_json())) > LONGEST_CARRIED:
        event = _shortened(event)
    if length * _MOST_BYTES_A_CHARACTER > LONGEST_PLAIN:
        pack(event)
    return event


def pack(event: ProcedureStepEvent) -> EventBody:
    """Return an event as a row holds it; raise `Rejected` if what is needed of it is too long by itself."""
    text = event.model_dump_json()
    if len(text.encode()) <= LONGEST_PLAIN:
        return EventBody(text, None)
    packed = zlib.compress(text.encode())
    while len(packed) > LONGEST_PACKED:
        event = _shortened(event)
        packed = zlib.compress(event.model_dump_json().encode())
    return EventBody(None, packed)


def unpack(row: EventBody) -> ProcedureStepEvent:
    """Return the event a row holds."""
    text = row.body if row.packed is None else zlib.decompress(row.packed)
    return ProcedureStepEvent.model_validate_json(text or "")


def _shortened(event: ProcedureStepEvent) -> ProcedureStepEvent:
    sizes = {tag: len(json.dumps(element)) for tag, element in event.dataset.items() if tag not in _NEEDED}
    if not sizes:
        raise Rejected("the event is too long to be stored", where="dataset")
    longest = max(sizes, key=lambda tag: sizes[tag])
    kept: DataSetJson = {tag: element for tag, element in event.dataset.items() if tag != longest}
    said = f"({longest[:4]},{longest[4:]}) was left out in the cloud: {sizes[longest]} characters"
    return event.model_copy(update={"dataset": kept, "warnings": (*event.warnings, said)})
