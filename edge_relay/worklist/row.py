"""What of an item a C-FIND needs, ready to send: one small blob a row of cache.db. Pure.

The blob holds, in the order of the table in `edge_relay.worklist.attributes`, an encoded element (implicit VR
little endian, text in UTF-8) for every attribute we have a source for, joined by `SEPARATOR`. An answer is a
choice of them, so that no item is parsed or built when a scanner asks (see `edge_relay.worklist.answer`).
What most items have none of is one piece at the end, empty for most: it costs those that have it.
An empty piece means that the element is not there at all: its sequence has no item, or the code has its
other form. `FINGERPRINT` changes with anything that changes the bytes: rows made by another version of this
program are then made anew from the items themselves.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from zlib import crc32

from edge_relay.dicom.encoding import element
from edge_relay.worklist.attributes import (
    CODE_VALUE,
    LONG_CODE_VALUE,
    STEP_STATUS,
    WORKLIST,
    Attribute,
    Sequence,
    Tree,
    attributes,
)
from shared.dicom.optional_attributes import OptionalAttributes
from shared.worklist_item import Status, WorklistItem

SEPARATOR: Final = b"\x1f"
"""In no tag of ours, in no length (they are even, and below 0x1D00), and not allowed in DICOM text."""

_RARE_SEPARATOR: Final = b"\x1d"
"""Likewise; between the rare pieces."""

HEADER_BYTES: Final = 8
"""Tag and length in front of each piece's value."""

_WITH_SOURCE: Final = tuple(each for each in attributes(WORKLIST) if each.read is not None)
_USUAL: Final = sum(not each.rare for each in _WITH_SOURCE)

COLUMNS: Final = tuple(sorted(_WITH_SOURCE, key=lambda each: each.rare))
"""The attributes of a row's pieces, the rare ones last."""

COLUMN_OF: Final = {each.tag: column for column, each in enumerate(COLUMNS) if not each.within}
"""Column by tag, of the attribute that has its tag's usual meaning."""

_COLUMN_IN: Final = {(each.within, each.tag): column for column, each in enumerate(COLUMNS)}
STATUS_COLUMN: Final = COLUMN_OF[STEP_STATUS]

_CODE_FORMS: Final = frozenset({CODE_VALUE, LONG_CODE_VALUE})


def column_of(attribute: Attribute) -> int:
    """Return the column of an attribute with a source."""
    return _COLUMN_IN[attribute.within, attribute.tag]


def column_within(sequence: int, tag: int) -> int | None:
    """Return the column of a tag that means another thing in a sequence; None if it has no source there."""
    return _COLUMN_IN.get((sequence, tag))


def blob_of(item: WorklistItem) -> tuple[bytes, bool]:
    """Return an item's blob, and whether all its text is ASCII."""
    usual: list[bytes] = []
    rare: list[bytes] = []
    _collect(WORKLIST, item, True, usual, rare)
    tail = b"" if rare == _NOTHING_RARE else _RARE_SEPARATOR.join(rare)
    is_ascii = all(piece[HEADER_BYTES:].isascii() for piece in (*usual, *rare))
    return SEPARATOR.join((*usual, tail)), is_ascii


def pieces_of(blob: bytes) -> list[bytes]:
    """Return the encoded elements of a blob, one a column."""
    pieces = blob.split(SEPARATOR)
    tail = pieces[_USUAL]
    pieces[_USUAL:] = tail.split(_RARE_SEPARATOR) if tail else _NOTHING_RARE
    return pieces


def seal_of(item_id: str, status: str, is_ascii: int, blob: bytes) -> int:
    """Return the checksum of what is answered with: a bit that flips on the disk must not become a name.

    CRC-32 finds every flip of up to 32 neighbouring bits, and takes less than a microsecond.
    """
    return crc32(blob, crc32(f"{item_id}\x1f{status}\x1f{is_ascii}".encode()))


def whole_of(values: Iterable[str | None]) -> int:
    """Return the checksum of the rest of a row: what it is selected by, and the item as JSON."""
    return crc32("\x1f".join(value or "" for value in values).encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=16)
def status_piece(status: str) -> bytes:
    """Return the Scheduled Procedure Step Status element of a `Status`."""
    return _piece(COLUMNS[STATUS_COLUMN], Status(status).dicom_status())


def text_of(piece: bytes) -> str:
    """Return a piece's value as matching compares it: without padding."""
    return piece[HEADER_BYTES:].decode().rstrip(" \0")


def _collect(tree: Tree, item: WorklistItem, present: bool, usual: list[bytes], rare: list[bytes]) -> None:
    for entry in tree.values():
        if isinstance(entry, Sequence):
            _collect(entry.children, item, present and entry.present(item), usual, rare)
        elif entry.read is not None:
            value = entry.read(item)
            there = present and (value or entry.tag not in _CODE_FORMS)
            (rare if entry.rare else usual).append(_piece(entry, value) if there else b"")


def _piece(attribute: Attribute, value: str | int | None) -> bytes:
    # PregnancyStatus is the only US: 1 to 4, so no separator in it.
    raw = struct.pack("<H", value) if isinstance(value, int) else (value or "").encode()
    return element(attribute.tag, attribute.vr, raw, implicit=True)


BARE: Final = WorklistItem(
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
"""An item of nobody with all that an item must have, and nothing else."""


def _nothing_rare() -> list[bytes]:
    rare: list[bytes] = []
    _collect(WORKLIST, BARE, True, [], rare)
    return rare


_NOTHING_RARE: Final = _nothing_rare()
"""The rare pieces of an item that has none of them."""


def _fingerprint() -> str:
    short = WorklistItem(
        id="sample",
        site="sample",
        study_instance_uid="2.25.1",
        accession_number="A",
        requested_procedure_id="R",
        scheduled_procedure_step_id="S",
        patient_name="Ä^B",
        patient_id="P",
        issuer_of_patient_id="I",
        patient_birth_date="20000101",
        patient_sex="O",
        patient_weight_kg="1.5",
        patient_size_m="2.5",
        pregnancy_status=4,
        medical_alerts="M",
        allergies="L",
        referring_physician_name="F",
        study_description="D",
        modality="MR",
        scheduled_station_aetitle="T",
        station_name="N",
        scheduled_start_date="20261122",
        scheduled_start_time="093000",
        performing_physician="Y",
        procedure_description="E",
        protocol_name="C",
        hisris_coding_designator="G",
        performed_procedure_step_status=Status.IN_PROGRESS,
    )
    bare = {"study_description": "", "hisris_coding_designator": "", "protocol_name": "C" * 17}
    every = {name: f"x{number}" for number, name in enumerate(OptionalAttributes.model_fields)}
    samples = (
        short,
        short.model_copy(update=bare),
        short.model_copy(update={"protocol_name": ""}),
        short.model_copy(update=every),
    )
    return hashlib.sha256(repr([blob_of(each) for each in samples]).encode()).hexdigest()[:32]


FINGERPRINT: Final = _fingerprint()
"""Names the form of the blobs this program writes and reads."""
