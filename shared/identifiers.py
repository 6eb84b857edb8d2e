"""Identifiers that survive the loss of every table: each is a function of the REDCap row it names.

The same row gives the same `item_id`, and the same `item_id` gives the same UID, accession number and step
ids, for ever. Changing anything here changes identifiers already on scanners and in archives: don't.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID, uuid5

_NAMESPACE: Final = UUID("6f1c1a4e-6a53-5b0e-9d55-0d6c5c0a7b11")
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U to misread aloud
_SHORT_ID_LENGTH: Final = 16  # SH, PS3.5 section 6.2; one letter of prefix and 15 * 5 = 75 bits of hash


@dataclass(frozen=True)
class RowKey:
    """Which REDCap row a scan is: by record alone, repeats would overwrite each other.

    :param source: the source definition's id.
    :param record: REDCap's record id, exactly as REDCap writes it (leading zeros kept).
    :param event: ``redcap_event_name``, empty in a classic project.
    :param instrument: ``redcap_repeat_instrument``, empty on a base row.
    :param instance: ``redcap_repeat_instance``, 1 where the row does not repeat.
    """

    source: str
    record: str
    event: str = ""
    instrument: str = ""
    instance: int = 1

    def item_id(self) -> str:
        """Return the row's item id: 32 hexadecimal digits of a UUIDv5 over all five parts."""
        parts = [self.source, self.record, self.event, self.instrument, self.instance]
        return uuid5(_NAMESPACE, json.dumps(parts, ensure_ascii=False)).hex


def successor(item_id: str) -> str:
    """Return the id of an item whose own would be `item_id`, were that not still another scan's.

    A scan that has begun keeps its id when its record is renamed. If the record's old name is then given to
    another participant, the row of that name needs an id of its own.
    """
    return uuid5(_NAMESPACE, "successor:" + item_id).hex


def study_instance_uid(item_id: str) -> str:
    """Return the Study Instance UID: ``2.25.`` and a UUIDv5 as an integer (PS3.5 section B.2)."""
    return f"2.25.{uuid5(_NAMESPACE, 'study:' + item_id).int}"


def accession_number(item_id: str) -> str:
    """Return the Accession Number (0008,0050), 16 characters."""
    return _short_id("A", item_id)


def requested_procedure_id(item_id: str) -> str:
    """Return the Requested Procedure ID (0040,1001), 16 characters."""
    return _short_id("R", item_id)


def scheduled_procedure_step_id(item_id: str) -> str:
    """Return the Scheduled Procedure Step ID (0040,0009), 16 characters."""
    return _short_id("S", item_id)


def _short_id(prefix: str, item_id: str) -> str:
    number = int.from_bytes(sha256(f"{prefix}:{item_id}".encode()).digest())
    digits = []
    for _ in range(_SHORT_ID_LENGTH - len(prefix)):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return prefix + "".join(digits)
