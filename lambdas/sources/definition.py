"""A source definition: one REDCap project, and how its rows become worklist items and get an answer back.

Written by an operator (see docs/sources.md and `lambdas.sources.file`), stored as JSON. Whatever it says
wrongly is found when it is read, or held against its project, not at the first row. Pure: no network, no
clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from hashlib import sha256
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from lambdas.redcap.row import DATA_ACCESS_GROUP, PSEUDO_FIELDS
from lambdas.sources.field_mapping import (
    ALWAYS_REQUIRED,
    ITEM_FIELDS,
    REQUIRED_ITEM_FIELDS,
    UNITS,
    FieldMapping,
    TemplatePart,
)
from lambdas.sources.field_values import converted, fault_of
from lambdas.sources.limits import Limits
from lambdas.sources.protocol_codes import ProtocolCodes
from lambdas.sources.scan_rows import Gate, Join, ScanRows
from lambdas.sources.section import FieldName, Section
from shared.dicom.dicom_text import AE
from shared.errors import Rejected
from shared.scanners.scanner_hours import ScannerHours
from shared.text.spelling import did_you_mean
from shared.text.time_zones import OptionalZoneName, ZoneName, time_zone
from shared.worklist_item import OptionalSiteName, SiteName, Status

ID_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,63}$"
TOKEN_SECRET_PATTERN: Final = r"^[A-Za-z0-9_.-]{1,128}(:[A-Za-z0-9_.-]{1,64})?$"  # noqa: S105 - of a name
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class OperatingWindow(Section):
    """When to ask REDCap at all, in the source's time zone; one that closes before it opens spans midnight.

    It opens once on each of its days, also when the clocks change: from the first moment that ``opens`` can
    mean to the last that ``closes`` can mean, of an hour that comes twice or does not come.

    :param days: the days it opens on.
    """

    opens: time
    closes: time
    days: Annotated[
        tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(min_length=1)
    ] = _WEEKDAYS

    def contains(self, moment: datetime, zone: tzinfo) -> bool:
        """Tell whether an aware moment lies within the window."""
        today = moment.astimezone(zone).date()
        opened = (self.opened_on(today + timedelta(days=ahead), zone) for ahead in (-1, 0, 1))
        return any(each is not None and each[0] <= moment < each[1] for each in opened)

    def opened_on(self, day: date, zone: tzinfo) -> tuple[datetime, datetime] | None:
        """Return when the window that opens on a day opens and closes; None if it does not open then."""
        if _WEEKDAYS[day.weekday()] not in self.days:
            return None
        last = day if self.opens < self.closes else day + timedelta(days=1)
        return min(_meant(day, self.opens, zone)), max(_meant(last, self.closes, zone))


def _meant(day: date, clock: time, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return both instants that a local time can mean; nearly always they are the same."""
    first, second = (datetime.combine(day, clock.replace(fold=fold), tzinfo=zone) for fold in (0, 1))
    return first.astimezone(UTC), second.astimezone(UTC)


class WriteBack(Section):
    """The REDCap fields, on the scan's own row, that receive the scanner's results. No other is written.

    :param status: gets SCHEDULED, IN_PROGRESS, COMPLETED or DISCONTINUED, or what ``status_values`` says; and
        NO_SHOW, but only if ``status_values`` has a value for it.
    :param start: gets the local time the step started.
    :param end: gets the local time it ended.
    :param duration: gets the whole minutes from start to end.
    :param station: gets the station's AE title.
    :param discontinuation_reason: gets the code value (DICOM PS3.16 CID 9300).
    :param series_count: gets the number of series the scanner reported.
    :param completed_by: gets ``mpps``, ``images`` or ``person`` once the scan is completed: who says so.
    :param seconds: whether REDCap's date-time fields have seconds (validation ``datetime_seconds_*``).
    """

    status: FieldName | None = None
    start: FieldName | None = None
    end: FieldName | None = None
    duration: FieldName | None = None
    station: FieldName | None = None
    discontinuation_reason: FieldName | None = None
    series_count: FieldName | None = None
    completed_by: FieldName | None = None
    status_values: dict[Status, str] = Field(default_factory=dict)
    seconds: bool = True

    def redcap_fields(self) -> tuple[str, ...]:
        """Return every field that may be written."""
        named = (
            self.status,
            self.start,
            self.end,
            self.duration,
            self.station,
            self.discontinuation_reason,
            self.series_count,
            self.completed_by,
        )
        return tuple(name for name in named if name is not None)


class Feedback(Section):
    """The REDCap field, on the scan's own row, that says whether the scan is on the worklist, or why not.

    :param field: gets a sentence; nothing is read from it for the worklist.
    """

    field: FieldName


class History(Section):
    """What the study asks of the history for analysis.

    :param shift_dates: every participant's dates are moved by a number of weeks that only the key knows.
    """

    shift_dates: bool = False


class SourceDefinition(Section):
    """One REDCap project as a source of worklist items.

    :param id: names the source; part of every item's identity, so it can never change.
    :param site: where the scans take place: the relays of this site see the items. Empty with
        ``sites_by_dag``: a scan is never shown at a default site.
    :param sites_by_dag: data access group (its unique name) -> site; a record in no group, or in one that is
        not listed, is rejected.
    :param url: REDCap's API, ending in ``/api/``; https unless REDCap runs on this very machine.
    :param token_secret: the secret with the API token, without the prefix the functions are given; or
        ``secret:key``, one of several tokens in a secret.
    :param record_id_field: the first field of the project, whatever its name.
    :param gates: what has to be said before a scan is on the worklist; all of them.
    :param parts: name -> a prepared REDCap field, for ``{name}`` in templates. A part hides the REDCap field
        of the same name there.
    :param fields: worklist field -> `FieldMapping`.
    :param required: worklist fields a scan may not lack, besides those that none may: with one empty, or one
        that cannot be used, the row is rejected. Anything else that cannot be used is left out of the item.
    :param allow_shared_patient_id: items that differ in name, birth date or sex may have one Patient ID at a
        site; otherwise the later one is held back.
    :param limits: what a participant can plausibly be; a scan with something else is held back.
    :param protocol: what is to be scanned, by visit, arm or field; fills worklist fields of its own.
    :param missing_data_codes: values that mean "empty" here, besides those the project itself lists.
    :param time_zone: the scanners' zone: dates and times in REDCap are local to it.
    :param server_time_zone: the REDCap server's zone, in which it compares changes; empty: the same.
    :param interval_seconds: how often to ask for changes.
    :param overlap_seconds: how far before the last sync to ask again: clocks differ, and whether REDCap's
        bounds include their own second is not documented.
    :param deletions_seconds: how often to look for deleted and renamed records; 0: at every sync.
    :param reconcile_seconds: how often to read everything, and so to prove the table right.
    :param no_show_days: an exam still waiting when its day and so many more have passed becomes NO_SHOW.
    :param step_patience_hours: nobody waits for the end of a performed step of which nothing was heard for so
        long: its exam is IN_PROGRESS no longer.
    :param attention_hours: the source needs attention while a scan of today or of the next hours, or of a day
        that cannot be read, is rejected or held back.
    :param scanner_hours: AE title, or ``all``, -> when the scanner may be booked; what lies outside is shown.
    :param feedback: where a scan's row says whether it is on the worklist.
    :param history: what the study asks of the history for analysis; it changes nothing on the worklist.
    :param max_withdrawn_share: a sync that would withdraw more than this share of the source's items stops
        instead; five items may always go.
    """

    id: Annotated[str, Field(pattern=ID_PATTERN)]
    site: OptionalSiteName = ""
    sites_by_dag: dict[str, SiteName] = Field(default_factory=dict)
    url: str
    token_secret: Annotated[str, Field(pattern=TOKEN_SECRET_PATTERN)]
    record_id_field: FieldName
    rows: ScanRows
    joins: tuple[Join, ...] = ()
    gates: tuple[Gate, ...] = ()
    parts: dict[FieldName, TemplatePart] = Field(default_factory=dict)
    fields: dict[str, FieldMapping]
    required: tuple[str, ...] = ()
    allow_shared_patient_id: bool = False
    limits: Limits = Limits()
    protocol: ProtocolCodes | None = None
    missing_data_codes: tuple[str, ...] = ()
    time_zone: ZoneName
    server_time_zone: OptionalZoneName = ""
    interval_seconds: Annotated[int, Field(ge=1, le=86400)] = 60
    overlap_seconds: Annotated[int, Field(ge=0, le=86400)] = 300
    deletions_seconds: Annotated[int, Field(ge=0, le=86400)] = 300
    reconcile_seconds: Annotated[int, Field(ge=60, le=7 * 86400)] = 86400
    max_withdrawn_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    no_show_days: Annotated[int, Field(ge=0, le=3650)] = 2
    step_patience_hours: Annotated[int, Field(ge=1, le=8784)] = 12
    attention_hours: Annotated[int, Field(ge=0, le=8784)] = 48
    operating_window: OperatingWindow | None = None
    scanner_hours: dict[AE, ScannerHours] = Field(default_factory=dict)
    write_back: WriteBack | None = None
    feedback: Feedback | None = None
    history: History = History()
    enabled: bool = True

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        problems = [
            *_url_problems(self.url),
            *_mapping_problems(self.fields, self.protocol),
            *_value_problems(self.fields, self.protocol),
            *self._clashes(),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _clashes(self) -> Iterable[str]:
        filled = self.fields.keys() | (self.protocol.item_fields() if self.protocol else ())
        for name in self.required:
            if name not in filled:
                yield f"required: nothing fills {name}{did_you_mean(name, filled)}"
        if bool(self.site) == bool(self.sites_by_dag):
            yield "site: give either site or sites_by_dag"
        joined = [name for join in self.joins for name in join.fields]
        for name in sorted({name for name in joined if joined.count(name) > 1}):
            yield f"joins: {name} is taken from two rows"
        for name in sorted(set(joined) & (PSEUDO_FIELDS | {self.record_id_field})):
            yield f"joins: {name} is known of every row; leave it out"
        for name in sorted(set(self.rows.required) & set(joined)):
            yield f"rows.required: {name} is taken from another row by joins; it must be on the scan's own"
        written = self.written_fields()
        for name in sorted({name for name in written if written.count(name) > 1}):
            yield f"{self._key_of(name)}: {name} is the target of two values; give each its own field"
        # Its own write would change the item, the item's change be read, and so on for ever.
        for name in sorted(set(written) & {*self.read_fields(), *PSEUDO_FIELDS}):
            yield f"{self._key_of(name)}: {name} is also read for the worklist; give it a field of its own"

    def _key_of(self, written: str) -> str:
        return "feedback" if written == self.written_feedback() else "write_back"

    def requires(self, target: str) -> bool:
        """Tell whether a scan may not lack a worklist field."""
        return target in ALWAYS_REQUIRED or target in self.required

    def redcap_fields(self, target: str) -> tuple[str, ...]:
        """Return the REDCap fields and pseudo-columns a worklist field is made of."""
        if target in self.fields:
            return self.fields[target].redcap_fields(self.parts)
        if self.protocol is not None and target in self.protocol.item_fields():
            return (self.protocol.field,)
        return ()

    def named_fields(self) -> Iterator[tuple[str, str]]:
        """Yield every REDCap field and pseudo-column that is read, each with the key that names it."""
        yield "record_id_field", self.record_id_field
        yield from (("rows.required", name) for name in self.rows.required)
        for number, condition in enumerate(self.rows.where):
            yield f"rows.where.{number}", condition.field
        for number, gate in enumerate(self.gates):
            yield from ((f"gates.{number}", name) for name, _ in gate.conditions())
        yield from ((f"parts.{name}", part.field) for name, part in self.parts.items())
        for target, mapping in self.fields.items():
            own = (name for name in mapping.names() if mapping.field is not None or name not in self.parts)
            yield from ((f"fields.{target}", name) for name in own)
        if self.protocol is not None:
            yield "protocol.field", self.protocol.field
        for number, join in enumerate(self.joins):
            yield from ((f"joins.{number}", name) for name in join.fields)

    def sites(self) -> frozenset[str]:
        """Return every site the source may write items to."""
        return frozenset(self.sites_by_dag.values()) or frozenset({self.site})

    def wants_data_access_groups(self) -> bool:
        """Tell whether REDCap has to be asked for ``redcap_data_access_group`` (exportDataAccessGroups)."""
        return bool(self.sites_by_dag) or DATA_ACCESS_GROUP in (name for _, name in self.named_fields())

    def read_fields(self) -> tuple[str, ...]:
        """Return every REDCap field an item is made from, the record id first, each once."""
        names = dict.fromkeys(name for _, name in self.named_fields())
        return tuple(name for name in names if name not in PSEUDO_FIELDS)

    def written_fields(self) -> tuple[str, ...]:
        """Return every REDCap field the write-back may touch."""
        told = self.write_back.redcap_fields() if self.write_back else ()
        return (*told, self.feedback.field) if self.feedback else told

    def written_feedback(self) -> str:
        """Return the REDCap field that says whether a scan is on the worklist; empty if there is none."""
        return self.feedback.field if self.feedback else ""

    def zone(self) -> tzinfo:
        """Return the time zone the scanners stand in."""
        return time_zone(self.time_zone)

    def local(self, moment: datetime) -> datetime:
        """Return an aware moment as the scanners' wall clock shows it."""
        return moment.astimezone(self.zone())

    def open_at(self, moment: datetime) -> bool:
        """Tell whether REDCap may be asked at an aware moment."""
        return self.operating_window is None or self.operating_window.contains(moment, self.zone())

    def server_zone(self) -> tzinfo:
        """Return the zone that the REDCap server's clock is said to be in."""
        return time_zone(self.server_time_zone or self.time_zone)

    def server_wall_clock(self, since: datetime, now: datetime) -> datetime:
        """Return ``since`` as naive server time, no later than any moment from ``since`` to ``now`` is there.

        When the clocks go back in between, an hour happens twice by the wall clock REDCap compares with: the
        lower of both offsets then reaches far enough.
        """
        zone = self.server_zone()
        offsets = (moment.astimezone(zone).utcoffset() or timedelta() for moment in (since, now))
        return since.astimezone(UTC).replace(tzinfo=None) + min(offsets)

    def digest(self) -> str:
        """Return a digest of what makes the items: when it changes, everything has to be read again."""
        return sha256(self.model_dump_json(exclude={"history", "scanner_hours"}).encode()).hexdigest()


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


def _mapping_problems(fields: Mapping[str, FieldMapping], protocol: ProtocolCodes | None) -> Iterable[str]:
    by_protocol = protocol.item_fields() if protocol else frozenset[str]()
    for name in sorted(fields.keys() - ITEM_FIELDS):
        yield f"fields.{name}: there is no such worklist field{did_you_mean(name, ITEM_FIELDS)}"
    for name in sorted(fields.keys() & by_protocol):
        yield f"fields.{name}: is also given by protocol; leave one of them out"
    for name in sorted(REQUIRED_ITEM_FIELDS - fields.keys() - by_protocol):
        yield f"fields.{name}: is missing, and no item can be without it"
    for name, mapping in fields.items():
        allowed = UNITS.get(name, frozenset())
        if mapping.unit is not None and mapping.unit not in allowed:
            takes = f"only {', '.join(sorted(allowed))}" if allowed else "no unit"
            yield f"fields.{name}.unit: this field takes {takes}"
        if mapping.decimal_comma and name not in UNITS:
            yield f"fields.{name}.decimal_comma: this field is no number"


def _value_problems(fields: Mapping[str, FieldMapping], protocol: ProtocolCodes | None) -> Iterable[str]:
    """Yield the values written in the definition itself that no item can have."""
    for name, mapping in fields.items():
        if name not in ITEM_FIELDS:
            continue
        given = {f"values.{code}": ours for code, ours in (mapping.values or {}).items()}
        given |= {"otherwise": mapping.otherwise or "", "default": mapping.default}
        if not (mapping.transforms or mapping.values):
            given["constant"] = mapping.constant or ""
        for key, text in given.items():
            if text and (fault := _fault(name, mapping, text)):
                yield f"fields.{name}.{key}: {fault}"
    for code in protocol.all() if protocol else ():
        for name, text in code.item_fields().items():
            if fault := fault_of(name, text):
                yield f"protocol: {name}: {fault}"


def _fault(name: str, mapping: FieldMapping, text: str) -> str:
    try:
        return fault_of(name, converted(name, mapping, text))
    except Rejected as error:
        return error.what
