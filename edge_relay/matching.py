"""Attribute matching: does a value satisfy what a query key asks (PS3.4 section C.2.2.2)?

    value representation      matching
    UI                        single value, list of UID                               C.2.2.2.1, C.2.2.2.2
    DA, TM                    single value, range, open-ended ranges                  C.2.2.2.1, C.2.2.2.5
    PN                        case-insensitive, by group and component, wild cards    C.2.2.2.1, C.2.2.2.4
    AE CS LO SH UC            single value, wild cards `*` and `?`                    C.2.2.2.1, C.2.2.2.4

An empty key and a lone `*` match everything, a missing value too (universal matching, C.2.2.2.3): they have
no matcher. Several values joined by a backslash are alternatives: the standard says so for UI only, but
consoles send ``CT\\MR``. A TM may stop at the hour or minute; it then stands for all of that hour or minute,
so ``0800-1200`` includes 12:00:30.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from shared.dicom_text import parse_date
from shared.errors import Rejected

WILD_CARD_VRS: Final = frozenset({"AE", "CS", "LO", "SH", "UC"})
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?")
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
    """An inclusive range of TM, bounds padded to ``HHMMSSffffff``; an empty bound is open."""

    first: str
    last: str
    ranged: bool

    def __call__(self, value: str) -> bool:
        """Tell whether the value matches."""
        moment = value.ljust(12, "0")
        return bool(value) and (self.first or _EARLIEST) <= moment <= (self.last or _LATEST)


@dataclass(frozen=True, slots=True)
class AnyRange:
    """Several dates or times, or ranges of them, as alternatives."""

    ranges: tuple[DateRange | TimeRange, ...]

    def __call__(self, value: str) -> bool:
        """Tell whether the value matches."""
        return any(alternative(value) for alternative in self.ranges)


@dataclass(frozen=True, slots=True)
class PersonName:
    """Person name matching (PS3.4 C.2.2.2.1; PS3.5 6.2.1), always without regard to case.

    A query of one group is tried on each of the name's groups: a console may put ideographs first. Of a
    group, the components asked for must match, those left out may be anything: ``DOE``, ``DOE^`` and
    ``DOE^J*`` all find ``Doe^John``. Without ``^`` the whole name with spaces is tried as well
    (``doe john``), and a wild card may run across components (``D*n``).
    """

    queries: tuple[str, ...]
    ignore_accents: bool = False

    def __call__(self, value: str) -> bool:
        """Tell whether the value matches."""
        groups = fold_name(value, self.ignore_accents).split("=")
        return any(self._matches(query, groups) for query in self.queries)

    def _matches(self, query: str, groups: list[str]) -> bool:
        asked = fold_name(query, self.ignore_accents).split("=")
        if len(asked) == 1:
            return any(_group_matches(asked[0], group) for group in groups if group)
        padded = groups + [""] * (len(asked) - len(groups))
        return all(_group_matches(want, have) for want, have in zip(asked, padded, strict=False) if want)


def fold_name(text: str, ignore_accents: bool) -> str:
    """Return text as names are compared: composed the same way, without case, without accents if asked."""
    if ignore_accents:
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", text).casefold()


def matcher_for(vr: str, values: Sequence[str], *, ignore_accents: bool = False) -> Matcher | None:
    """Return the matcher for a key's values, None where everything matches; raise `Rejected` if malformed."""
    asked = [value.strip(" \0") for value in values]
    if not asked or any(value in {"", "*"} for value in asked):
        return None
    if vr == "PN":
        return PersonName(tuple(asked), ignore_accents)
    if vr == "DA":
        return _one_or_any([date_range(value) for value in asked])
    if vr == "TM":
        return _one_or_any([time_range(value) for value in asked])
    if vr in WILD_CARD_VRS and any("*" in value or "?" in value for value in asked):
        return Wild(tuple(_pattern(value) for value in asked))
    return OneOf(frozenset(asked))


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


def _group_matches(asked: str, group: str) -> bool:
    asked = asked.rstrip("^ ")
    if _pattern(asked).fullmatch(group):
        return True
    if "^" not in asked and _pattern(" ".join(asked.split())).fullmatch(_spaced(group)):
        return True
    components = group.split("^")
    wanted = asked.split("^")
    components += [""] * (len(wanted) - len(components))
    return all(
        not want.strip() or _pattern(want.strip()).fullmatch(have.strip())
        for want, have in zip(wanted, components, strict=False)
    )


def _spaced(group: str) -> str:
    return " ".join(group.replace("^", " ").split())
