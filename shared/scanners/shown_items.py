"""Which scanner was shown which item, and when, as a relay tells the cloud: ``POST /relay/shown``. Pure.

Counts since the relay began to count, not since it last told: told twice, they say the same.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AwareDatetime, Field

from shared.dicom.dicom_text import AE
from shared.text.storable import StorableModel

MOST_ITEMS: Final = 100
"""Items in one call."""
MOST_SCANNERS: Final = 50
"""Scanners of one item: those that were shown it last."""


class ShownTo(StorableModel):
    """A scanner that was shown an item.

    :param times: how many answers had the item.
    """

    ae_title: AE
    first_at: AwareDatetime
    last_at: AwareDatetime
    times: Annotated[int, Field(ge=1, le=2**53)]


class ShownItem(StorableModel):
    """An item, and every scanner of this relay that was shown it."""

    item_id: Annotated[str, Field(min_length=1, max_length=64)]
    scanners: Annotated[tuple[ShownTo, ...], Field(min_length=1, max_length=MOST_SCANNERS)]


class ShownItems(StorableModel):
    """What a relay tells."""

    items: Annotated[tuple[ShownItem, ...], Field(max_length=MOST_ITEMS)]


class ShownKept(StorableModel):
    """How many items the cloud has kept."""

    kept: int
