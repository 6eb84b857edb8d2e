"""One flat row of a REDCap export: its key, and its values as text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.errors import Unavailable
from shared.identifiers import RowKey

DATA_ACCESS_GROUP: Final = "redcap_data_access_group"

PSEUDO_FIELDS: Final = frozenset(
    {"redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", DATA_ACCESS_GROUP}
)
"""Columns REDCap adds to the record id: usable like fields, never asked for by name."""


@dataclass(frozen=True)
class RedcapRow:
    """A record x event x repeat.

    :param record: the record id exactly as REDCap writes it: "007" is not 7.
    :param event: ``redcap_event_name``, empty in a classic project.
    :param instrument: ``redcap_repeat_instrument``, empty on a base row and in a repeating event.
    :param instance: ``redcap_repeat_instance``, None where the row does not repeat.
    :param values: REDCap field -> value as text, empty if REDCap has none; the record's data access group
        among them, if it was asked for.
    """

    record: str
    event: str
    instrument: str
    instance: int | None
    values: Mapping[str, str]

    @classmethod
    def from_flat(cls, flat: object, record_id_field: str) -> RedcapRow:
        """Return the row REDCap sent; raise `Unavailable` if it is not one (half an answer is no answer)."""
        if not isinstance(flat, dict) or flat.get(record_id_field) in {None, ""}:
            raise Unavailable(f"REDCap sent a row without the record id field {record_id_field}")
        values = {str(name): "" if value is None else str(value) for name, value in flat.items()}
        instance = values.pop("redcap_repeat_instance", "")
        if instance and not (instance.isascii() and instance.isdigit()):
            raise Unavailable("REDCap sent a row whose redcap_repeat_instance is no number")
        return cls(
            record=values[record_id_field],
            event=values.pop("redcap_event_name", ""),
            instrument=values.pop("redcap_repeat_instrument", ""),
            instance=int(instance) if instance else None,
            values=values,
        )

    def to_flat(self, record_id_field: str) -> dict[str, Any]:
        """Return the row as REDCap imports it: the key columns that apply, and the values.

        Never the data access group: REDCap would move the record.
        """
        flat: dict[str, Any] = {record_id_field: self.record}
        if self.event:
            flat["redcap_event_name"] = self.event
        if self.instance is not None:
            flat["redcap_repeat_instrument"] = self.instrument
            flat["redcap_repeat_instance"] = self.instance
        kept = self.values.keys() - {record_id_field, DATA_ACCESS_GROUP}
        return flat | {name: value for name, value in self.values.items() if name in kept}

    def key(self, source: str) -> RowKey:
        """Return what an item made from this row is identified by."""
        return RowKey(source, self.record, self.event, self.instrument, self.instance or 1)
