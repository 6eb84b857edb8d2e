"""The worklist query: from an identifier to conditions, from an item to a response. Pure (PS3.4 Annex K).

`parse_query` turns what a scanner sent into a `Query`, once; `matches` and `respond` then take items one by
one. Matching rules are in `edge_relay.matching`, attributes in `edge_relay.worklist_attributes`.

Dates and times, the reading taken (PS3.4 Table K.6-1, remark on the Start Date): if both Start Date and
Start Time are ranges, they name one interval: ``20261120-20261122`` with ``0800-1200`` is from the 20th,
08:00, to the 22nd, 12:00. In every other case each is matched by itself: ``20261120`` with ``0800-1200`` is
that morning. An open end stays open: ``20261120-`` with ``0800-1200`` has no end.
A scanner's profile may ask for the other reading (``combine_date_and_time = false``): every day's morning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from edge_relay.charset import TEXT_VRS, CharacterSet
from edge_relay.matching import DateRange, Matcher, OneOf, TimeRange, matcher_for
from edge_relay.worklist_attributes import (
    CODE_VALUE,
    LONG_CODE_VALUE,
    SPECIFIC_CHARACTER_SET,
    STEP_START_DATE,
    STEP_START_TIME,
    STEP_STATUS,
    WORKLIST,
    Attribute,
    Sequence,
    Tree,
    Value,
)
from shared.errors import Rejected
from shared.worklist_item import OPEN_STATUSES, WorklistItem

_UNMATCHED_VRS: Final = frozenset({"DS", "US"})  # measures: returned, never matched on
_DEEPEST: Final = 3


class Reading(NamedTuple):
    """How one scanner's queries are read.

    :param combine_date_and_time: two ranges are one interval; see the module's text.
    :param ignore_accents: names match without accents.
    """

    combine_date_and_time: bool = True
    ignore_accents: bool = False


class Condition(NamedTuple):
    """A necessary condition on one field of an item: a store may use it to leave items out early.

    Either ``values`` (the field is one of them) or inclusive bounds ``first`` and ``last``, empty if open.
    """

    field: str
    values: tuple[str, ...] = ()
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a query: what to match, what to return.

    :param matcher: None matches everything.
    :param children: a sequence's keys; None if it is no sequence.
    """

    entry: Attribute | Sequence
    matcher: Matcher | None = None
    children: tuple[Key, ...] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Start date and time as one interval; bounds are ``YYYYMMDDHHMMSSffffff``, empty if open."""

    first: str
    last: str

    def holds(self, item: WorklistItem) -> bool:
        """Tell whether the item starts within the window."""
        start = item.scheduled_start_date + item.scheduled_start_time.ljust(12, "0")
        return (not self.first or self.first <= start) and (not self.last or start <= self.last)


@dataclass(frozen=True, slots=True)
class Query:
    """What a scanner asked.

    :param incomplete: an optional key was asked that we do not support: answers are FF01, not FF00.
    :param names_status: (0040,0020) was asked for with a value, so that the default selection is off.
    :param conditions: necessary conditions for a store to select by.
    """

    keys: tuple[Key, ...]
    incomplete: bool
    names_status: bool
    window: Window | None
    conditions: tuple[Condition, ...]


_CONDITION_FIELDS: Final = {
    tag_for_keyword("StudyInstanceUID"): "study_instance_uid",
    tag_for_keyword("AccessionNumber"): "accession_number",
    tag_for_keyword("PatientID"): "patient_id",
    tag_for_keyword("Modality"): "modality",
    tag_for_keyword("ScheduledStationAETitle"): "scheduled_station_aetitle",
}


def parse_query(identifier: Dataset, reading: Reading = Reading()) -> Query:  # noqa: B008  (frozen)
    """Return what an identifier asks; raise `Rejected` if it cannot be understood (A900)."""
    parser = _Parser(reading)
    keys = parser.keys(identifier, WORKLIST, depth=1)
    if not keys:
        raise Rejected("the identifier asks for no attribute of a worklist item")
    return Query(keys, parser.incomplete, parser.names_status, parser.window, tuple(parser.conditions()))


def matches(query: Query, item: WorklistItem) -> bool:
    """Tell whether the item is an answer to the query.

    Steps that are over are left out unless the query names a status itself.
    """
    if not query.names_status and item.performed_procedure_step_status not in OPEN_STATUSES:
        return False
    if query.window is not None and not query.window.holds(item):
        return False
    return _all_match(query.keys, item)


def respond(query: Query, item: WorklistItem, charset: CharacterSet) -> tuple[Dataset, bool]:
    """Return the response identifier, every key asked for and nothing else, and whether no text was lost.

    Specific Character Set is declared whenever the answer holds an attribute it applies to.
    """
    writer = _Writer(item, charset)
    dataset = writer.dataset(query.keys)
    if writer.has_text:
        dataset.SpecificCharacterSet = list(charset.terms) if len(charset.terms) > 1 else charset.terms[0]
    return dataset, writer.lossless


def _all_match(keys: Iterable[Key], item: WorklistItem) -> bool:
    return all(_key_matches(key, item) for key in keys)


def _key_matches(key: Key, item: WorklistItem) -> bool:
    if isinstance(key.entry, Sequence):
        children = key.children or ()
        if all(child.matcher is None and not child.children for child in children):
            return True
        return key.entry.present(item) and _all_match(children, item)
    return key.matcher is None or key.matcher(str(key.entry.value(item) or ""))


class _Parser:
    """Reads one identifier, and remembers what concerns the query as a whole."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._found: dict[int, Matcher] = {}
        self.window: Window | None = None
        self.incomplete = False
        self.names_status = False

    def keys(self, dataset: Dataset, tree: Tree, depth: int) -> tuple[Key, ...]:
        elements = self._readable(dataset)
        combined = self._reading.combine_date_and_time and STEP_START_DATE in tree and self._combine(elements)
        keys = []
        for element in elements:
            entry = tree.get(int(element.tag))
            if entry is None:
                self.incomplete = True
            elif isinstance(entry, Sequence):
                keys.append(self._sequence(element, entry, depth))
            else:
                in_window = combined and element.tag in {STEP_START_DATE, STEP_START_TIME}
                keys.append(Key(entry) if in_window else self._attribute(element, entry))
        return tuple(keys)

    def conditions(self) -> Iterable[Condition]:
        for tag, field in _CONDITION_FIELDS.items():
            matcher = self._found.get(tag or 0)
            if isinstance(matcher, OneOf):
                yield Condition(field, values=tuple(sorted(matcher.values)))
        day = self._found.get(STEP_START_DATE)
        if self.window is not None:
            yield Condition("scheduled_start_date", first=self.window.first[:8], last=self.window.last[:8])
        elif isinstance(day, DateRange):
            yield Condition("scheduled_start_date", first=day.first, last=day.last)

    def _readable(self, dataset: Dataset) -> list[DataElement]:
        try:
            # Group lengths are no keys (PS3.5 7.2), and (0008,0005) only says how the others are written.
            return [e for e in dataset if e.tag.element != 0 and e.tag != SPECIFIC_CHARACTER_SET]
        except Exception:  # noqa: BLE001  pydicom decodes late, and raises what the bytes happen to provoke
            raise Rejected("the identifier cannot be decoded") from None

    def _sequence(self, element: DataElement, entry: Sequence, depth: int) -> Key:
        items = list(element.value or ()) if element.VR == "SQ" else None
        where = str(element.tag)
        if items is None or depth > _DEEPEST:
            raise Rejected("a sequence was expected", where=where)
        if len(items) > 1:
            raise Rejected("a sequence in a query has at most one item (PS3.4 C.2.2.2.6)", where=where)
        asked = self.keys(items[0], entry.children, depth + 1) if items else ()
        # A sequence without an item, or with an empty one, asks for all of its attributes (PS3.4 C.2.2.2.6).
        return Key(entry, children=asked if items and len(items[0]) else _everything(entry.children))

    def _attribute(self, element: DataElement, entry: Attribute) -> Key:
        values = _texts(element)
        if entry.read is None or entry.vr in _UNMATCHED_VRS:
            self.incomplete |= any(value.strip(" *") for value in values)
            return Key(entry)
        try:
            matcher = matcher_for(entry.vr, values, ignore_accents=self._reading.ignore_accents)
        except Rejected as error:
            raise Rejected(error.what, where=str(element.tag)) from None
        if matcher is not None:
            self._found[entry.tag] = matcher
            self.names_status |= entry.tag == STEP_STATUS
        return Key(entry, matcher)

    def _combine(self, elements: list[DataElement]) -> bool:
        asked = {int(e.tag): e for e in elements if e.tag in {STEP_START_DATE, STEP_START_TIME}}
        if len(asked) < 2:
            return False
        try:
            day = matcher_for("DA", _texts(asked[STEP_START_DATE]))
            clock = matcher_for("TM", _texts(asked[STEP_START_TIME]))
        except Rejected:
            return False  # reading the key by itself will say which one is wrong
        if not (isinstance(day, DateRange) and isinstance(clock, TimeRange) and day.ranged and clock.ranged):
            return False
        self.window = Window(
            first=day.first + (clock.first or "0" * 12) if day.first else "",
            last=day.last + (clock.last or "9" * 12) if day.last else "",
        )
        return True


class _Writer:
    """Writes one item's response."""

    def __init__(self, item: WorklistItem, charset: CharacterSet) -> None:
        self._item = item
        self._charset = charset
        self.lossless = True
        self.has_text = False

    def dataset(self, keys: Iterable[Key]) -> Dataset:
        dataset = Dataset()
        for key in keys:
            if isinstance(key.entry, Sequence):
                present = key.entry.present(self._item)
                dataset.add_new(key.entry.tag, "SQ", [self.dataset(key.children or ())] if present else [])
            else:
                self._add(dataset, key.entry)
        return dataset

    def _add(self, dataset: Dataset, entry: Attribute) -> None:
        value = entry.value(self._item)
        if entry.tag == CODE_VALUE and not value and entry.read is not None:
            # Exactly one form of the code must be there (PS3.3 Table 8.8-1): who asks for the code gets it.
            entry = _LONG_CODE
            value = entry.value(self._item)
        elif entry.tag == LONG_CODE_VALUE and not value:
            return
        if entry.vr in TEXT_VRS:
            self.has_text = True
            value, whole = self._charset.fit(str(value))
            self.lossless &= whole
        dataset.add_new(entry.tag, entry.vr, _native(value))


def _native(value: Value) -> Value:
    return None if value == "" else value


def _everything(tree: Tree) -> tuple[Key, ...]:
    return tuple(
        Key(entry, children=_everything(entry.children)) if isinstance(entry, Sequence) else Key(entry)
        for entry in tree.values()
    )


def _texts(element: DataElement) -> list[str]:
    if element.value is None:
        return []
    values = element.value if isinstance(element.value, (MultiValue, list)) else [element.value]
    return [str(value) for value in values]


def _walk(tree: Tree) -> Iterable[Attribute]:
    for entry in tree.values():
        if isinstance(entry, Sequence):
            yield from _walk(entry.children)
        else:
            yield entry


_LONG_CODE: Final = next(entry for entry in _walk(WORKLIST) if entry.tag == LONG_CODE_VALUE)
