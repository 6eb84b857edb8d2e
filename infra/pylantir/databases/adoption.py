"""The predecessor's exams against our items: what is kept of each. Pure.

Run after the first sync, when our items exist: both sides make the participant's id of the same REDCap row,
so id and day tell which exam is which. Every row is in exactly one of these:

    our item exists           it keeps pylantir's Study Instance UID, which consoles and images may have, and
                              the status, if a scanner has moved it. Both count as a person's edit, so no
                              sync undoes them; what a person or a scanner did on our side is never touched
    none, a scanner moved it  the scan is real: an item made by hand, with its UID and status
    none, scheduled           an item made by hand, if somebody made it by hand in pylantir and it is still to
                              come; else it is left out, with the reason

Two rows of one participant are two exams, unless they are of one day and time. What does not come along of a
row that does, is noted by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from infra.pylantir.databases.differences import differences
from infra.pylantir.databases.hand_made import Making, Unusable, hand_made
from infra.pylantir.databases.old_rows import OldItem
from lambdas.sources.typed_values import read_time
from lambdas.store.ownership import STATUS, StoredItem
from shared.dicom.dicom_text import parse_date, parse_uid_in_use
from shared.errors import Rejected
from shared.worklist_item import Status, WorklistItem

_REDCAP_ID: Final = re.compile(r"sub[-_](.+?)[-_]ses[-_](.+?)(?:\.0)?[-_]fam[-_](.+?)[-_]site[-_](.+)")
_MOVED: Final = frozenset({Status.IN_PROGRESS, Status.COMPLETED, Status.DISCONTINUED})
_FURTHEST: Final = (Status.SCHEDULED, Status.DISCONTINUED, Status.COMPLETED, Status.IN_PROGRESS)


@dataclass(frozen=True)
class Edit:
    """What to change of one of our items, as a person would, and the row it is from."""

    row: int
    site: str
    item_id: str
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    """An item to make by hand, and the row it is from."""

    row: int
    item: WorklistItem


@dataclass(frozen=True)
class Adoption:
    """What to do with the predecessor's rows; each is in one of the first four.

    :param unchanged: rows of which there is nothing to keep: our item is right as it is.
    :param left_out: (row number, why).
    :param notes: (row number, what of it does not come along, or differs from ours).
    :param without_row: our open exams that have no row: deleted in pylantir, or never there.
    """

    edits: list[Edit] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    left_out: list[tuple[int, str]] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)
    without_row: list[StoredItem] = field(default_factory=list)


@dataclass(frozen=True)
class Setting:
    """What the rows themselves do not say.

    :param site_of: pylantir's site (empty: not known) -> ours, empty if there is none.
    :param today: ``YYYYMMDD`` at the site.
    :param item_id: the id of an item made by hand for a Study Instance UID, always the same for the same.
    """

    site_of: Callable[[str], str]
    today: str
    item_id: Callable[[str], str]


def has_decimal_sessions(rows: Iterable[OldItem]) -> bool:
    """Tell whether ids say ``ses_1.0``: pandas, in 0.2, makes a decimal number of mri_instance."""
    sessions = [found[1] for row in rows if (found := re.search(r"_ses_(.+?)_fam_", row.patient_id))]
    return bool(sessions) and all(re.fullmatch(r"\d+\.0", session) for session in sessions)


def adopt(rows: Sequence[OldItem], ours: Iterable[StoredItem], setting: Setting) -> Adoption:
    """Return what is kept of the predecessor's rows.

    :param ours: all items of the sites, but those that are gone.
    """
    return _Adopting(list(ours), setting).plan_of(rows)


class _Adopting:
    """The plan in the making."""

    def __init__(self, ours: Sequence[StoredItem], setting: Setting) -> None:
        self._setting, self._plan = setting, Adoption()
        self._known: dict[object, list[StoredItem]] = {}
        for stored in ours:
            self._known.setdefault(_key(stored.item.patient_id), []).append(stored)
        self._ids = {stored.item.id for stored in ours}
        self._uids: dict[str, int] = {}  # Study Instance UID -> the first row that keeps it

    def plan_of(self, rows: Sequence[OldItem]) -> Adoption:
        groups: dict[object, list[OldItem]] = {}
        for row in sorted(rows, key=lambda row: (-_progress(row), row.id)):
            groups.setdefault(_key(row.patient_id), []).append(row)
        for key in sorted(groups, key=lambda key: min(row.id for row in groups[key])):
            self._group(groups[key], [each for each in self._known.get(key, []) if each.item.source])
        seen = {id_ for key in groups for id_ in (each.item.id for each in self._known.get(key, []))}
        for stored in (each for of_id in self._known.values() for each in of_id):
            if rows and stored.item.source and stored.item.id not in seen:
                self._plan.without_row.append(stored)
        return self._plan

    def _group(self, rows: list[OldItem], sourced: list[StoredItem]) -> None:
        """Deal with the rows of one participant's id, those that got furthest first."""
        for stored in list(sourced):
            of_day = [row for row in rows if _when(row) == _when_ours(stored)]
            same_day = [row for row in rows if _day(row) == stored.item.scheduled_start_date]
            only = rows if len(sourced) == 1 else []
            if found := next(iter([*of_day, *same_day, *only]), None):
                self._keep(found, stored)
                rows.remove(found)
                self._same_exam(rows, found)
        if len(sourced) > 1:
            why = "several of our items have this participant's id"
            self._plan.left_out.extend((row.id, why) for row in rows)
            return
        while rows:
            row = rows.pop(0)
            self._by_hand(row)
            self._same_exam(rows, row)

    def _same_exam(self, rows: list[OldItem], one: OldItem) -> None:
        """Leave out the rows of the same exam: of the same day and time, and if it is scanned, its UID."""
        for other in list(rows):
            is_another_scan = _status(other) in _MOVED and other.study_instance_uid != one.study_instance_uid
            if _when(other) == _when(one) and not is_another_scan:
                self._plan.left_out.append((other.id, f"row {one.id} is of the same exam"))
                rows.remove(other)

    def _keep(self, row: OldItem, stored: StoredItem) -> None:
        if stored.status_owner == "mpps":
            self._plan.left_out.append((row.id, "a scanner has reported on our item already"))
            return
        status, wanted = _status(row), dict[str, Any]()
        if "study_instance_uid" not in stored.edited and (uid := self._uid(row, "our item keeps its own")):
            wanted["study_instance_uid"] = uid
        if status in _MOVED and stored.status_owner in {"source", "clock"}:
            wanted[STATUS] = status
        if differing := differences(row, stored.item):
            said = f"differs from REDCap in {', '.join(differing)}; REDCap's is shown"
            self._plan.notes.append((row.id, said))
        changes = {name: value for name, value in wanted.items() if getattr(stored.item, name) != value}
        if changes:
            self._plan.edits.append(Edit(row.id, stored.item.site, stored.item.id, changes))
        else:
            self._plan.unchanged.append(row.id)

    def _uid(self, row: OldItem, instead: str) -> str:
        """Return a row's UID, empty if it cannot be kept: it is none, or another row's too."""
        try:
            uid = parse_uid_in_use(row.study_instance_uid)
        except Rejected as error:
            self._plan.notes.append((row.id, f"study_instance_uid: {error.what}; {instead}"))
            return ""
        first = self._uids.setdefault(uid, row.id)
        if first != row.id:
            self._plan.notes.append((row.id, f"study_instance_uid: row {first} has the same; {instead}"))
        return uid if first == row.id else ""

    def _by_hand(self, row: OldItem) -> None:
        site = self._setting.site_of(_site(row))
        is_scan = _status(row) in _MOVED
        reason = "" if site else "of which site it is, nobody can tell"
        if not reason and not is_scan:
            reason = self._why_not(row)
        if reason:
            self._plan.left_out.append((row.id, reason))
            return
        try:
            self._make(row, site, is_scan=is_scan)
        except Unusable as error:
            self._plan.left_out.append((row.id, str(error)))

    def _make(self, row: OldItem, site: str, *, is_scan: bool) -> None:
        first = self._uids.get(row.study_instance_uid, row.id)
        twice = first != row.id
        seed = row.study_instance_uid or "row"
        item_id = self._setting.item_id(f"{seed} {row.id}" if twice or seed == "row" else seed)
        is_redcaps = _REDCAP_ID.fullmatch(row.patient_id) is not None
        how = Making(site, item_id, _status(row), is_scan, is_redcaps, self._setting.today, own_uid=twice)
        done = hand_made(row, how)
        self._uids.setdefault(row.study_instance_uid, row.id)
        if twice:
            said = f"study_instance_uid: row {first} has the same; it has one of ours"
            self._plan.notes.append((row.id, said))
        self._plan.notes.extend((row.id, note) for note in done.notes)
        if item_id in self._ids:
            self._plan.unchanged.append(row.id)
        else:
            self._plan.made.append(Made(row.id, done.item))

    def _why_not(self, row: OldItem) -> str:
        has_ours = any(each.item.source for each in self._known.get(_key(row.patient_id), []))
        if _REDCAP_ID.fullmatch(row.patient_id) and not has_ours:
            return (
                "scheduled, and we have no such exam: gone from REDCap, or its row is rejected or held back"
            )
        day = _day(row)
        if not day:
            return "scheduled, for no date of the calendar"
        return "scheduled in the past" if day < self._setting.today else ""


def _key(patient_id: str) -> object:
    match = _REDCAP_ID.fullmatch(patient_id)
    return match.groups() if match else patient_id


def _status(row: OldItem) -> Status:
    # A sync of 0.2 empties it, or puts there whatever REDCap says.
    try:
        return Status(row.performed_procedure_step_status.upper().replace(" ", "_"))
    except ValueError:
        return Status.SCHEDULED


def _progress(row: OldItem) -> int:
    status = _status(row)
    return _FURTHEST.index(status) if status in _FURTHEST else 0


def _day(row: OldItem) -> str:
    """Return the day, empty if it is none."""
    try:
        return parse_date(row.scheduled_start_date)
    except Rejected:
        return ""


def _when(row: OldItem) -> tuple[str, str]:
    """Return day and time as far as they can be read; what cannot be read, as it is written."""
    try:
        time = read_time(row.scheduled_start_time).replace(":", "")
    except Rejected:
        time = row.scheduled_start_time
    return _day(row) or row.scheduled_start_date, time


def _when_ours(stored: StoredItem) -> tuple[str, str]:
    return stored.item.scheduled_start_date, stored.item.scheduled_start_time


def _site(row: OldItem) -> str:
    match = _REDCAP_ID.fullmatch(row.patient_id)
    return match[4] if match else ""
