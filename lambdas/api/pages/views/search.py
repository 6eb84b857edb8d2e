"""Who is meant by what somebody typed: parts of a name, an id or a record, in any order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.text.transliteration import plain

FIELDS: Final = ("patient_name", "patient_id", "source_record", "accession_number")
FEWEST_LETTERS: Final = 2


def admits(typed: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells whether an item's fields hold every word that was typed, accents and case aside."""
    words = _folded(typed).replace(",", " ").split()

    def admitted(fields: Mapping[str, Any]) -> bool:
        text = _folded(" ".join(str(fields.get(name, "")) for name in FIELDS))
        return all(word in text for word in words)

    return admitted


def is_record(typed: str, record: str) -> bool:
    """Tell whether what was typed is a record's id, or ends in it after ``record``."""
    return record.casefold() in typed.casefold().replace(",", " ").split()


def _folded(text: str) -> str:
    return plain(text).casefold()
