"""An exam of the predecessor's as an item made by hand, and what of it does not come along. Pure.

Everything that is left out or replaced is said, naming the field and never its value. Who it is must be
usable. If a scanner has worked on the exam, the scan is real: what of its schedule cannot be read is
replaced. If it is only scheduled, an unreadable day or time is a reason to leave the row out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError

from infra.pylantir.databases.old_rows import OldItem
from lambdas.sources.field_values import KG_PER_LB
from lambdas.sources.limits import Limits
from lambdas.sources.typed_values import read_number, read_time
from shared import identifiers
from shared.dicom.dicom_text import parse_date, parse_uid_in_use
from shared.errors import Rejected
from shared.worklist_item import Status, WorklistItem

_OPTIONAL: Final = (
    "referring_physician_name",
    "study_description",
    "performing_physician",
    "protocol_name",
    "station_name",
    "hisris_coding_designator",
)
_SEXES: Final = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}
_WEIGHT: Final = re.compile(r"(?P<number>[^a-z]+?)\s*(?P<unit>lbs?|pounds?|kgs?)?", re.IGNORECASE)
_PLACEHOLDER_POUNDS: Final = Decimal(100)
"""What pylantir puts where it knows no weight; a scanner would calculate with it."""

_STANDS_IN: Final = {
    "modality": "MR",
    "scheduled_station_aetitle": "UNASSIGNED",
    "procedure_description": "DEFAULT_PROTOCOL",
}
"""What pylantir itself sends where these are empty."""


class Unusable(Exception):
    """The row cannot be an item. The text says why: field and reason, without the value."""


@dataclass(frozen=True)
class HandMade:
    """An item, and what did not come along."""

    item: WorklistItem
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Making:
    """How an item is to be made.

    :param item_id: its id.
    :param status: its status; SCHEDULED if pylantir's says nothing.
    :param is_scan: a scanner has worked on it.
    :param is_redcaps: its row was made of REDCap's: a 1 January is then no birth date, but a year.
    :param today: ``YYYYMMDD`` at the site, for a scan whose day cannot be read.
    :param own_uid: it needs a Study Instance UID of our own, because another row has the same.
    """

    site: str
    item_id: str
    status: Status
    is_scan: bool
    is_redcaps: bool
    today: str
    own_uid: bool = False


def hand_made(row: OldItem, how: Making) -> HandMade:
    """Return the item of a row; raise `Unusable` if it cannot be one."""
    return _Form(row, how).filled()


@dataclass
class _Form:
    """A row being read, field by field."""

    row: OldItem
    how: Making
    fields: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def filled(self) -> HandMade:
        self._identify()
        self._schedule()
        self._describe()
        while True:
            try:
                item = WorklistItem.model_validate(self.fields)
            except ValidationError as error:
                for wrong in error.errors(include_input=False, include_url=False):
                    self._mend(str(wrong["loc"][0]), wrong["msg"].removeprefix("Value error, "))
                continue
            return self._believable(item)

    def _identify(self) -> None:
        own = self.how.item_id
        self.fields |= {
            "id": own,
            "site": self.how.site,
            "performed_procedure_step_status": self.how.status,
            "patient_name": self.row.patient_name,
            "patient_id": self.row.patient_id,
            "study_instance_uid": self._uid(),
            "accession_number": identifiers.accession_number(own),
            "requested_procedure_id": identifiers.requested_procedure_id(own),
            "scheduled_procedure_step_id": identifiers.scheduled_procedure_step_id(own),
            "patient_sex": self._sex(),
            "patient_birth_date": self._birth_date(),
            "patient_weight_kg": self._kilograms(),
        }

    def _schedule(self) -> None:
        day = self._read("scheduled_start_date", parse_date, self.how.today, "the day of the import")
        time = self._read("scheduled_start_time", read_time, "000000", "midnight")
        self.fields |= {"scheduled_start_date": day, "scheduled_start_time": time}

    def _describe(self) -> None:
        self.fields |= {name: getattr(self.row, name) for name in _OPTIONAL}
        own = self.row.procedure_description or self.row.protocol_name
        self.fields["procedure_description"] = own or _STANDS_IN["procedure_description"]
        self.fields["modality"] = self.row.modality or _STANDS_IN["modality"]
        station = self.row.scheduled_station_aetitle
        self.fields["scheduled_station_aetitle"] = station or _STANDS_IN["scheduled_station_aetitle"]

    def _read(self, name: str, parse: Callable[[str], str], instead: str, said: str) -> str:
        """Return a part of the schedule; of a scan what stands in for it, if it cannot be read."""
        try:
            return parse(getattr(self.row, name))
        except Rejected as error:
            if not self.how.is_scan:
                raise Unusable(f"{name}: {error.what}") from None
            self.notes.append(f"{name}: {error.what}; it is shown with {said}")
            return instead

    def _uid(self) -> str:
        own = identifiers.study_instance_uid(self.how.item_id)
        if self.how.own_uid:
            return own
        try:
            return parse_uid_in_use(self.row.study_instance_uid)
        except Rejected as error:
            self.notes.append(f"study_instance_uid: {error.what}; it has one of ours")
            return own

    def _sex(self) -> str:
        written = self.row.patient_sex
        if written and written.lower() not in _SEXES:
            self._leave_out("patient_sex", "is none of M, F and O")
        return _SEXES.get(written.lower(), "")

    def _birth_date(self) -> str:
        if not self.row.patient_birth_date:
            return ""
        try:
            date = parse_date(self.row.patient_birth_date)
        except Rejected as error:
            return self._leave_out("patient_birth_date", error.what)
        if date.endswith("0101") and self.how.is_redcaps:
            return self._leave_out("patient_birth_date", "is 1 January, which pylantir makes of a year")
        return date

    def _kilograms(self) -> Decimal | str:
        written = self.row.patient_weight_lb
        match = _WEIGHT.fullmatch(written)
        if not written:
            return ""
        if match is None:
            return self._leave_out("patient_weight_lb", "is no number")
        try:
            number = read_number(match["number"].strip())
        except Rejected as error:
            return self._leave_out("patient_weight_lb", error.what)
        if (match["unit"] or "").lower().startswith("kg"):
            return number
        if number == _PLACEHOLDER_POUNDS:
            return self._leave_out(
                "patient_weight_lb", "is 100, which pylantir puts where it knows no weight"
            )
        return number * KG_PER_LB

    def _leave_out(self, name: str, why: str) -> str:
        self.notes.append(f"{name}: left out: {why}")
        return ""

    def _mend(self, name: str, why: str) -> None:
        """Take out or replace what is no legal value; raise `Unusable` if the row cannot do without."""
        if name in {*_OPTIONAL, "patient_weight_kg", "patient_birth_date", "patient_sex"}:
            self.fields[name] = self._leave_out(name, why)
        elif name in _STANDS_IN and self.how.is_scan:
            self.fields[name] = _STANDS_IN[name]
            self.notes.append(f"{name}: {why}; it is shown as {_STANDS_IN[name]}")
        else:
            raise Unusable(f"{name}: {why}")

    def _believable(self, item: WorklistItem) -> HandMade:
        broken = list(Limits().broken_by(item))
        for name, why in broken:
            self._leave_out(name, why)
        kept = item.model_copy(update={name: "" for name, _ in broken})
        return HandMade(kept, tuple(self.notes))
