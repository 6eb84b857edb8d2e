"""The worklist query: from an identifier's bytes to what is matched and returned. Pure (PS3.4 Annex K).

`parse_query` turns what a scanner sent into a `Query`. Matching rules are in `edge_relay.worklist.matching`,
attributes in `edge_relay.worklist.attributes`; `edge_relay.worklist.finding` puts the query and the scanner's
profile together.

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

from edge_relay.dicom.elements import Element, Elements, read
from edge_relay.worklist.attributes import (
    MODALITY,
    SPECIFIC_CHARACTER_SET,
    STATION_AE_TITLE,
    STEP_START_DATE,
    STEP_START_TIME,
    STEP_STATUS,
    WORKLIST,
    Attribute,
    Sequence,
    Tree,
    tag_of,
)
from edge_relay.worklist.matching import DateRange, Matcher, OneOf, TimeRange, matcher_for
from shared.dicom.charset import TEXT_VRS, CharacterSet, character_set
from shared.errors import Rejected

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

    def holds(self, day: str, clock: str) -> bool:
        """Tell whether a start date and time lie within the window."""
        start = day + clock.ljust(12, "0")
        return (not self.first or self.first <= start) and (not self.last or start <= self.last)


@dataclass(frozen=True, slots=True)
class Query:
    """What a scanner asked.

    :param incomplete: an optional key was asked that we do not support: answers are FF01, not FF00.
    :param names_status: (0040,0020) was asked for with a value, so that the default selection is off.
    :param conditions: necessary conditions for a store to select by; each says all that its matcher does.
    """

    keys: tuple[Key, ...]
    incomplete: bool
    names_status: bool
    window: Window | None
    conditions: tuple[Condition, ...]


CONDITION_FIELDS: Final = {
    tag_of("StudyInstanceUID"): "study_instance_uid",
    tag_of("AccessionNumber"): "accession_number",
    tag_of("ScheduledProcedureStepID"): "scheduled_procedure_step_id",
    tag_of("RequestedProcedureID"): "requested_procedure_id",
    tag_of("PatientID"): "patient_id",
    MODALITY: "modality",
    STATION_AE_TITLE: "scheduled_station_aetitle",
}
"""Attributes a store may select by, if they are asked for by value, and the items' fields they come from."""


def parse_query(
    data: bytes,
    *,
    implicit: bool,
    reading: Reading = Reading(),  # noqa: B008  (frozen)
    tree: Tree = WORKLIST,
) -> Query:
    """Return what an identifier asks; raise `Rejected` if it cannot be understood (A900).

    :param tree: what may be asked for: the table, and what a scanner's profile adds to it.
    """
    elements = read(data, implicit=implicit)
    parser = _Parser(reading, _declared(elements))
    keys = parser.keys(elements, tree, depth=1)
    if not keys:
        raise Rejected("the identifier asks for no attribute of a worklist item")
    return Query(keys, parser.incomplete, parser.names_status, parser.window, tuple(parser.conditions()))


def keys_of(tree: Tree) -> tuple[Key, ...]:
    """Return keys that ask for everything of a tree, and match everything."""
    return tuple(
        Key(entry, children=keys_of(entry.children)) if isinstance(entry, Sequence) else Key(entry)
        for entry in tree.values()
    )


def _declared(elements: Elements) -> CharacterSet:
    element = elements.get(SPECIFIC_CHARACTER_SET)
    terms = element.value.decode("latin-1").strip(" \0") if element else ""
    return character_set(tuple(term.strip() for term in terms[:256].split("\\")))


class _Parser:
    """Reads one identifier, and remembers what concerns the query as a whole."""

    def __init__(self, reading: Reading, charset: CharacterSet) -> None:
        self._reading = reading
        self._charset = charset
        self._found: dict[int, Matcher] = {}
        self.window: Window | None = None
        self.incomplete = False
        self.names_status = False

    def keys(self, elements: Elements, tree: Tree, depth: int) -> tuple[Key, ...]:
        combined = self._reading.combine_date_and_time and STEP_START_DATE in tree and self._combine(elements)
        keys = []
        for tag, element in elements.items():
            entry = tree.get(tag)
            if entry is None:
                # Group lengths are no keys (PS3.5 7.2), (0008,0005) only says how the others are written.
                self.incomplete |= tag & 0xFFFF != 0 and tag != SPECIFIC_CHARACTER_SET
            elif isinstance(entry, Sequence):
                keys.append(self._sequence(element, entry, depth))
            else:
                in_window = combined and tag in {STEP_START_DATE, STEP_START_TIME}
                keys.append(Key(entry) if in_window else self._attribute(element, entry))
        return tuple(keys)

    def conditions(self) -> Iterable[Condition]:
        for tag, field in CONDITION_FIELDS.items():
            matcher = self._found.get(tag)
            if isinstance(matcher, OneOf):
                yield Condition(field, values=tuple(sorted(matcher.values)))
        day = self._found.get(STEP_START_DATE)
        if self.window is not None:
            yield Condition("scheduled_start_date", first=self.window.first[:8], last=self.window.last[:8])
        elif isinstance(day, DateRange):
            yield Condition("scheduled_start_date", first=day.first, last=day.last)

    def _sequence(self, element: Element, entry: Sequence, depth: int) -> Key:
        items = element.items
        if items is None and not element.value:
            items = ()
        if items is None or depth > _DEEPEST:
            raise Rejected("a sequence was expected", where=entry.keyword)
        if len(items) > 1:
            raise Rejected(
                "a sequence in a query has at most one item (PS3.4 C.2.2.2.6)", where=entry.keyword
            )
        # A sequence without an item, or with an empty one, asks for all of its attributes (PS3.4 C.2.2.2.6).
        if not items or not items[0]:
            return Key(entry, children=keys_of(entry.children))
        return Key(entry, children=self.keys(items[0], entry.children, depth + 1))

    def _attribute(self, element: Element, entry: Attribute) -> Key:
        if element.items is not None:
            raise Rejected("a value was expected, not a sequence", where=entry.keyword)
        if not element.value:
            return Key(entry)
        if not entry.matched:
            self.incomplete |= bool(element.value.strip(b" *\0"))
            return Key(entry)
        try:
            matcher = matcher_for(
                entry.vr, self._values(element, entry.vr), ignore_accents=self._reading.ignore_accents
            )
        except Rejected as error:
            raise Rejected(error.what, where=entry.keyword) from None
        if matcher is not None:
            if not entry.within:
                self._found[entry.tag] = matcher
            self.names_status |= entry.tag == STEP_STATUS
        return Key(entry, matcher)

    def _values(self, element: Element, vr: str) -> list[str]:
        # Decoded first, cut after: the second byte of a character may look like a backslash.
        value = element.value
        return (self._charset.decode(value) if vr in TEXT_VRS else value.decode("latin-1")).split("\\")

    def _combine(self, elements: Elements) -> bool:
        day_element, clock_element = elements.get(STEP_START_DATE), elements.get(STEP_START_TIME)
        if day_element is None or clock_element is None:
            return False
        try:
            day = matcher_for("DA", self._values(day_element, "DA"))
            clock = matcher_for("TM", self._values(clock_element, "TM"))
        except Rejected:
            return False  # reading the key by itself will say which one is wrong
        if not (isinstance(day, DateRange) and isinstance(clock, TimeRange) and day.ranged and clock.ranged):
            return False
        self.window = Window(
            first=day.first + (clock.first or "0" * 12) if day.first else "",
            last=day.last + (clock.last or "9" * 12) if day.last else "",
        )
        return True
