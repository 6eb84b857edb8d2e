"""What the history holds: every table and column, its type, its unit and how it is derived. Pure.

The same description makes the Parquet files, the tables of AWS Glue in template.yaml and docs/history.md.
Every engine reads the same types: a timestamp has no zone in the file, and its name says which it is in.

    ..._at      the instant, in UTC
    ..._local   what a clock at the site showed
    day         the day of that in UTC: with ``site`` it says in which folder the row is
"""

from __future__ import annotations

from typing import Final

from lambdas.history.table import Column, Table, flag, number, text, time

SCHEMA_VERSION: Final = 1
"""Goes up when a column changes its meaning or goes away. A new column leaves it as it is."""

_DAY: Final = Column(
    "day", "date", "day of `known_at`, of a sync's `ended_at`, of `heard_at`, or of `hour_at`", "UTC"
)
_SITE: Final = text("site", "site", "of the audit entry, the relay or the source")
_AT: Final = time(
    "known_at", "when this became known to the cloud", "`at` of the audit entry (the cloud's clock)"
)
_BY: Final = text(
    "done_by",
    "who did it: `source`, `person`, `relay`, `command`, `write-back` or `system`",
    "`actor.kind` of the audit entry",
)
_STUDY: Final = text("study", "study: the id of its source; empty if made by hand", "`source` of the item")
_PARTICIPANT: Final = text(
    "participant", "key of the participant within the study", "HMAC of `source_record`, else of `patient_id`"
)
_EXAM: Final = text("exam", "key of the exam", "HMAC of the item's id")

EXAMS: Final = Table(
    "exams",
    "an exam and version of it: as it stood after each thing that became known of it",
    ("site", "exam", "version"),
    (
        _EXAM,
        number(
            "version",
            "1 for the first, then one more each time",
            "counted in the order of the site's audit chain",
        ),
        _AT,
        _DAY,
        _SITE,
        _STUDY,
        _PARTICIPANT,
        text(
            "because",
            "what became known: `created`, `changed`, `removed` or `restored`; `found`: it was there "
            "before there was an audit trail",
            "`action` of the audit entry",
        ),
        _BY,
        text("status", "status, such as `SCHEDULED`", "`performed_procedure_step_status` of the item"),
        text("status_owner", "who set it: `source`, `mpps`, `images`, `person` or `clock`", "`status_owner`"),
        flag("removed", "it is not on the worklist any more", "true from `removed` to `restored`"),
        time(
            "status_since_at",
            "since when `status` and `removed` are as they are",
            "`known_at` of that version",
        ),
        text("visit", "REDCap's event", "`source_event`"),
        text("modality", "modality, such as `MR`", "`modality`"),
        text("scanner", "AE title of the planned scanner", "`scheduled_station_aetitle`"),
        text("protocol", "protocol", "`protocol_name`"),
        text("procedure", "what is to be done", "`procedure_description`"),
        time("planned_local", "planned begin", "`scheduled_start_date`, `scheduled_start_time`"),
        time("planned_at", "the same as an instant", "`planned_local` in the study's time zone"),
        number(
            "planned_minutes",
            "planned length in minutes; null if no end is planned",
            "`scheduled_end_date`, `scheduled_end_time` minus begin; without an end date: of the same day",
        ),
        time("first_seen_at", "when the cloud first had it", "`known_at` of its first version"),
        time(
            "saved_at",
            "when its present plan was saved in REDCap, at the earliest; null if not known",
            "`saved_at` of the audit entry's subject",
        ),
        time("first_planned_local", "planned begin as of the first version", "`planned_local` then"),
        number("reschedules", "how often its planned begin changed since", "counted"),
        time(
            "first_shown_at",
            "when its scanner first asked a relay that had it; told with the next version; null if not known",
            "the first `last_query_at` of `scanner` in a heartbeat that is not before a `pull.succeeded_at` "
            "after `first_seen_at`",
        ),
        number(
            "unshown_minutes",
            "minutes its row was rejected or held before it was an exam; null if it never was",
            "from the first sync that reported the row to `first_seen_at`",
        ),
        time(
            "listed_at",
            "since when it is on the list as it is planned",
            "`at` of the version that set its day, time or scanner",
        ),
        time(
            "row_seen_at",
            "when the row of this plan was first seen, shown or not",
            "`listed_at`, or the first sync that rejected or held the row",
        ),
        number("edited_fields", "how many of its fields a person owns", "length of `edited`"),
        text("actual_scanner", "AE title of the scanner that did it", "`station_aetitle` of its first step"),
        time("started_local", "when it began", "the earliest `started_at` of its steps"),
        time("started_at", "the same as an instant", "`shared.steps.step_times.began_at`"),
        time("ended_local", "when it ended", "the latest `ended_at` of its steps, once none is in progress"),
        time("ended_at", "the same as an instant", "`shared.steps.step_times.ended_at`"),
        number("steps", "how many performed steps are of it", "counted"),
        number("series", "series they reported", "sum of `series_count`"),
        text("discontinuation_reason", "code value of CID 9300", "of the last step that was discontinued"),
    ),
)

CURRENT_EXAMS: Final = Table(
    "current_exams", "an exam as it stands: the newest version of `exams`", ("site", "exam"), EXAMS.columns
)

STEPS: Final = Table(
    "steps",
    "a performed procedure step and version of it",
    ("site", "step", "version"),
    (
        text("step", "key of the step", "HMAC of the SOP Instance UID"),
        number(
            "version", "1 for the first, then one more each time", "counted in the order of the audit chain"
        ),
        _AT,
        _DAY,
        _SITE,
        _STUDY,
        _PARTICIPANT,
        text("exam", "key of the first exam it is of; empty: a scan without booking", "first of `item_ids`"),
        number("exams", "how many exams it is of", "length of `item_ids`"),
        text(
            "because",
            "`reported`, `linked`, `unlinked`; `told` or `refused` by REDCap",
            "`action` of the audit entry",
        ),
        _BY,
        text("status", "`IN_PROGRESS`, `COMPLETED` or `DISCONTINUED`", "`status`"),
        text("scanner", "AE title of the scanner", "`station_aetitle`, else the calling AE title"),
        time("reported_at", "when a relay received its last message", "`reported_at`"),
        time("started_local", "when it began", "`started_at`"),
        time("started_at", "the same as an instant", "`shared.steps.step_times.began_at`"),
        time("ended_local", "when it ended; null while it has not", "`ended_at`"),
        time("ended_at", "the same as an instant", "`shared.steps.step_times.ended_at`"),
        text("discontinuation_reason", "code value of CID 9300", "`discontinuation_reason`"),
        number("series", "series it reported", "`series_count`"),
        number("images", "images they refer to", "`image_count`"),
        time(
            "told_at",
            "when REDCap was told of it as it stands; null while it was not",
            "`at` of the `told` entry since the last `reported`, `linked` or `unlinked`",
        ),
    ),
)

CURRENT_STEPS: Final = Table(
    "current_steps", "a step as it stands: the newest version of `steps`", ("site", "step"), STEPS.columns
)

CHANGES: Final = Table(
    "changes",
    "a field that a version of an exam or step changed",
    ("site", "kind", "subject", "version", "field"),
    (
        text("kind", "`exam` or `step`", "`kind` of the audit entry's subject"),
        text("subject", "key of the exam or step", "`exam` or `step`, as in those tables"),
        number("version", "the version that changed it", "as in `exams` or `steps`"),
        text("field", "name of the field, as in the API", "from `before` and `after` of the audit entry"),
        _AT,
        _DAY,
        _SITE,
        _STUDY,
        _PARTICIPANT,
        _BY,
        text(
            "owner",
            "who owns the field since: `source`, `person`, `mpps` or `clock`",
            "`status_owner` for the status, `person` for `edited` fields, `mpps` for steps, else `source`",
        ),
        text(
            "before_hash",
            "which value it had, without saying it; empty if none",
            "HMAC; the same value of the same field of the same exam has the same hash",
        ),
        text("after_hash", "which value it has since; empty if none", "as `before_hash`"),
    ),
)

SYNCS: Final = Table(
    "syncs",
    "a sync of a study with REDCap",
    ("study", "ended_at"),
    (
        text("study", "study", "id of the source"),
        time("ended_at", "when it ended", "`finished_at` of the report"),
        _DAY,
        text("site", "the study's site; the first by name if it has several", "of the source definition"),
        text("outcome", "`ok` or `failed`", "`outcome`"),
        flag("full_read", "it read every record", "`full`"),
        flag("unfinished", "it goes on at the next tick", "`unfinished`"),
        number("written", "exams written", "`written`"),
        number("unchanged", "exams that were right", "`unchanged`"),
        number("withdrawn", "exams withdrawn", "`withdrawn`"),
        number("rejected", "rows rejected now", "`rejected_count` of the state"),
        number("held", "rows held now", "`held_count` of the state"),
        number("missing_soon", "scans of today or soon that are rejected or held", "`missing_soon`"),
        number("withheld", "withdrawals that wait for a person", "`withheld`"),
        number("unseen", "changes that earlier syncs should have seen", "`unseen`"),
    ),
)

RELAY_MINUTES: Final = Table(
    "relay_minutes",
    "a relay and minute in which a heartbeat of it came",
    ("relay", "minute_at"),
    (
        text("relay", "id of the relay", "id of the row"),
        time("minute_at", "begin of the minute", "`seen_at`, cut to the minute"),
        time("heard_at", "the last heartbeat of the minute", "`seen_at`"),
        _DAY,
        _SITE,
        text("software", "version of the relay", "`version`"),
        number("items", "exams it holds; null if it cannot read them", "`items`"),
        number("outbox", "messages that wait to be sent", "`outbox`"),
        number(
            "outbox_seconds", "age of the oldest of them in seconds", "`seen_at` minus `outbox_oldest_at`"
        ),
        number("parked", "messages the cloud refused for good", "`parked`"),
        number("problems", "how many things need attention", "length of `problems`"),
        flag("pull_works", "pulling the worklist works", "`pull.failure` is empty"),
        number(
            "pull_seconds",
            "age of the last pull in seconds; null: never",
            "`seen_at` minus `pull.succeeded_at`",
        ),
        flag("push_works", "sending messages works", "`push.failure` is empty"),
        number(
            "push_seconds",
            "age of the last push in seconds; null: never",
            "`seen_at` minus `push.succeeded_at`",
        ),
        number(
            "silent_seconds",
            "seconds since the minute before in which a heartbeat came; null for the first",
            "`minute_at` minus the one before of this relay",
        ),
    ),
)

QUERIES: Final = Table(
    "queries",
    "a scanner, hour and kind of request in which its relay heard of it",
    ("relay", "scanner", "hour_at", "kind"),
    (
        text("relay", "id of the relay", "id of the row"),
        text("scanner", "AE title of the scanner", "`ae_title`"),
        time("hour_at", "begin of the hour", "`seen_at`, cut to the hour"),
        text("kind", "`echo`, `find` or `mpps`; `request` counts those of all kinds", "see `requests`"),
        _DAY,
        _SITE,
        number(
            "requests",
            "how many; `echo`, `find`, `mpps`: in how many heartbeats a new one was told of",
            "`request`: growth of `requests` since the heartbeat before; the others: `last_..._at` moved",
        ),
        number(
            "answers", "exams that queries were answered with; 0 but for `request`", "growth of `answers`"
        ),
    ),
)

SITES: Final = Table(
    "sites",
    "a site",
    ("site",),
    (
        _SITE,
        text("time_zone", "IANA name of its time zone; empty if no study says it", "of its first study"),
        number("studies", "how many studies scan there", "counted"),
        number(
            "relays",
            "how many relays serve it",
            "relays that are not revoked; in a bucket: that have told of themselves",
        ),
    ),
    parts=False,
)
SCANNERS: Final = Table(
    "scanners",
    "a scanner of a site",
    ("site", "scanner"),
    (
        _SITE,
        text("scanner", "AE title", "planned or reported"),
        text("modality", "modality of its latest exam", "`modality`"),
        number("exams", "exams planned there", "latest versions, counted"),
    ),
    parts=False,
)
STUDIES: Final = Table(
    "studies",
    "a study",
    ("study",),
    (
        _STUDY,
        text("time_zone", "IANA name of its time zone", "`time_zone` of the source"),
        flag("enabled", "its source is in use", "`enabled`"),
        number("sites", "at how many sites it scans", "counted"),
        flag("shifted", "its dates are shifted", "`shift_dates` of its `[history]`"),
        number("no_show_days", "days after which a missed exam is a no-show", "`no_show_days`"),
    ),
    parts=False,
)
PROTOCOLS: Final = Table(
    "protocols",
    "a protocol of a study",
    ("study", "protocol"),
    (
        _STUDY,
        text("protocol", "protocol", "`protocol_name`"),
        text("modality", "modality of its latest exam", "`modality`"),
        number("exams", "exams with it", "latest versions, counted"),
    ),
    parts=False,
)
CALENDAR: Final = Table(
    "calendar",
    "a day",
    ("day",),
    (
        Column(
            "day", "date", "day", "from the first to the last day of the export; in a bucket: 2000 to 2099"
        ),
        number("year", "year", "Gregorian"),
        number("month", "1 to 12", "Gregorian"),
        number("iso_year", "year of the ISO week", "ISO 8601"),
        number("iso_week", "ISO week", "ISO 8601"),
        number("weekday", "1 is Monday, 7 is Sunday", "ISO 8601"),
        flag("weekend", "Saturday or Sunday", "`weekday` over 5"),
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
        text("item_id", "id of the item", "`id`"),
        text("study_instance_uid", "Study Instance UID", "`study_instance_uid`"),
        text("accession_number", "accession number", "`accession_number`"),
        text("record", "REDCap's record", "`source_record`"),
        text("patient_id", "Patient ID", "`patient_id`"),
        text("patient_name", "name", "`patient_name`"),
        text("birth_date", "birth date, `YYYYMMDD`", "`patient_birth_date`"),
        number("shift_days", "days that its dates were moved by", "see Shifted dates"),
    ),
    parts=False,
    shared=False,
)

FACTS: Final = (EXAMS, STEPS, CHANGES, SYNCS, RELAY_MINUTES, QUERIES)
CURRENT: Final = {CURRENT_EXAMS: EXAMS, CURRENT_STEPS: STEPS}
"""What an export also writes, so that a question need not look for the newest versions among all."""
ORDER: Final = {CURRENT_EXAMS: ("scanner", "planned_at"), CURRENT_STEPS: ("scanner", "started_at")}
"""By what the rows of such a file are sorted: who counts by scanner or time then reads half as long."""
DIMENSIONS: Final = (SITES, SCANNERS, STUDIES, PROTOCOLS, CALENDAR)
TABLES: Final = {table.name: table for table in (*FACTS, *CURRENT, *DIMENSIONS, PARTICIPANTS)}
