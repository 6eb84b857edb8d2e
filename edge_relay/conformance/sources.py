"""Which field of a worklist item an attribute is read from: found out by letting it read."""

from __future__ import annotations

from typing import Any, Final, cast

from edge_relay.worklist.attributes import Attribute
from shared.worklist_item import WorklistItem

_BARE: Final = WorklistItem(  # optional fields are empty, so that what is read in their place is seen too
    id="sample",
    site="sample",
    study_instance_uid="2.25.1",
    requested_procedure_id="R",
    scheduled_procedure_step_id="S",
    patient_name="A^B",
    patient_id="P",
    modality="MR",
    scheduled_station_aetitle="T",
    scheduled_start_date="20261122",
    scheduled_start_time="093000",
    procedure_description="E",
)


class _Witness:
    """An item that remembers which of its fields were looked at."""

    def __init__(self) -> None:
        self.read: dict[str, None] = {}

    def __getattr__(self, field: str) -> Any:
        self.read[field] = None
        return getattr(_BARE, field)


def fields_of(attribute: Attribute) -> tuple[str, ...]:
    """Return the item's fields an attribute is read from, the first choice first; none without a source."""
    if attribute.read is None:
        return ()
    witness = _Witness()
    attribute.read(cast("WorklistItem", witness))
    return tuple(witness.read)
