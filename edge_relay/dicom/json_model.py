"""An MPPS attribute list: encoded data set to the DICOM JSON model (PS3.18 Annex F) and back. Pure.

`decode` keeps everything a scanner sent that can be read: text in its character set, numbers, sequences,
private and binary values. Padding goes; DS and IS stay the text they were, so that no digit is lost.
`encode` writes the same again, for N-GET. Where a message refers to very many images, `decode_counted` leaves
their lists encoded as they are, and counts them (`shared.steps.image_references`).
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from pydicom.dataset import Dataset

from edge_relay.dicom.elements import Element, Elements, read
from edge_relay.dicom.encoding import BINARY_VRS, item_header
from edge_relay.dicom.encoding import element as encoded
from edge_relay.dicom.reference_lists import ReferenceList, ReferenceLists, encoded_items, taken_apart
from shared.dicom.character_sets import UTF8
from shared.dicom.charset import TEXT_VRS, CharacterSet, character_set
from shared.errors import Rejected
from shared.steps.image_references import COUNT, LISTS, MOST_LISTED
from shared.steps.procedure_step import DataSetJson
from shared.steps.step_dataset import CHARACTER_SET

_ONE_VALUE: Final = frozenset({"LT", "ST", "UR", "UT"})  # a backslash is a character there, PS3.5 6.2
_NUMBERS: Final = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
_NAME_GROUPS: Final = ("Alphabetic", "Ideographic", "Phonetic")
_CHARACTER_SET: Final = int(CHARACTER_SET, 16)
_MOST_ELEMENTS: Final = 200_000  # more than fit into LONGEST_BUT_LISTS
LONGEST_BUT_LISTS: Final = 1 << 20
"""Bytes of the longest attribute list, without its lists of references."""

_TAG: Final = struct.Struct("<HH")


def decode(data: bytes, *, implicit: bool) -> tuple[DataSetJson, tuple[str, ...]]:
    """Return an attribute list, and a warning for each attribute that could not be read and was left out.

    :param implicit: the transfer syntax is implicit VR little endian, else explicit.
    :raises Rejected: if it is no data set.
    """
    elements = read(data, implicit=implicit, most_elements=_MOST_ELEMENTS)
    decoder = _Decoder()
    return decoder.items(elements, character_set(())), tuple(decoder.warnings)


class AttributeList(NamedTuple):
    """An attribute list as it was read.

    :param unread: a warning for each attribute that could not be read and was left out.
    :param lists: the lists of references that are counted, in the order of the attributes. Of each, the first
        items that are not as they should be stand in its ``Value``, for whoever judges the message.
    """

    attributes: DataSetJson
    unread: tuple[str, ...]
    lists: tuple[ReferenceList, ...] = ()


def decode_counted(data: bytes, *, implicit: bool) -> AttributeList:
    """Return an attribute list with its lists of references counted, if they have very many.

    :param implicit: the transfer syntax is implicit VR little endian, else explicit.
    :raises Rejected: if it is no data set, or too long without those lists.
    """
    lists = ReferenceLists()
    whole = {int(tag, 16): lists.take for tag in LISTS}
    elements = read(data, implicit=implicit, most_elements=_MOST_ELEMENTS, whole=whole)
    if len(data) - lists.length > LONGEST_BUT_LISTS:
        raise Rejected(f"longer than {LONGEST_BUT_LISTS} bytes, references to images not counted")
    decoder = _Decoder(lists, counting=lists.count > MOST_LISTED)
    attributes = decoder.items(elements, character_set(()))
    return AttributeList(attributes, tuple(decoder.warnings), tuple(decoder.lists))


def encode(attributes: DataSetJson, *, implicit: bool, lists: Iterable[ReferenceList] = ()) -> bytes:
    """Return an attribute list encoded; its text in the character set it names if that has it, else UTF-8.

    The character set is declared whenever there is text beyond ASCII.

    :param lists: those that are counted in it, in the order of the attributes.
    :raises Rejected: if one of them is not there.
    """
    named = attributes.get(CHARACTER_SET, {}).get("Value", [])
    # An empty first term is the default repertoire; dropped, the second would be in force from the start.
    charset = character_set(tuple("" if term is None else str(term) for term in named))
    held = tuple(lists)
    encoder = _Encoder(charset, implicit, held)
    data = encoder.items(attributes)
    if not encoder.lossless:
        declared = {**attributes, CHARACTER_SET: {"vr": "CS", "Value": [UTF8]}}
        data = _Encoder(character_set((UTF8,)), implicit, held).items(declared)
    return data


def selected(attributes: DataSetJson, tags: Iterable[int]) -> tuple[DataSetJson, tuple[int, ...]]:
    """Return the attributes with these tags, and the tags that are not held.

    The character set goes with them, whether asked for or not: their text means nothing without it.
    """
    wanted = {f"{tag:08X}": tag for tag in tags}
    held = {tag: attributes[tag] for tag in (CHARACTER_SET, *wanted) if tag in attributes}
    return held, tuple(tag for key, tag in wanted.items() if key not in held)


def to_json(dataset: Dataset) -> tuple[DataSetJson, tuple[str, ...]]:
    """Return a pydicom data set in the DICOM JSON model, and a warning for each element it cannot read."""
    attributes: DataSetJson = {}
    warnings = []
    for tag in sorted(dataset.keys()):
        try:
            attributes[f"{int(tag):08X}"] = dataset[tag].to_json_dict(None, 0)
        except Exception:  # noqa: BLE001  pydicom raises whatever a sender's bytes provoke; the rest is kept
            warnings.append(f"element {tag} could not be read and was left out")
    return attributes, tuple(warnings)


class _Decoder:
    def __init__(self, found: ReferenceLists | None = None, *, counting: bool = False) -> None:
        self.warnings: list[str] = []
        self.lists: list[ReferenceList] = []
        self._found = found
        self._counting = counting

    def items(self, elements: Elements, inherited: CharacterSet) -> DataSetJson:
        """Return one data set; a sequence's item without a character set has that of its parent."""
        named = elements.get(_CHARACTER_SET)
        charset = character_set(tuple(_texts(named.value.decode("latin-1")))) if named else inherited
        attributes: DataSetJson = {}
        for tag in sorted(elements):
            if tag & 0xFFFF == 0:
                continue  # group lengths are retired
            try:
                attributes[f"{tag:08X}"] = self._element(elements[tag], charset)
            except (struct.error, ValueError):
                name = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
                self.warnings.append(f"element {name} could not be read and was left out")
        return attributes

    def _element(self, element: Element, charset: CharacterSet) -> dict[str, Any]:
        vr, value, items = element
        if items is not None:
            listed = self._found.of(element) if self._found is not None else None
            if listed is not None:
                return self._references(listed, charset)
            values: list[Any] = [self.items(item, charset) for item in items]
        elif not value:
            return {"vr": vr}
        elif vr in BINARY_VRS:
            return {"vr": vr, "InlineBinary": base64.b64encode(value).decode()}
        else:
            values = _values(vr, value, charset)
        return {"vr": vr, "Value": values} if values else {"vr": vr}

    def _references(self, listed: ReferenceList, charset: CharacterSet) -> dict[str, Any]:
        counting = self._counting and listed.size > 0
        if counting:
            self.lists.append(listed)
        items = listed.odd if counting else taken_apart(listed)
        values = [self.items(item, charset) for item in items]
        found: dict[str, Any] = {"vr": "SQ", COUNT: listed.size} if counting else {"vr": "SQ"}
        return {**found, "Value": values} if values else found


def _values(vr: str, value: bytes, charset: CharacterSet) -> list[Any]:
    if vr in _NUMBERS:
        numbers = [number for (number,) in struct.iter_unpack(f"<{_NUMBERS[vr]}", value)]
        if not all(map(math.isfinite, numbers)):
            raise ValueError("JSON has no such number")
        return numbers
    if vr == "AT":
        return [f"{group:04X}{number:04X}" for group, number in _TAG.iter_unpack(value)]
    text = charset.decode(value) if vr in TEXT_VRS else value.decode("latin-1")
    if vr in _ONE_VALUE:
        return [kept] if (kept := text.rstrip(" \0")) else []
    return [_name(part) if vr == "PN" and part else part or None for part in _texts(text)]


def _texts(text: str) -> list[str]:
    if "\\" not in text:
        return [part] if (part := text.strip(" \0")) else []
    parts = [part.strip(" \0") for part in text.split("\\")]
    return parts if any(parts) else []


def _name(text: str) -> dict[str, str]:
    groups = zip(_NAME_GROUPS, text.split("="), strict=False)
    return {key: group for key, group in groups if group}


class _Encoder:
    def __init__(self, charset: CharacterSet, implicit: bool, lists: Iterable[ReferenceList] = ()) -> None:
        self._charset = charset
        self._implicit = implicit
        self._lists = iter(lists)
        self.lossless = True

    def items(self, attributes: DataSetJson) -> bytes:
        """Return one data set, by ascending tag."""
        return b"".join(self._element(int(tag, 16), attributes[tag]) for tag in sorted(attributes))

    def _element(self, tag: int, element: dict[str, Any]) -> bytes:
        vr: str = element["vr"]
        value = self._value(vr, element)
        return encoded(tag, vr, value, implicit=self._implicit)

    def _value(self, vr: str, element: dict[str, Any]) -> bytes:
        values: list[Any] = element.get("Value", [])
        if COUNT in element:
            return self._references()
        if vr == "SQ":
            return b"".join([self._item(item) for item in values])
        if vr in BINARY_VRS:
            return base64.b64decode(element.get("InlineBinary", ""))
        if vr in _NUMBERS:
            return struct.pack(f"<{len(values)}{_NUMBERS[vr]}", *values)
        if vr == "AT":
            return b"".join(_TAG.pack(int(value[:4], 16), int(value[4:], 16)) for value in values)
        return self._text(vr, "\\".join(_text(value) for value in values))

    def _references(self) -> bytes:
        listed = next(self._lists, None)
        if listed is None:
            raise Rejected("a list of references to images is no longer held")
        return b"".join(
            each if isinstance(each, bytes) else self._item(_Decoder().items(each, self._charset))
            for each in encoded_items(listed, implicit=self._implicit)
        )

    def _item(self, item: DataSetJson) -> bytes:
        data = self.items(item)
        return item_header(len(data)) + data

    def _text(self, vr: str, text: str) -> bytes:
        if vr not in TEXT_VRS:
            return text.encode("latin-1", "replace")
        value, lossless = self._charset.encode(text)
        self.lossless = self.lossless and lossless
        return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return "=".join(value.get(group, "") for group in _NAME_GROUPS).rstrip("=")
    return str(value)
