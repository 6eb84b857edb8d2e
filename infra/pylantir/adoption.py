"""The predecessor's exams against our items: what is kept of each. Pure.

Run after the first sync, when our items exist: both sides make the participant's id of the same REDCap row,
so the id tells which exam is which.

    our item exists           it keeps pylantir's Study Instance UID, which consoles and images may have, and
                              the status, if a scanner has moved it. Both count as a person's edit, so no
                              sync undoes them; what a person or a scanner did on our side is never touched
    none, a scanner moved it  the scan is real: an item made by hand, with its UID and status
    none, scheduled           an item made by hand, if it was made by hand in pylantir (its id is not one of
                              REDCap's) and is still to come; else it is left out, with the reason
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError

from infra.pylantir.old_rows import OldItem
from lambdas.sources.field_values import KG_PER_LB
from lambdas.store.ownership import STATUS, StoredItem
from shared import identifiers
from shared.dicom.dicom_text import parse_date, parse_uid_in_use
from shared.errors import Rejected
from shared.worklist_item import Status, WorklistItem

_REDCAP_ID: Final = re.compile(r"sub[-_](.+?)[-_]ses[-_](.+?)(?:\.0)?[-_]fam[-_](.+?)[-_]site[-_](.+)")
_MOVED: Final = frozenset({Status.IN_PROGRESS, Status.COMPLETED, Status.DISCONTINUED})
_FURTHEST: Final = (Status.SCHEDULED, Status.DISCONTINUED, Status.COMPLETED, Status.IN_PROGRESS)


@dataclass(frozen=True)
class Edit:
    """What to change of one of our items, as a person would."""

    site: str
    item_id: str
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Adoption:
    """What to do with the predecessor's rows.

    :param items: items to make by hand.
    :param unchanged: rows with nothing to keep: our item is right as it is.
    :param left_out: (row number, why).
    """

    edits: list[Edit] = field(default_factory=list)
    items: list[WorklistItem] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    left_out: list[tuple[int, str]] = field(default_factory=list)


def has_decimal_sessions(rows: Iterable[OldItem]) -> bool:
    """Tell whether ids say ``ses_1.0``: pandas, in 0.2, makes a decimal number of mri_instance."""
    sessions = [found[1] for row in rows if (found := re.search(r"_ses_(.+?)_fam_", row.patient_id))]
    return bool(sessions) and all(re.fullmatch(r"\d+\.0", session) for session in sessions)


def adopt(
    rows: Sequence[OldItem],
    ours: Iterable[StoredItem],
    *,
    site_of: Callable[[str], str],
    today: str,
    item_id: Callable[[str], str],
) -> Adoption:
    """Return what is kept of the predecessor's rows.

    :param ours: all items of the sites, but those that are gone.
    :param site_of: pylantir's site (empty: not known) -> ours, empty if there is none.
    :param today: ``YYYYMMDD`` at the site.
    :param item_id: the id of an item made by hand for a Study Instance UID, always the same for the same.
    """
    plan = Adoption()
    known: dict[object, list[StoredItem]] = {}
    for stored in ours:
        known.setdefault(_key(stored.item.patient_id), []).append(stored)
    for row in _furthest(rows, plan):
        matching = known.get(_key(row.patient_id), [])
        sourced = [stored for stored in matching if stored.item.source]
        if len(sourced) > 1:
            plan.left_out.append((row.id, "several of our items have this participant's id"))
        elif sourced:
            _keep(row, sourced[0], plan)
        else:
            made = {stored.item.id for stored in matching}
            _by_hand(row, made, plan, (site_of(_site(row)), today, item_id(row.study_instance_uid)))
    return plan


def _key(patient_id: str) -> object:
    match = _REDCAP_ID.fullmatch(patient_id)
    return match.groups() if match else patient_id


def _status(row: OldItem) -> Status:
    # A sync of 0.2 empties it, or puts there whatever REDCap says.
    try:
        return Status(row.performed_procedure_step_status.upper().replace(" ", "_"))
    except ValueError:
        return Status.SCHEDULED


def _furthest(rows: Sequence[OldItem], plan: Adoption) -> list[OldItem]:
    """Return one row a participant's id, the one that got furthest: the rest are left out."""
    best: dict[object, OldItem] = {}
    for row in sorted(rows, key=_progress):
        key = _key(row.patient_id)
        if key in best:
            plan.left_out.append((best[key].id, f"row {row.id} is of the same exam"))
        best[key] = row
    return sorted(best.values(), key=lambda row: row.id)


def _progress(row: OldItem) -> tuple[int, int]:
    status = _status(row)
    return (_FURTHEST.index(status) if status in _FURTHEST else 0), row.id


def _keep(row: OldItem, stored: StoredItem, plan: Adoption) -> None:
    if stored.status_owner == "mpps":
        plan.left_out.append((row.id, "a scanner has reported on our item already"))
        return
    status, wanted = _status(row), dict[str, Any]()
    if "study_instance_uid" not in stored.edited:
        try:
            wanted["study_instance_uid"] = parse_uid_in_use(row.study_instance_uid)
        except Rejected as error:
            plan.left_out.append((row.id, f"study_instance_uid: {error.what}; our item keeps its own"))
    if status in _MOVED and stored.status_owner == "source":
        wanted[STATUS] = status
    changes = {name: value for name, value in wanted.items() if getattr(stored.item, name) != value}
    if changes:
        plan.edits.append(Edit(stored.item.site, stored.item.id, changes))
    else:
        plan.unchanged.append(row.id)


def _site(row: OldItem) -> str:
    match = _REDCAP_ID.fullmatch(row.patient_id)
    return match[4] if match else ""


def _by_hand(row: OldItem, made: set[str], plan: Adoption, where: tuple[str, str, str]) -> None:
    site, today, item_id = where
    reason = "" if site else "its site is not known"
    if not reason and _status(row) not in _MOVED:
        reason = _why_not(row, today)
    if reason:
        plan.left_out.append((row.id, reason))
        return
    try:
        item = _item(row, site, item_id)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        said = first["msg"].removeprefix("Value error, ")
        plan.left_out.append((row.id, f"{'.'.join(map(str, first['loc']))}: {said}"))
        return
    if item.id in made:
        plan.unchanged.append(row.id)
    else:
        plan.items.append(item)


def _why_not(row: OldItem, today: str) -> str:
    if _REDCAP_ID.fullmatch(row.patient_id):
        return "scheduled, and we have no such exam: gone from REDCap, or its row is rejected or held back"
    try:
        past = parse_date(row.scheduled_start_date) < today
    except Rejected:
        return "scheduled, for no date of the calendar"
    return "scheduled in the past" if past else ""


def _item(row: OldItem, site: str, item_id: str) -> WorklistItem:
    protocol = row.protocol_name or "DEFAULT_PROTOCOL"
    return WorklistItem.model_validate(
        {
            **_text_fields(row),
            "id": item_id,
            "site": site,
            "study_instance_uid": row.study_instance_uid,
            "accession_number": identifiers.accession_number(item_id),
            "requested_procedure_id": identifiers.requested_procedure_id(item_id),
            "scheduled_procedure_step_id": identifiers.scheduled_procedure_step_id(item_id),
            "patient_sex": row.patient_sex if row.patient_sex in {"M", "F", "O"} else "",
            "patient_birth_date": _real_date(row.patient_birth_date),
            "patient_weight_kg": _kilograms(row.patient_weight_lb),
            "modality": row.modality or "MR",
            "scheduled_station_aetitle": row.scheduled_station_aetitle or "UNASSIGNED",
            "procedure_description": row.procedure_description or protocol,
            STATUS: _status(row),
        }
    )


def _text_fields(row: OldItem) -> Mapping[str, str]:
    names = (
        "patient_name",
        "patient_id",
        "referring_physician_name",
        "study_description",
        "scheduled_start_date",
        "scheduled_start_time",
        "performing_physician",
        "protocol_name",
        "station_name",
        "hisris_coding_designator",
    )
    return {name: getattr(row, name) for name in names}


def _real_date(text: str) -> str:
    """Return a birth date; empty for what is none, or was invented: 1 January of a year."""
    try:
        date = parse_date(text)
    except Rejected:
        return ""
    return "" if date.endswith("0101") else date


def _kilograms(pounds: str) -> Decimal | str:
    try:
        weight = Decimal(pounds) * KG_PER_LB
    except ArithmeticError:
        return ""
    return weight if weight.is_finite() and weight > 0 else ""
