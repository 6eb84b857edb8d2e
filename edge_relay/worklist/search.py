"""Which rows of cache.db a query has to look at, and what remains to be checked of each. Pure.

A scanner sees its own exams: those its profile selects (stations, modalities, days, statuses), narrowed by
its query. One condition that an index serves drives the search, so that a single match neither scans nor
sorts; a list comes out of its index in the order of the answers. Everything else is checked row by row:

    one participant    study, accession number, step id, procedure id or patient id asked for by value
    a station's list   the stations asked for, or those the scanner is restricted to; each in order, merged
    a modality's list  likewise
    else               by start date, from the first to the last day that can match
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from edge_relay.worklist.attributes import (
    MODALITY,
    STATION_AE_TITLE,
    STATION_NAME,
    STEP_START_DATE,
    STEP_START_TIME,
    Attribute,
)
from edge_relay.worklist.cached_item import BY_START, SELF_TESTS
from edge_relay.worklist.matching import DateRange, Matcher
from edge_relay.worklist.query import CONDITION_FIELDS, Condition, Key, Query, Window
from edge_relay.worklist.row import COLUMN_OF, column_of, text_of
from shared.scanners.scanner_profile import ScannerProfile
from shared.steps.self_test import is_test_patient
from shared.worklist_item import Status

Check = Callable[[list[bytes]], bool]
"""Tells whether a row, as pieces (`edge_relay.worklist.row`), is an answer."""

ROW: Final = "item_id, feed_seq, status, ascii, elements, seal"
_DRIVERS: Final = (
    "study_instance_uid",
    "accession_number",
    "scheduled_procedure_step_id",
    "requested_procedure_id",
    "patient_id",
)
_STATION: Final = CONDITION_FIELDS[STATION_AE_TITLE]
_MODALITY: Final = CONDITION_FIELDS[MODALITY]
_MOST_VALUES: Final = 500  # SQLite bounds the parameters of a statement
_SHOWN: Final = frozenset(Status) - {Status.NO_SHOW}
_MOST_LISTS: Final = 16  # lists merged into one; more, and reading by date is better


class Search(NamedTuple):
    """How to find a query's answers.

    :param sql: yields rows by start date, time and item id; `ROW` are the first columns.
    :param checks: every row that passes all of them, and has one of ``statuses``, is an answer.
    :param statuses: all that may be shown if the query selects by status itself.
    """

    sql: str
    values: tuple[str, ...]
    checks: tuple[Check, ...]
    statuses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Stations:
    """Exams booked for any of some AE titles, or for any of some station names."""

    titles: frozenset[str]
    names: frozenset[str]

    def __call__(self, pieces: list[bytes]) -> bool:
        """Tell whether a row is one of them."""
        return (
            text_of(pieces[COLUMN_OF[STATION_AE_TITLE]]) in self.titles
            or text_of(pieces[COLUMN_OF[STATION_NAME]]) in self.names
        )


_Arm = tuple[str, tuple[str, ...]]
"""One list to be merged: a condition in SQL and its values."""


def search(
    query: Query | None, scanner: ScannerProfile, today: date, columns: str = ROW, *, own: bool = False
) -> Search:
    """Return the search for a query of a scanner; without a query, for all that it may see.

    :param own: the relay asks itself: for a test participant's Patient ID it looks where those are.
    """
    conditions = {each.field: each for each in query.conditions} if query else {}
    checks = dict(_checks(query.keys, conditions)) if query else {}
    stations = _stations(conditions.get(_STATION), scanner)
    modalities = _modalities(conditions.get(_MODALITY), scanner)
    checks[_STATION] = list(stations)
    checks[_MODALITY] = [] if modalities is None else [_one_of(COLUMN_OF[MODALITY], modalities)]
    arms: list[_Arm] = [("", ())]
    driver = next((field for field in _DRIVERS if _is_short(conditions.get(field))), "")
    if driver:
        arms = [_in(driver, conditions[driver].values)]
        del checks[driver]
    elif stations and len(stations[0].titles) + len(stations[0].names) <= _MOST_LISTS:
        arms = _station_arms(stations[0])
        del checks[_STATION][0]
    elif modalities is not None and len(modalities) <= _MOST_LISTS:
        arms = [(f"{_MODALITY} = ?", (each,)) for each in sorted(modalities)]
        del checks[_MODALITY]
    table = SELF_TESTS if own and _asks_for_a_test(conditions.get("patient_id")) else "items"
    days = _days(conditions.get("scheduled_start_date"), scanner, today)
    sql, values = _statement(arms, days, columns, table)
    remaining = [check for each in checks.values() for check in each]
    if query is not None and query.window is not None:
        remaining.append(_in_window(query.window))
    names_status = query is not None and query.names_status
    shown = _SHOWN if names_status else scanner.statuses
    return Search(sql, values, tuple(remaining), frozenset(each.value for each in shown))


def _checks(keys: tuple[Key, ...], conditions: dict[str, Condition]) -> Iterator[tuple[str, list[Check]]]:
    """Yield what the keys ask for, each under the field whose condition says the same, if there is one."""
    for entry, matcher in _matchers(keys):
        if entry.tag == STEP_START_DATE and isinstance(matcher, DateRange):
            continue  # every search selects by date
        field = "" if entry.within else CONDITION_FIELDS.get(entry.tag, "")
        yield (field if field in conditions else f"{entry.within}{entry.keyword}"), [_check(entry, matcher)]


def _matchers(keys: tuple[Key, ...]) -> Iterator[tuple[Attribute, Matcher]]:
    for key in keys:
        if isinstance(key.entry, Attribute):
            if key.matcher is not None:
                yield key.entry, key.matcher
        else:
            yield from _matchers(key.children or ())


def _check(entry: Attribute, matcher: Matcher) -> Check:
    if entry.read is None:
        matches = matcher(entry.fixed)  # from the scanner's profile: the same for every row
        return lambda _: matches
    column = column_of(entry)
    return lambda pieces: bool(piece := pieces[column]) and matcher(text_of(piece))


def _one_of(column: int, values: frozenset[str]) -> Check:
    return lambda pieces: text_of(pieces[column]) in values


def _in_window(window: Window) -> Check:
    day, clock = COLUMN_OF[STEP_START_DATE], COLUMN_OF[STEP_START_TIME]
    return lambda pieces: window.holds(text_of(pieces[day]), text_of(pieces[clock]))


def _stations(asked: Condition | None, scanner: ScannerProfile) -> list[Stations]:
    """Return what both the query and the profile want of the station; none if any will do.

    Who asks for a station the scanner stands for is shown all it stands for.
    """
    own = Stations(scanner.stations, frozenset(scanner.station_names))
    wanted = []
    if asked is not None:
        titles = scanner.own_titles(asked.values)
        is_own = bool(titles & own.titles)
        wanted.append(Stations(titles | own.titles, own.names) if is_own else Stations(titles, frozenset()))
    if scanner.restricted and own not in wanted:
        wanted.append(own)
    return wanted


def _modalities(asked: Condition | None, scanner: ScannerProfile) -> frozenset[str] | None:
    shown = frozenset(scanner.modalities)
    if asked is None:
        return shown or None
    values = frozenset(asked.values)
    return values & shown if shown else values


def _days(asked: Condition | None, scanner: ScannerProfile, today: date) -> tuple[str, str]:
    """Return the first and the last day to look at."""
    first, last = _day(today, -scanner.days_back), _day(today, scanner.days_ahead)
    if asked is None:
        return first, last
    return max(first, asked.first), min(last, asked.last or last)


@lru_cache(maxsize=64)
def _day(today: date, days: int) -> str:
    return (today + timedelta(days)).strftime("%Y%m%d")


def _is_short(condition: Condition | None) -> bool:
    return condition is not None and 0 < len(condition.values) <= _MOST_VALUES


def _asks_for_a_test(asked: Condition | None) -> bool:
    return asked is not None and len(asked.values) == 1 and is_test_patient(asked.values[0])


def _in(field: str, values: tuple[str, ...]) -> _Arm:
    if len(values) == 1:
        return f"{field} = ?", values
    return f"{field} IN ({', '.join('?' * len(values))})", values


def _station_arms(stations: Stations) -> list[_Arm]:
    titles = tuple(sorted(stations.titles))
    arms: list[_Arm] = [(f"{_STATION} = ?", (title,)) for title in titles]
    others = f"{_STATION} NOT IN ({', '.join('?' * len(titles))})"  # those are in the lists above
    arms += [(f"station_name = ? AND {others}", (name, *titles)) for name in sorted(stations.names)]
    return arms


def _statement(
    arms: list[_Arm], days: tuple[str, str], columns: str, table: str
) -> tuple[str, tuple[str, ...]]:
    # The names are ours; what was asked for is bound. Tombstones have no date, so that no search finds them.
    # SQLite merges the arms of a UNION ALL that come in its order, without sorting and row by row.
    dated = "scheduled_start_date >= ? AND scheduled_start_date <= ?"
    selects, values = [], list[str]()
    for where, bound in arms or [("FALSE", ())]:
        order = "" if len(arms) < 2 else ", scheduled_start_date, scheduled_start_time"
        clauses = f"{where} AND {dated}" if where else dated
        selects.append(f"SELECT {columns}{order} FROM {table} WHERE {clauses}")  # noqa: S608
        values += [*bound, *days]
    return f"{' UNION ALL '.join(selects)} ORDER BY {BY_START}", tuple(values)
