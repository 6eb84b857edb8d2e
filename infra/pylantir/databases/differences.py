"""In what a row of the predecessor's differs from our item of the same exam: edits through its API. Pure.

pylantir writes dates and times in its own way, and leaves fields empty until a second sync. Only what says
something else than REDCap counts, however it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from infra.pylantir.databases.old_rows import OldItem
from lambdas.sources.typed_values import read_time
from shared.dicom.dicom_text import parse_date
from shared.errors import Rejected
from shared.worklist_item import WorklistItem

Read = Callable[[str], str]


def _time(text: str) -> str:
    return read_time(text).replace(":", "")


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("^")


_COMPARED: Final[dict[str, Read]] = {
    "patient_name": _plain,
    "scheduled_start_date": parse_date,
    "scheduled_start_time": _time,
    "referring_physician_name": _plain,
    "performing_physician": _plain,
    "study_description": _plain,
    "protocol_name": _plain,
    "station_name": _plain,
    "modality": _plain,
}


def differences(row: OldItem, ours: WorklistItem) -> list[str]:
    """Return the fields in which a row says something else than our item; what it does not say, agrees."""
    return [
        name for name, read in _COMPARED.items() if _differ(getattr(row, name), getattr(ours, name), read)
    ]


def _differ(theirs: str, own: str, read: Read) -> bool:
    if not theirs or theirs == own:
        return False
    with suppress(Rejected):
        return read(theirs) != read(own)
    return True
