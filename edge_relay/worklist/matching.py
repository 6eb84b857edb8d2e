"""Attribute matching: does a value satisfy what a query key asks (PS3.4 section C.2.2.2)? Pure.

    value representation      matching
    UI                        single value, list of UID                               C.2.2.2.1, C.2.2.2.2
    DA, TM                    single value, range, open-ended ranges                  C.2.2.2.1, C.2.2.2.5
    PN                        case-insensitive, by group and component, wild cards    C.2.2.2.1, C.2.2.2.4
    AE CS LO SH UC            single value, wild cards `*` and `?`                    C.2.2.2.1, C.2.2.2.4

An empty key and a lone `*` match everything, a missing value too (universal matching, C.2.2.2.3): they have
no matcher. Several values joined by a backslash are alternatives: the standard says so for UI only, but
consoles send ``CT\\MR``. A TM may stop at the hour or minute; it then stands for all of that hour or minute,
so ``0800-1200`` includes 12:00:30. ``2400`` is the end of the day. Of ``2200-0200`` the standard says nothing
(C.2.2.2.5 has the earlier time first): it is the night, as for dcm4che.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from shared.dicom.dicom_text import parse_date
from shared.errors import Rejected
from shared.text.transliteration import plain, without_accents

WILD_CARD_VRS: Final = frozenset({"AE", "CS", "LO", "LT", "SH", "ST", "UC"})
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?")
_RUN_OF_STARS = re.compile(r"\*{2,}")
_MOST_PATTERNS: Final = 64  # alternatives, and characters of one: far more than any attribute has, and
_LONGEST_PATTERN: Final = 256  # little enough that a hostile query is read at once
_MOST_GROUPS, _MOST_COMPONENTS = 3, 5  # of a person name, PS3.5 6.2.1
_WILD_OR_BETWEEN = re.compile(r"[*?^\s]")  # what may stand for something else in a name
_EARLIEST, _LATEST = "", "9" * 12  # sort before and after every DA and every padded TM


class Matcher(Protocol):
    """Tells whether one value of an item satisfies a key."""

    def __call__(self, value: str) -> bool:
        """Return True if it does."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Single value matching, or a list of alternatives."""

    values: frozenset[str]

    def __call__(self, value: str) -> bool:
        """Tell whether the value matches."""
        return value in self.values


@dataclass(frozen=True, slots=True)
class Wild:
    """Wild card matching: ``*`` is any run of characters, ``?`` exactly one."""

    patterns: tuple[re.Pattern[str], ...]

    def __call__(self, value: str) -> bool:
        """Tell whether the value matches."""
        return any(pattern.fullmatch(value) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class DateRange:
    """An inclusive range of DA; an empty bound is open. ``ranged`` is False for a single value."""

    first: str
    last: str
    ranged: bool

    def __call__(self, value: str) -> bool:
        """Tell whether the value matches."""
        return bool(value) and (self.first or _EARLIEST) <= value <= (self.last or _LATEST)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """An inclusive range of TM, bounds padded to ``HHMMSSffffff``; an empty bound is open.

    If the first is later than the last, it goes through midnight.
    """

    first: str
    last: str
    ranged: bool

    def __call__(self, value: str) -> bool:
        """Tell whether the value matches."""
        if not value:
            return False
        moment, first, last = value.ljust(12, "0"), self.first or _EARLIEST, self.last or _LATEST
        return first <= moment <= last if first <= last else moment >= first or moment <= last


@dataclass(frozen=True, slots=True)
class AnyRange:
    """Several dates or times, or ranges of them, as alternatives."""

    ranges: tuple[DateRange | TimeRange, ...]

    def __call__(self, value: str) -> bool:
        """Tell whether the value matches."""
        return any(alternative(value) for alternative in self.ranges)


@dataclass(frozen=True, slots=True)
class NameGroup:
    """One component group of a query for a person name.

    :param whole: what the group as a whole may look like.
    :param spaced: the same with the name's components joined by spaces; None if components were asked for.
    :param components: what each component must look like; None where it may be anything.
    :param anchor: text that any such name contains: most names are told apart by it.
    """

    whole: re.Pattern[str]
    spaced: re.Pattern[str] | None
    components: tuple[re.Pattern[str] | None, ...]
    anchor: str

    def matches(self, group: str) -> bool:
        """Tell whether a name's group, folded, is what is asked for."""
        if self.anchor not in group:
            return False
        if self.whole.fullmatch(group):
            return True
        if self.spaced is not None and self.spaced.fullmatch(" ".join(group.replace("^", " ").split())):
            return True
        have = group.split("^")
        have += [""] * (len(self.components) - len(have))
        return all(
            want is None or want.fullmatch(each.strip())
            for want, each in zip(self.components, have, strict=False)
        )


@dataclass(frozen=True, slots=True)
class PersonName:
    """Person name matching (PS3.4 C.2.2.2.1; PS3.5 6.2.1), always without regard to case.

    A query of one group is tried on each of the name's groups: a console may put ideographs first. Of a
    group, the components asked for must match, those left out may be anything: ``DOE``, ``DOE^`` and
    ``DOE^J*`` all find ``Doe^John``. Without ``^`` the whole name with spaces is tried as well
    (``doe john``), and a wild card may run across components (``D*n``).

    :param queries: alternatives, each a list of groups; None for a group left out.
    :param anchors: a text for each, that any name it finds contains.
    """

    queries: tuple[tuple[NameGroup | None, ...], ...]
    anchors: tuple[str, ...]
    ignore_accents: bool = False

    def __call__(self, value: str) -> bool:
        """Tell whether the value matches."""
        name = fold_name(value, self.ignore_accents)
        if not any(anchor in name for anchor in self.anchors):
            return False
        groups = name.split("=")
        return any(_name_matches(query, groups) for query in self.queries)


def fold_name(text: str, ignore_accents: bool) -> str:
    """Return text as names are compared: composed the same way, without case.

    :param ignore_accents: also without accents, and with the letters an ASCII keyboard has for others, so
        that ``Lukasz`` finds ``Łukasz`` and ``O'Neil`` finds ``O’Neil``.
    """
    if text.isascii():
        return text.lower()
    if ignore_accents:
        text = without_accents(plain(text))
    return unicodedata.normalize("NFC", text).casefold()


def matcher_for(vr: str, values: Sequence[str], *, ignore_accents: bool = False) -> Matcher | None:
    """Return the matcher for a key's values, None where everything matches; raise `Rejected` if malformed."""
    asked = [_RUN_OF_STARS.sub("*", value.strip(" \0")) for value in values]
    if not asked or any(value in {"", "*"} for value in asked):
        return None
    wild = vr in WILD_CARD_VRS and any("*" in value or "?" in value for value in asked)
    if not wild and vr not in {"PN", "DA", "TM"}:
        return OneOf(frozenset(asked))
    _check_size(asked)
    if wild:
        return Wild(tuple(map(_pattern, asked)))
    if vr == "DA":
        return _one_or_any([date_range(value) for value in asked])
    if vr == "TM":
        return _one_or_any([time_range(value) for value in asked])
    return _person_name(asked, ignore_accents)


def date_range(text: str) -> DateRange:
    """Return what a DA key asks: ``20261120``, ``20261120-20261122``, ``20261120-`` or ``-20261122``."""
    first, dash, last = text.partition("-")
    if dash and not first.strip() and not last.strip():
        raise Rejected("a date range needs at least one date")
    lower, upper = _date(first), _date(last)
    return DateRange(lower, upper if dash else lower, bool(dash))


def time_range(text: str) -> TimeRange:
    """Return what a TM key asks: ``0930``, ``08-12``, ``0800-`` or ``-1200``."""
    first, dash, last = text.partition("-")
    if dash and not first.strip() and not last.strip():
        raise Rejected("a time range needs at least one time")
    upper = last if dash else first
    return TimeRange(_time(first, at_end=False), _time(upper, at_end=True), bool(dash))


def _check_size(asked: Sequence[str]) -> None:
    if len(asked) > _MOST_PATTERNS or any(len(value) > _LONGEST_PATTERN for value in asked):
        raise Rejected("it asks for more, or for longer values, than an attribute can have")


def _one_or_any(ranges: list[DateRange] | list[TimeRange]) -> Matcher:
    return ranges[0] if len(ranges) == 1 else AnyRange(tuple(ranges))


def _date(text: str) -> str:
    plain = text.strip().replace(".", "")  # ACR-NEMA 300 wrote 2026.11.22; PS3.5 asks readers to accept it
    return parse_date(plain) if plain else ""


def _time(text: str, *, at_end: bool) -> str:
    text = text.strip()
    if not text:
        return ""
    match = _TIME.fullmatch(text)
    if match is None:
        raise Rejected("a time must look like 09, 0930, 093000 or 093000.5")
    hour, minute, second, fraction = match.groups()
    if hour == "24" and not int((minute or "0") + (second or "0") + (fraction or "0")):
        return "235959999999" if at_end else "235959000000"  # the end of the day, as ISO 8601 writes it
    if int(hour) > 23 or int(minute or 0) > 59 or int(second or 0) > 60:  # 60: leap second, PS3.5 6.2
        raise Rejected("a time must lie between 00:00:00 and 23:59:60")
    rest, filler = ("59", "9") if at_end else ("00", "0")
    return hour + (minute or rest) + (second or rest) + (fraction or "").ljust(6, filler)


@lru_cache(maxsize=512)
def _pattern(wild: str) -> re.Pattern[str]:
    pieces = ["".join("." if c == "?" else re.escape(c) for c in piece) for piece in wild.split("*")]
    if len(pieces) == 1:
        return re.compile(pieces[0], re.DOTALL)
    first, *middle, last = pieces
    # The nearest place for each middle piece is always good enough; the atomic groups keep the engine from
    # trying the others, which a hostile query ("*a*a*a*a*b") would make it do for ever.
    nearest = "".join(f"(?>.*?{piece})" for piece in middle if piece)
    return re.compile(f"{first}{nearest}.*{last}", re.DOTALL)


def _person_name(asked: Sequence[str], ignore_accents: bool) -> PersonName:
    queries = tuple(_name_query(value, ignore_accents) for value in asked)
    anchors = tuple(max((group.anchor for group in query if group), key=len, default="") for query in queries)
    return PersonName(queries, anchors, ignore_accents)


def _name_query(text: str, ignore_accents: bool) -> tuple[NameGroup | None, ...]:
    groups = fold_name(text, ignore_accents).split("=")
    # Groups left out at the end are not asked for; a query of nothing but delimiters finds every name.
    while len(groups) > 1 and not groups[-1].strip("^ "):
        groups.pop()
    if len(groups) > _MOST_GROUPS or any(
        len(group.rstrip("^ ").split("^")) > _MOST_COMPONENTS for group in groups
    ):
        raise Rejected("a person name has at most three groups of five components")
    return tuple(_name_group(group) if group.strip("^ ") else None for group in groups)


def _name_group(text: str) -> NameGroup:
    text = text.rstrip("^ ")
    return NameGroup(
        whole=_pattern(text),
        spaced=None if "^" in text else _pattern(" ".join(text.split())),
        components=tuple(_pattern(each.strip()) if each.strip("* ") else None for each in text.split("^")),
        anchor=max(_WILD_OR_BETWEEN.split(text), key=len),
    )


def _name_matches(query: tuple[NameGroup | None, ...], groups: list[str]) -> bool:
    if len(query) == 1:
        only = query[0]
        return only is None or any(only.matches(group) for group in groups if group)
    padded = groups + [""] * (len(query) - len(groups))
    return all(want is None or want.matches(have) for want, have in zip(query, padded, strict=False))
