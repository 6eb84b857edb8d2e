"""Which field of a worklist item an attribute is read from: found out by letting it read."""

from __future__ import annotations

from typing import Any, cast

from edge_relay.worklist.attributes import Attribute
from edge_relay.worklist.row import BARE
from shared.worklist_item import WorklistItem


class _Witness:
    """An item that remembers which of its fields were looked at."""

    def __init__(self) -> None:
        self.read: dict[str, None] = {}

    def __getattr__(self, field: str) -> Any:
        self.read[field] = None
        # Optional fields are empty in it, so that what is read in their place is seen too.
        return getattr(BARE, field)


def fields_of(attribute: Attribute) -> tuple[str, ...]:
    """Return the item's fields an attribute is read from, the first choice first; none without a source."""
    if attribute.read is None:
        return ()
    witness = _Witness()
    attribute.read(cast("WorklistItem", witness))
    return tuple(witness.read)
