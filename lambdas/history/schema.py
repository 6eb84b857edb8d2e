"""What the history holds: every table and column, its type, its unit and how it is derived. Pure.

The same description makes the Parquet files, the tables of AWS Glue in template.yaml and docs/history.md.
Every engine reads the same types: a timestamp has no zone in the file, and its name says which it is in.

    ..._at      the instant, in UTC
    ..._local   what a clock at the site showed
    day         the day of ``at`` in UTC: with ``site`` it says in which folder the row is
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

SCHEMA_VERSION: Final = 1
"""Goes up when a column changes its meaning or goes away. A new column leaves it as it is."""

Type = Literal["text", "int", "float", "bool", "date", "timestamp"]


class Column(NamedTuple):
    """One column.

    :param meaning: what it says, with its unit.
    :param derived: from which stored value, and how.
    """

    name: str
    type: Type
    meaning: str
    derived: str


class Table(NamedTuple):
    """One table.

    :param row: what one row is.
    :param key: columns whose values together name one row.
    :param parts: whether its files are in folders by period and site.
    :param shared: whether it is part of a default export; the other tables name people.
    """

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    parts: bool = True
    shared: bool = True

    def names(self) -> tuple[str, ...]:
        """Return the names of its columns in order."""
        return tuple(column.name for column in self.columns)


def _text(name: str, meaning: str, derived: str) -> Column:
    return Column(name, "text", meaning, derived)


def _int(name: str, meaning: str, derived: str) -> Column:
    return Column(name, "int", meaning, derived)


def _bool(name: str, meaning: str, derived: str) -> Column:
    return Column(name, "bool", meaning, derived)


def _time(name: str, meaning: str, derived: str) -> Column:
    return Column(name, "timestamp", meaning, derived)


_DAY: Final = Column("day", "date", "day of `at`", "UTC")
_SITE: Final = _text("site", "site", "of the audit entry, the relay or the source")
_AT: Final = _time("at", "when this became known to the cloud", "`at` of the audit entry (the cloud's clock)")
_BY: Final = _text(
    "by",
    "who did it: `source`, `person`, `relay`, `command`, `write-back` or `system`",
    "`actor.kind` of the audit entry",
)
_STUDY: Final = _text("study", "study: the id of its source; empty if made by hand", "`source` of the item")
_PARTICIPANT: Final = _text(
    "participant", "key of the participant within the study", "HMAC of `source_record`, else of `patient_id`"
)
_EXAM: Final = _text("exam", "key of the exam", "HMAC of the item's id")

EXAMS: Final = Table(
    "exams",
    "an exam and version of it: as it stood after each thing that became known of it",
    ("site", "exam", "version"),
    (
        _EXAM,
        _int(
            "version",
            "1 for the first, then one more each time",
            "counted in the order of the site's audit chain",
        ),
        _AT,
        _DAY,
        _SITE,
        _STUDY,
        _PARTICIPANT,
        _text(
            "because",
            "what became known: `created`, `changed`, `removed` or `restored`; `found`: it was there "
            "before there was an audit trail",
            "`action` of the audit entry",
        ),
        _BY,
        _text("status", "status, such as `SCHEDULED`", "`performed_procedure_step_status` of the item"),
        _text("status_owner", "who set it: `source`, `mpps`, `person` or `clock`", "`status_owner`"),
        _bool("removed", "it is not on the worklist any more", "true from `removed` to `restored`"),
        _time("status_since_at", "since when `status` and `removed` are as they are", "`at` of that version"),
        _text("visit", "REDCap's event", "`source_event`"),
        _text("modality", "modality, such as `MR`", "`modality`"),
        _text("scanner", "AE title of the planned scanner", "`scheduled_station_aetitle`"),
        _text("protocol", "protocol", "`protocol_name`"),
        _text("procedure", "what is to be done", "`procedure_description`"),
        _time("planned_local", "planned begin", "`scheduled_start_date`, `scheduled_start_time`"),
        _time("planned_at", "the same as an instant", "`planned_local` in the study's time zone"),
        _int(
            "planned_minutes",
            "planned length in minutes; null if no end is planned",
            "`scheduled_end_date`, `scheduled_end_time` minus begin; without an end date: of the same day",
        ),
        _time("first_seen_at", "when the cloud first had it", "`at` of its first version"),
        _time("first_planned_local", "planned begin as of the first version", "`planned_local` then"),
        _int("reschedules", "how often its planned begin changed since", "counted"),
        _time(
            "first_shown_at",
            "when its scanner first asked a relay that had it; told with the next version; null if not known",
            "the first `last_query_at` of `scanner` in a heartbeat that is not before a `pull.succeeded_at` "
            "after `first_seen_at`",
        ),
        _int(
            "unshown_minutes",
            "minutes its row was rejected or held before it was an exam; null if it never was",
            "from the first sync that reported the row to `first_seen_at`",
        ),
        _int("edited_fields", "how many of its fields a person owns", "length of `edited`"),
        _text("actual_scanner", "AE title of the scanner that did it", "`station_aetitle` of its first step"),
        _time("started_local", "when it began", "the earliest `started_at` of its steps"),
        _time("started_at", "the same as an instant", "`shared.steps.step_times.began_at`"),
        _time("ended_local", "when it ended", "the latest `ended_at` of its steps, once none is in progress"),
        _time("ended_at", "the same as an instant", "`shared.steps.step_times.ended_at`"),
        _int("steps", "how many performed steps are of it", "counted"),
        _int("series", "series they reported", "sum of `series_count`"),
        _text("discontinuation_reason", "code value of CID 9300", "of the last step that was discontinued"),
    ),
)

STEPS: Final = Table(
    "steps",
    "a performed procedure step and version of it",
    ("site", "step", "version"),
    (
        _text("step", "key of the step", "HMAC of the SOP Instance UID"),
        _int(
            "version", "1 for the first, then one more each time", "counted in the order of the audit chain"
        ),
        _AT,
        _DAY,
        _SITE,
        _STUDY,
        _PARTICIPANT,
        _text("exam", "key of the first exam it is of; empty: a scan without booking", "first of `item_ids`"),
        _int("exams", "how many exams it is of", "length of `item_ids`"),
        _text(
            "because",
            "`reported`, `linked`, `unlinked`; `told` or `refused` by REDCap",
            "`action` of the audit entry",
        ),
        _BY,
        _text("status", "`IN_PROGRESS`, `COMPLETED` or `DISCONTINUED`", "`status`"),
        _text("scanner", "AE title of the scanner", "`station_aetitle`, else the calling AE title"),
        _time("reported_at", "when a relay received its last message", "`reported_at`"),
        _time("started_local", "when it began", "`started_at`"),
        _time("started_at", "the same as an instant", "`shared.steps.step_times.began_at`"),
        _time("ended_local", "when it ended; null while it has not", "`ended_at`"),
        _time("ended_at", "the same as an instant", "`shared.steps.step_times.ended_at`"),
        _text("discontinuation_reason", "code value of CID 9300", "`discontinuation_reason`"),
        _int("series", "series it reported", "`series_count`"),
        _int("images", "images they refer to", "`image_count`"),
        _time(
            "told_at",
            "when REDCap was told of it as it stands; null while it was not",
            "`at` of the `told` entry since the last `reported`, `linked` or `unlinked`",
        ),
    ),
)

CHANGES: Final = Table(
    "changes",
    "a field that a version of an exam or step changed",
    ("site", "kind", "subject", "version", "field"),
    (
        _text("kind", "`exam` or `step`", "`kind` of the audit entry's subject"),
        _text("subject", "key of the exam or step", "`exam` or `step`, as in those tables"),
        _int("version", "the version that changed it", "as in `exams` or `steps`"),
        _text("field", "name of the field, as in the API", "from `before` and `after` of the audit entry"),
        _AT,
        _DAY,
        _SITE,
        _STUDY,
        _PARTICIPANT,
        _BY,
        _text(
            "owner",
            "who owns the field since: `source`, `person`, `mpps` or `clock`",
            "`status_owner` for the status, `person` for `edited` fields, `mpps` for steps, else `source`",
        ),
        _text(
            "before_hash",
            "which value it had, without saying it; empty if none",
            "HMAC; the same value of the same field of the same exam has the same hash",
        ),
        _text("after_hash", "which value it has since; empty if none", "as `before_hash`"),
    ),
)

SYNCS: Final = Table(
    "syncs",
    "a sync of a study with REDCap",
    ("study", "at"),
    (
        _text("study", "study", "id of the source"),
        _time("at", "when it ended", "`finished_at` of the report"),
        _DAY,
        _text("site", "the study's site; the first by name if it has several", "of the source definition"),
        _text("outcome", "`ok` or `failed`", "`outcome`"),
        _bool("full", "it read every record", "`full`"),
        _bool("unfinished", "it goes on at the next tick", "`unfinished`"),
        _int("written", "exams written", "`written`"),
        _int("unchanged", "exams that were right", "`unchanged`"),
        _int("withdrawn", "exams withdrawn", "`withdrawn`"),
        _int("rejected", "rows rejected now", "`rejected_count` of the state"),
        _int("held", "rows held now", "`held_count` of the state"),
        _int("missing_soon", "scans of today or soon that are rejected or held", "`missing_soon`"),
        _int("withheld", "withdrawals that wait for a person", "`withheld`"),
        _int("unseen", "changes that earlier syncs should have seen", "`unseen`"),
    ),
)

RELAY_MINUTES: Final = Table(
    "relay_minutes",
    "a relay and minute in which a heartbeat of it came",
    ("relay", "minute_at"),
    (
        _text("relay", "id of the relay", "id of the row"),
        _time("minute_at", "begin of the minute", "`seen_at`, cut to the minute"),
        _time("at", "the last heartbeat of the minute", "`seen_at`"),
        _DAY,
        _SITE,
        _text("software", "version of the relay", "`version`"),
        _int("items", "exams it holds; null if it cannot read them", "`items`"),
        _int("outbox", "messages that wait to be sent", "`outbox`"),
        _int("outbox_seconds", "age of the oldest of them in seconds", "`seen_at` minus `outbox_oldest_at`"),
        _int("parked", "messages the cloud refused for good", "`parked`"),
        _int("problems", "how many things need attention", "length of `problems`"),
        _bool("pull_works", "pulling the worklist works", "`pull.failure` is empty"),
        _int(
            "pull_seconds",
            "age of the last pull in seconds; null: never",
            "`seen_at` minus `pull.succeeded_at`",
        ),
        _bool("push_works", "sending messages works", "`push.failure` is empty"),
        _int(
            "push_seconds",
            "age of the last push in seconds; null: never",
            "`seen_at` minus `push.succeeded_at`",
        ),
    ),
)

QUERIES: Final = Table(
    "queries",
    "a scanner, hour and kind of request in which its relay heard of it",
    ("relay", "scanner", "hour_at", "kind"),
    (
        _text("relay", "id of the relay", "id of the row"),
        _text("scanner", "AE title of the scanner", "`ae_title`"),
        _time("hour_at", "begin of the hour", "`seen_at`, cut to the hour"),
        _text("kind", "`echo`, `find` or `mpps`; `request` counts those of all kinds", "see `requests`"),
        _DAY,
        _SITE,
        _int(
            "requests",
            "how many; `echo`, `find`, `mpps`: in how many heartbeats a new one was told of",
            "`request`: growth of `requests` since the heartbeat before; the others: `last_..._at` moved",
        ),
        _int("answers", "exams that queries were answered with; 0 but for `request`", "growth of `answers`"),
    ),
)

SITES: Final = Table(
    "sites",
    "a site",
    ("site",),
    (
        _SITE,
        _text("time_zone", "IANA name of its time zone; empty if no study says it", "of its first study"),
        _int("studies", "how many studies scan there", "counted"),
        _int("relays", "how many relays serve it", "relays that are not revoked"),
    ),
    parts=False,
)
SCANNERS: Final = Table(
    "scanners",
    "a scanner of a site",
    ("site", "scanner"),
    (
        _SITE,
        _text("scanner", "AE title", "planned or reported"),
        _text("modality", "modality of its latest exam", "`modality`"),
        _int("exams", "exams planned there", "latest versions, counted"),
    ),
    parts=False,
)
STUDIES: Final = Table(
    "studies",
    "a study",
    ("study",),
    (
        _STUDY,
        _text("time_zone", "IANA name of its time zone", "`time_zone` of the source"),
        _bool("enabled", "its source is in use", "`enabled`"),
        _int("sites", "at how many sites it scans", "counted"),
        _bool("shifted", "its dates are shifted", "`shift_dates` of its `[history]`"),
        _int("no_show_days", "days after which a missed exam is a no-show", "`no_show_days`"),
    ),
    parts=False,
)
PROTOCOLS: Final = Table(
    "protocols",
    "a protocol of a study",
    ("study", "protocol"),
    (
        _STUDY,
        _text("protocol", "protocol", "`protocol_name`"),
        _text("modality", "modality of its latest exam", "`modality`"),
        _int("exams", "exams with it", "latest versions, counted"),
    ),
    parts=False,
)
CALENDAR: Final = Table(
    "calendar",
    "a day",
    ("day",),
    (
        Column("day", "date", "day", "from the first to the last day of the export"),
        _int("year", "year", "Gregorian"),
        _int("month", "1 to 12", "Gregorian"),
        _int("iso_year", "year of the ISO week", "ISO 8601"),
        _int("iso_week", "ISO week", "ISO 8601"),
        _int("weekday", "1 is Monday, 7 is Sunday", "ISO 8601"),
        _bool("weekend", "Saturday or Sunday", "`weekday` over 5"),
    ),
    parts=False,
)
PARTICIPANTS: Final = Table(
    "participants",
    "an exam and whom it is of. Only in a named export",
    ("site", "exam"),
    (
        _EXAM,
        _SITE,
        _STUDY,
        _PARTICIPANT,
        _text("item_id", "id of the item", "`id`"),
        _text("study_instance_uid", "Study Instance UID", "`study_instance_uid`"),
        _text("accession_number", "accession number", "`accession_number`"),
        _text("record", "REDCap's record", "`source_record`"),
        _text("patient_id", "Patient ID", "`patient_id`"),
        _text("patient_name", "name", "`patient_name`"),
        _text("birth_date", "birth date, `YYYYMMDD`", "`patient_birth_date`"),
        _int("shift_days", "days that its dates were moved by", "see Shifted dates"),
    ),
    parts=False,
    shared=False,
)

FACTS: Final = (EXAMS, STEPS, CHANGES, SYNCS, RELAY_MINUTES, QUERIES)
DIMENSIONS: Final = (SITES, SCANNERS, STUDIES, PROTOCOLS, CALENDAR)
TABLES: Final = {table.name: table for table in (*FACTS, *DIMENSIONS, PARTICIPANTS)}


def markdown() -> Iterator[str]:
    """Yield the lines of docs/history.md that tell all tables."""
    for table in TABLES.values():
        yield f"### `{table.name}`"
        yield ""
        yield f"One row: {table.row}. Key: {', '.join(f'`{name}`' for name in table.key)}."
        yield ""
        yield "| column | type | what it says | how it is derived |"
        yield "|---|---|---|---|"
        for column in table.columns:
            yield f"| `{column.name}` | {column.type} | {column.meaning} | {column.derived} |"
        yield ""
