"""A source definition: one REDCap project, and how its rows become worklist items and get an answer back.

Written by an operator (see infra/sources/classic.toml and `lambdas.source_file`), stored as JSON. Whatever it
says wrongly is found when it is read, not at the first row. Pure: no network, no clock.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from difflib import get_close_matches
from hashlib import sha256
from string import Formatter
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from shared.worklist_item import Status, WorklistItem

_OURS: Final = frozenset(
    {
        "id",
        "site",
        "study_instance_uid",
        "accession_number",
        "requested_procedure_id",
        "scheduled_procedure_step_id",
        "performed_procedure_step_status",
    }
)
ITEM_FIELDS: Final = frozenset(
    name for name in WorklistItem.model_fields if name not in _OURS and not name.startswith("source")
)
"""What a definition may fill: what REDCap owns. Identifiers are derived, the status is the scanner's."""

REQUIRED_ITEM_FIELDS: Final = frozenset(
    name for name in ITEM_FIELDS if WorklistItem.model_fields[name].is_required()
)

PSEUDO_FIELDS: Final = frozenset({"redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"})
"""Columns REDCap adds whenever the record id is asked for: usable in templates, never asked for by name."""

Unit = Literal["kg", "g", "lb", "m", "cm", "in"]
_UNITS: Final[dict[str, frozenset[str]]] = {
    "patient_weight_kg": frozenset({"kg", "g", "lb"}),
    "patient_size_m": frozenset({"m", "cm", "in"}),
}
_FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _field_name(name: str) -> str:
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError("a REDCap field's name has only a-z, 0-9 and _, and begins with a letter")
    return name


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone; write one like Europe/Berlin") from None
    return name


FieldName = Annotated[str, AfterValidator(_field_name)]
ZoneName = Annotated[str, AfterValidator(_zone)]


class _Part(BaseModel):
    """Every part of a definition: an unknown key is an error, not a wish that is silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class FieldMapping(_Part):
    """Where one worklist field's value comes from: exactly one of field, template and constant.

    As a bare string it is a REDCap field, or a template if it contains ``{``.

    :param field: a REDCap field.
    :param template: text with ``{redcap_field}`` in it, such as ``sub_{study_id}_ses_{mri_instance}``.
    :param constant: the same text for every item.
    :param values: REDCap's code -> our value; a code that is not listed is an error of that row.
    :param unit: what REDCap's number is in; we store kg and m.
    :param default: what to send when REDCap has nothing.
    """

    field: FieldName | None = None
    template: Annotated[str, Field(min_length=1)] | None = None
    constant: Annotated[str, Field(min_length=1)] | None = None
    values: dict[str, str] | None = None
    unit: Unit | None = None
    default: str = ""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str):
            return {"template" if "{" in value else "field": value}
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [name for name in ("field", "template", "constant") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of field, template and constant")
        self.redcap_fields()  # a template that cannot be read is an error now, not at the first row
        return self

    def redcap_fields(self) -> tuple[str, ...]:
        """Return the REDCap fields (and pseudo-columns) the value is made of, in order, each once."""
        if self.field is not None:
            return (self.field,)
        return tuple(dict.fromkeys(name for _, name in self.template_parts() if name))

    def template_parts(self) -> list[tuple[str, str]]:
        """Return the template as (text, field) pairs, with an empty field after the last text."""
        if self.template is None:
            return []
        try:
            parts = list(Formatter().parse(self.template))
        except ValueError:
            raise ValueError("a template needs a closing } for every {") from None
        if any(spec or conversion for _, _, spec, conversion in parts):
            raise ValueError("a template takes {redcap_field} and nothing more inside the braces")
        return [(text, "" if name is None else _field_name(name)) for text, name, _, _ in parts]


class ScanRows(_Part):
    """Which of a record's rows are scans.

    :param instrument: the repeating instrument whose rows are scans; empty: rows without one (the base row
        of a classic project, an event, a repeating event).
    :param events: in a longitudinal project, the unique names of the events scans are in; empty: any.
    :param required: a row in which one of these fields is empty is no scan (yet, or any more).
    """

    instrument: FieldName | Literal[""] = ""
    events: tuple[str, ...] = ()
    required: Annotated[tuple[FieldName, ...], Field(min_length=1)]


class Join(_Part):
    """Fields that do not sit on the scan's own row but on another one of the same record.

    :param fields: the REDCap fields to take from there.
    :param instrument: that row's repeating instrument, of which the first instance counts; empty: the base
        row.
    :param events: that row's event; the first of these the record has (one for each arm); empty: any.
    """

    fields: Annotated[tuple[FieldName, ...], Field(min_length=1)]
    instrument: FieldName | Literal[""] = ""
    events: tuple[str, ...] = ()


class OperatingWindow(_Part):
    """When to ask REDCap at all, in the source's time zone; one that closes before it opens spans midnight.

    :param days: the days it opens on.
    """

    opens: time
    closes: time
    days: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(min_length=1)
    ] = _WEEKDAYS

    def contains(self, local: datetime) -> bool:
        """Tell whether a local wall-clock time lies within the window."""
        clock, today = local.time(), local.weekday()
        if self.opens < self.closes:
            return self._on(today) and self.opens <= clock < self.closes
        return (self._on(today) and clock >= self.opens) or (self._on(today - 1) and clock < self.closes)

    def _on(self, weekday: int) -> bool:
        return _WEEKDAYS[weekday % 7] in self.days


class WriteBack(_Part):
    """Which REDCap fields, on the scan's own row, are told what the scanner did. No other is touched.

    :param status: gets SCHEDULED, IN_PROGRESS, COMPLETED or DISCONTINUED, or what ``status_values`` says.
    :param start: gets the local time the step started.
    :param end: gets the local time it ended.
    :param station: gets the station's AE title.
    :param discontinuation_reason: gets the code value (DICOM PS3.16 CID 9300).
    :param series_count: gets the number of series the scanner reported.
    :param seconds: whether REDCap's date-time fields have seconds (validation ``datetime_seconds_*``).
    """

    status: FieldName | None = None
    start: FieldName | None = None
    end: FieldName | None = None
    station: FieldName | None = None
    discontinuation_reason: FieldName | None = None
    series_count: FieldName | None = None
    status_values: dict[Status, str] = {}
    seconds: bool = True

    def redcap_fields(self) -> tuple[str, ...]:
        """Return every field that may be written."""
        named = (
            self.status,
            self.start,
            self.end,
            self.station,
            self.discontinuation_reason,
            self.series_count,
        )
        return tuple(name for name in named if name is not None)


class SourceDefinition(_Part):
    """One REDCap project as a source of worklist items.

    :param id: names the source; part of every item's identity, so it can never change.
    :param site: where the scans take place: the relays of this site see the items.
    :param url: REDCap's API, ending in ``/api/``; https unless REDCap runs on this very machine.
    :param token_secret: the secret with the API token, without the prefix the functions are given.
    :param record_id_field: the first field of the project, whatever its name.
    :param fields: worklist field -> `FieldMapping`.
    :param missing_data_codes: values that mean "empty" here, besides those the project itself lists.
    :param time_zone: the scanners' zone: dates and times in REDCap are local to it.
    :param server_time_zone: the REDCap server's zone, in which it compares changes; empty: the same.
    :param interval_seconds: how often to ask for changes.
    :param overlap_seconds: how far before the last sync to ask again: clocks differ, and whether REDCap's
        bounds include their own second is not documented.
    :param deletions_seconds: how often to look for deleted and renamed records; 0: at every sync.
    :param reconcile_seconds: how often to read everything, and so to prove the table right.
    :param max_withdrawn_share: a sync that would withdraw more than this share of the source's items stops
        instead; five items may always go.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    site: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    url: str
    token_secret: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
    record_id_field: FieldName
    rows: ScanRows
    joins: tuple[Join, ...] = ()
    fields: dict[str, FieldMapping]
    missing_data_codes: tuple[str, ...] = ()
    time_zone: ZoneName
    server_time_zone: ZoneName | Literal[""] = ""
    interval_seconds: Annotated[int, Field(ge=1, le=86400)] = 60
    overlap_seconds: Annotated[int, Field(ge=0, le=86400)] = 300
    deletions_seconds: Annotated[int, Field(ge=0, le=86400)] = 300
    reconcile_seconds: Annotated[int, Field(ge=60, le=7 * 86400)] = 86400
    max_withdrawn_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    operating_window: OperatingWindow | None = None
    write_back: WriteBack | None = None
    enabled: bool = True

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        problems = [*_url_problems(self.url), *_mapping_problems(self.fields), *self._clashes()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _clashes(self) -> Iterable[str]:
        joined = [name for join in self.joins for name in join.fields]
        for name in sorted({name for name in joined if joined.count(name) > 1}):
            yield f"joins: {name} is taken from two rows"
        for name in sorted(set(self.rows.required) & set(joined)):
            yield f"rows.required: {name} is taken from another row by joins; it must be on the scan's own"
        # Its own write would change the item, the item's change be read, and so on for ever.
        for name in sorted(set(self.written_fields()) & set(self.read_fields())):
            yield f"write_back: {name} is also read for the worklist; give the write-back a field of its own"

    def read_fields(self) -> tuple[str, ...]:
        """Return every REDCap field an item is made from, the record id first, each once."""
        mapped = (name for mapping in self.fields.values() for name in mapping.redcap_fields())
        joined = (name for join in self.joins for name in join.fields)
        names = dict.fromkeys([self.record_id_field, *self.rows.required, *mapped, *joined])
        return tuple(name for name in names if name not in PSEUDO_FIELDS)

    def written_fields(self) -> tuple[str, ...]:
        """Return every REDCap field the write-back may touch."""
        return self.write_back.redcap_fields() if self.write_back else ()

    def local(self, moment: datetime) -> datetime:
        """Return an aware moment as the scanners' wall clock shows it."""
        return moment.astimezone(ZoneInfo(self.time_zone))

    def open_at(self, moment: datetime) -> bool:
        """Tell whether REDCap may be asked at an aware moment."""
        return self.operating_window is None or self.operating_window.contains(self.local(moment))

    def server_wall_clock(self, since: datetime, now: datetime) -> datetime:
        """Return ``since`` as naive server time, no later than any moment from ``since`` to ``now`` is there.

        When the clocks go back in between, an hour happens twice by the wall clock REDCap compares with: the
        lower of both offsets then reaches far enough.
        """
        zone = ZoneInfo(self.server_time_zone or self.time_zone)
        offsets = (moment.astimezone(zone).utcoffset() or timedelta() for moment in (since, now))
        return since.astimezone(UTC).replace(tzinfo=None) + min(offsets)

    def digest(self) -> str:
        """Return a digest of the definition: when it changes, everything has to be read again."""
        return sha256(self.model_dump_json().encode()).hexdigest()


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a half sentence with the closest known names; empty if none is close."""
    close = get_close_matches(name, sorted(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _url_problems(url: str) -> Iterable[str]:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        yield "url: is not a web address"
        return
    if parts.scheme not in {"https", "http"} or not host:
        yield "url: must begin with https://"
    elif parts.scheme == "http" and host not in {"127.0.0.1", "localhost", "::1"}:
        yield "url: must begin with https://, or the API token would travel in the clear"
    if parts.username or parts.password or parts.query or parts.fragment:
        yield "url: must be the bare address, without user, query or fragment"
    if not parts.path.endswith("/api/"):
        yield "url: must end with /api/"


def _mapping_problems(fields: Mapping[str, FieldMapping]) -> Iterable[str]:
    for name in sorted(fields.keys() - ITEM_FIELDS):
        yield f"fields.{name}: there is no such worklist field{did_you_mean(name, ITEM_FIELDS)}"
    for name in sorted(REQUIRED_ITEM_FIELDS - fields.keys()):
        yield f"fields.{name}: is missing, and no item can be without it"
    for name, mapping in fields.items():
        allowed = _UNITS.get(name, frozenset())
        if mapping.unit is not None and mapping.unit not in allowed:
            takes = f"only {', '.join(sorted(allowed))}" if allowed else "no unit"
            yield f"fields.{name}.unit: this field takes {takes}"
